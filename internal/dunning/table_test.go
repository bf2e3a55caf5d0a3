package dunning_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

var update = flag.Bool("update", false, "write docs/declines.md")

// documented holds the decline codes of docs.stripe.com/declines/codes.
var documented = strings.Fields(`approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
 card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent
 generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip insufficient_funds invalid_account
 invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available lost_card
 merchant_blacklist mobile_device_authentication_required new_account_information_available no_action_taken not_permitted
 offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error reenter_transaction
 restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed stolen_card
 stop_payment_order testmode_decline transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
 card_decline_rate_limit_exceeded payment_intent_authentication_failure highest_risk_level
 india_recurring_payment_mandate_canceled payment_intent_rate_limit_exceeded transaction_not_approved`)

func TestTable_EveryDocumentedCode(t *testing.T) {
	t.Parallel()
	for _, code := range documented {
		row, ok := dunning.Lookup(code)
		require.True(t, ok, code)
		byCode := dunning.Classify(billing.Failure{Code: code}, "visa")
		require.Equal(t, row, byCode.Row, code)
		require.Equal(t, row, dunning.Classify(declined(code), "visa").Row, code)
	}
}

// stripeConstants returns the values of a type's constants from stripe-go's source.
func stripeConstants(t *testing.T, typeName string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/stripe/stripe-go/v76").Output()
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), "error.go"), nil, 0)
	require.NoError(t, err)
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		named, ok := spec.Type.(*ast.Ident)
		if !ok || named.Name != typeName {
			return true
		}
		for _, v := range spec.Values {
			literal, ok := v.(*ast.BasicLit)
			require.True(t, ok)
			value, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			values = append(values, value)
		}
		return true
	})
	return values
}

func TestTable_EveryStripeGoDeclineCode(t *testing.T) {
	t.Parallel()
	codes := stripeConstants(t, "DeclineCode")
	require.GreaterOrEqual(t, len(codes), 47)
	for _, code := range codes {
		_, ok := dunning.Lookup(code)
		require.True(t, ok, "stripe-go's decline code %s has no row in the table", code)
	}
}

// TestTable_EveryStripeGoErrorCode requires a row for each error code, or its name in the list of
// codes that are not about a card.
func TestTable_EveryStripeGoErrorCode(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/not_card_failures.txt")
	require.NoError(t, err)
	others := strings.Fields(string(data))
	codes := stripeConstants(t, "ErrorCode")
	require.GreaterOrEqual(t, len(codes), 160)
	for _, code := range codes {
		_, inTable := dunning.Lookup(code)
		require.NotEqual(t, inTable, slices.Contains(others, code),
			"stripe-go's error code %s: give it a row in the table, or name it in testdata/not_card_failures.txt", code)
	}
	for _, code := range others {
		require.Contains(t, codes, code, "stripe-go no longer has this code")
	}
}

func TestTable_EveryRowIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[dunning.Class]bool{}
	for _, row := range dunning.Table() {
		require.Contains(t, dunning.Classes(), row.Class, row.Code)
		require.True(t, row.Reason.Valid(), row.Code)
		require.NotEmpty(t, row.Merchant, row.Code)
		seen[row.Class] = true
	}
	require.Len(t, seen, len(dunning.Classes()), "every class has a code")
}

