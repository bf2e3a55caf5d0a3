package dunning_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

var (
	policy = dunning.DefaultPolicy(billing.LocalTime{Hour: 9})
	now    = time.Date(2026, 3, 27, 23, 30, 0, 0, time.UTC)
	london = billing.LoadLocation("Europe/London")
)

// documented are the decline codes of docs.stripe.com/declines/codes.
var documented = strings.Fields(`approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
 card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent
 generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip insufficient_funds invalid_account
 invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available lost_card
 merchant_blacklist mobile_device_authentication_required new_account_information_available no_action_taken not_permitted
 offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error reenter_transaction
 restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed stolen_card
 stop_payment_order testmode_decline transaction_not_allowed try_again_later withdrawal_count_limit_exceeded`)

func TestEveryDocumentedCodeHasARowOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, code := range documented {
		byDecline := dunning.Classify(billing.Failure{Code: "card_declined", DeclineCode: code})
		byCode := dunning.Classify(billing.Failure{Code: code})
		require.Equal(t, byDecline, byCode, code)
		require.NotEmpty(t, byDecline.Reason, code)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why     string
		failure billing.Failure
		want    dunning.Class
	}{
		{"funds may come", billing.Failure{Code: "card_declined", DeclineCode: "insufficient_funds"}, dunning.ClassRetry},
		{"code without a decline code", billing.Failure{Code: "expired_card"}, dunning.ClassNewCard},
		{"decline code beats code", billing.Failure{Code: "card_declined", DeclineCode: "expired_card"}, dunning.ClassNewCard},
		{"the bank asks for the customer", billing.Failure{Code: "authentication_required", DeclineCode: "authentication_required"}, dunning.ClassAuthenticate},
		{"authentication failed", billing.Failure{Code: "payment_intent_authentication_failure"}, dunning.ClassAuthenticate},
		{"stolen", billing.Failure{Code: "card_declined", DeclineCode: "stolen_card"}, dunning.ClassStop},
		{"consent withdrawn", billing.Failure{Code: "card_declined", DeclineCode: "revocation_of_authorization"}, dunning.ClassStop},
		{"a code of tomorrow", billing.Failure{Code: "card_declined", DeclineCode: "bad_weather"}, dunning.ClassRetry},
		{"nothing said", billing.Failure{}, dunning.ClassRetry},
		{"advised against", billing.Failure{DeclineCode: "generic_decline", AdviceCode: "do_not_try_again"}, dunning.ClassNewCard},
		{"advised to wait", billing.Failure{DeclineCode: "generic_decline", AdviceCode: "try_again_later"}, dunning.ClassRetry},
		{"ours", billing.Failure{DeclineCode: "invalid_amount"}, dunning.ClassOperator},
	} {
		require.Equal(t, tc.want, dunning.Classify(tc.failure).Class, tc.why)
	}
}

func TestFraudIsNeverTold(t *testing.T) {
	t.Parallel()
	generic := dunning.Classify(billing.Failure{DeclineCode: "generic_decline"}).Reason
	for _, code := range []string{"fraudulent", "merchant_blacklist", "stolen_card", "lost_card", "pickup_card", "restricted_card", "security_violation"} {
		require.Equal(t, generic, dunning.Classify(billing.Failure{DeclineCode: code}).Reason, code)
	}
}

func TestRetriesFollowTheDaysAtTheCustomersMorningAndEnd(t *testing.T) {
	t.Parallel()
	f := billing.Failure{Code: "card_declined", DeclineCode: "insufficient_funds"}
	var waits []int
	at := now
	for failed := 1; ; failed++ {
		d := policy.Decide(f, failed, at, london)
		require.Equal(t, billing.NoticePaymentFailed, d.Notice)
		if d.Status == billing.ChargeFailed {
			require.True(t, d.NextAttemptAt.IsZero())
			break
		}
		require.Equal(t, billing.ChargeRetrying, d.Status)
		require.Equal(t, 9, d.NextAttemptAt.In(london).Hour(), "over the change to summer time too")
		waits = append(waits, int(billing.DateOf(d.NextAttemptAt, london).At(billing.LocalTime{}, time.UTC).Sub(
			billing.DateOf(at, london).At(billing.LocalTime{}, time.UTC)).Hours()/24))
		at = d.NextAttemptAt
	}
	require.Equal(t, policy.RetryDays, waits)
}

func TestWhatEachClassLeadsTo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   string
		status billing.ChargeStatus
		notice billing.NoticeKind
		timed  bool
		revoke bool
	}{
		{"insufficient_funds", billing.ChargeRetrying, billing.NoticePaymentFailed, true, false},
		{"authentication_required", billing.ChargeRequiresAction, billing.NoticeActionRequired, false, false},
		{"expired_card", billing.ChargeRequiresPaymentMethod, billing.NoticePaymentFailed, false, false},
		{"lost_card", billing.ChargeFailed, billing.NoticePaymentFailed, false, true},
		{"revocation_of_all_authorizations", billing.ChargeFailed, billing.NoticePaymentFailed, false, true},
		{"duplicate_transaction", billing.ChargeRetrying, "", true, false},
	} {
		d := policy.Decide(billing.Failure{Code: "card_declined", DeclineCode: tc.code}, 1, now, london)
		require.Equal(t, tc.status, d.Status, tc.code)
		require.Equal(t, tc.notice, d.Notice, tc.code)
		require.Equal(t, tc.timed, !d.NextAttemptAt.IsZero(), tc.code)
		require.Equal(t, tc.revoke, d.RevokeCard, tc.code)
		require.Contains(t, d.Reason, tc.code)
	}
}

func TestWhatIsNotTheCustomersFaultIsNotTold(t *testing.T) {
	t.Parallel()
	f := billing.Failure{Code: "parameter_invalid_integer"}
	for failed := 1; failed <= len(policy.OperatorDays)+1; failed++ {
		d := policy.DecideRefused(f, failed, now, london)
		require.Empty(t, d.Notice)
		want := billing.ChargeRetrying
		if failed > len(policy.OperatorDays) {
			want = billing.ChargeFailed
		}
		require.Equal(t, want, d.Status)
	}
}

func TestAttemptsStayUnderStripesAdvice(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, 1+len(policy.RetryDays), 8)
	require.False(t, slices.ContainsFunc(policy.RetryDays, func(d int) bool { return d < 1 }), "at least a day between attempts")
}