func TestTable_FraudIsNeverShown(t *testing.T) {
	t.Parallel()
	secret := []string{"fraudulent", "merchant_blacklist", "stolen_card", "lost_card", "pickup_card", "restricted_card", "security_violation", "highest_risk_level"}
	for _, code := range secret {
		row, _ := dunning.Lookup(code)
		require.True(t, row.Secret, code)
	}
	plain := dunning.Classify(declined("generic_decline"), "visa").Reason
	for _, row := range dunning.Table() {
		if row.Secret {
			require.Equal(t, plain, row.Reason, row.Code)
			require.False(t, row.MayBeShown(), row.Code)
			require.Equal(t, billing.NoticePaymentFailed, row.Class.Notice(), row.Code)
		}
	}
	blocked := declined("insufficient_funds")
	blocked.Blocked = true
	require.Equal(t, plain, dunning.Classify(blocked, "visa").Reason)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why     string
		failure billing.Failure
		brand   string
		want    dunning.Class
	}{
		{"funds may come", declined("insufficient_funds"), "visa", dunning.ClassFunds},
		{"code without a decline code", billing.Failure{Code: "expired_card"}, "visa", dunning.ClassNewCard},
		{"decline code beats code", declined("expired_card"), "visa", dunning.ClassNewCard},
		{"authentication failed", billing.Failure{Code: "payment_intent_authentication_failure"}, "visa", dunning.ClassAuthenticate},
		{"consent withdrawn", declined("revocation_of_authorization"), "visa", dunning.ClassWithdrawn},
		{"a future code", declined("bad_weather"), "visa", dunning.ClassDeclined},
		{"nothing said", billing.Failure{}, "", dunning.ClassDeclined},
		{"blocked by Radar", billing.Failure{Code: "card_declined", DeclineCode: "generic_decline", Blocked: true}, "visa", dunning.ClassNewCard},
		{"advised against", billing.Failure{DeclineCode: "generic_decline", AdviceCode: "do_not_try_again"}, "visa", dunning.ClassNewCard},
		{"advised to check the card", billing.Failure{DeclineCode: "do_not_honor", AdviceCode: "confirm_card_data"}, "visa", dunning.ClassNewCard},
		{"advised to wait", billing.Failure{DeclineCode: "generic_decline", AdviceCode: "try_again_later"}, "visa", dunning.ClassDeclined},
		{"network: do not try again", billing.Failure{DeclineCode: "do_not_honor", NetworkAdviceCode: "03"}, "mastercard", dunning.ClassNewCard},
		{"network: cancelled", billing.Failure{DeclineCode: "do_not_honor", NetworkAdviceCode: "21"}, "mastercard", dunning.ClassWithdrawn},
		{"network: single use", billing.Failure{DeclineCode: "do_not_honor", NetworkAdviceCode: "41"}, "mastercard", dunning.ClassNewCard},
		{"network: later", billing.Failure{DeclineCode: "insufficient_funds", NetworkAdviceCode: "02"}, "mastercard", dunning.ClassFunds},
		{"Visa's category 1", billing.Failure{DeclineCode: "do_not_honor", NetworkDeclineCode: "46"}, "visa", dunning.ClassNewCard},
		{"the same number elsewhere", billing.Failure{DeclineCode: "do_not_honor", NetworkDeclineCode: "46"}, "mastercard", dunning.ClassDeclined},
		{"Visa's code for what is not permitted", billing.Failure{DeclineCode: "do_not_honor", NetworkDeclineCode: "57"}, "visa", dunning.ClassNewCard},
		{"Visa's code for suspected fraud", billing.Failure{DeclineCode: "do_not_honor", NetworkDeclineCode: "83"}, "visa", dunning.ClassDeclined},
		{"an e-mandate that the customer canceled", billing.Failure{Code: "india_recurring_payment_mandate_canceled"}, "visa", dunning.ClassWithdrawn},
		{"Visa's category 2", billing.Failure{DeclineCode: "do_not_honor", NetworkDeclineCode: "51"}, "visa", dunning.ClassDeclined},
		{"advice does not soften", billing.Failure{DeclineCode: "stolen_card", AdviceCode: "try_again_later"}, "visa", dunning.ClassStop},
		{"advice to wait is for those who may", billing.Failure{DeclineCode: "expired_card", NetworkAdviceCode: "24"}, "mastercard", dunning.ClassNewCard},
		{"ours", billing.Failure{DeclineCode: "invalid_amount", AdviceCode: "do_not_try_again"}, "visa", dunning.ClassOperator},
	} {
		require.Equal(t, tc.want, dunning.Classify(tc.failure, tc.brand).Class, tc.why)
	}
}

func TestDocument_MatchesTheDocumentation(t *testing.T) {
	t.Parallel()
	const file = "../../docs/declines.md"
	var want bytes.Buffer
	dunning.Document(&want)
	if *update {
		require.NoError(t, os.WriteFile(file, want.Bytes(), 0o600))
	}
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(doc), "go test ./internal/dunning -update writes it")
}
