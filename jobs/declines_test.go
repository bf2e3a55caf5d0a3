package jobs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// declinesLater pays the first payment with a card that declines later payments with the given
// code.
func declinesLater(code string, more ...string) stripesim.PaymentDetails {
	metadata := map[string]string{"sim_decline_later": code}
	for i := 0; i+1 < len(more); i += 2 {
		metadata[more[i]] = more[i+1]
	}
	return stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session", Metadata: metadata}
}

// startedWith creates a plan and pays its first payment in the given way.
func (b *bench) startedWith(details stripesim.PaymentDetails, change func(t *terms.Terms)) billing.PlanID {
	b.t.Helper()
	p := b.Plan(change)
	require.NoError(b.t, b.Pay(p.FirstPayment.ClientSecret, details))
	b.Settle()
	return p.Plan.ID
}

// telltale are words that would reveal to a thief what is known of a card.
var telltale = []string{"lost", "stolen", "fraud", "blacklist", "pickup", "pick up", "restricted", "security_violation", "risk", "radar", "blocked"}

// TestEveryDeclineCodeFromStripeToTheMail runs every code through the simulator, the policy and the
// notice.
func TestEveryDeclineCodeFromStripeToTheMail(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plans := map[string]billing.PlanID{}
		for _, row := range dunning.Table() {
			if row.Code == dunning.CodeBlocked {
				continue // no code: shown only by the outcome of Stripe's charge
			}
			plans[row.Code] = b.startedWith(declinesLater(row.Code), func(t *terms.Terms) {
				t.Reference, t.Parts, t.Customer.Reference = "order-"+row.Code, 2, "cust-"+row.Code
			})
		}
		b.SetNow(b.Charge(plans["do_not_honor"], 2).DueAt.Add(1))
		b.Settle()
		for code, plan := range plans {
			d := b.Details(plan)
			c := d.Charges[1]
			attempts := d.Attempts[c.ID]
			require.Len(b.t, attempts, 1, code)
			row := dunning.Classify(attempts[0].Failure, "visa")
			if !strings.HasSuffix(code, "_risk_level") { // which Stripe reports as fraudulent
				require.Equal(b.t, code, row.Code)
			}
			require.Equal(b.t, statusOf(row.Class), c.Status, code)
			require.Equal(b.t, row.Class.Timed(), !c.NextAttemptAt.IsZero(), code)
			require.Equal(b.t, row.Class == dunning.ClassWithdrawn, d.Plan.Status == billing.PlanPaused, code)
			card, err := b.Store.Card(b.t.Context(), d.Plan.CardID)
			require.NoError(b.t, err)
			stopped := row.Class == dunning.ClassStop || row.Class == dunning.ClassWithdrawn
			require.Equal(b.t, stopped, card.Status == billing.CardRevoked, code)
			b.requireTold(plan, code, row)
		}
	})
}

func statusOf(c dunning.Class) billing.ChargeStatus {
	switch c.Action() {
	case dunning.ActionAuthenticate:
		return billing.ChargeRequiresAction
	case dunning.ActionAskForCard:
		return billing.ChargeRequiresPaymentMethod
	case dunning.ActionStopCard, dunning.ActionStopPlan:
		return billing.ChargeFailed
	default:
		return billing.ChargeRetrying
	}
}

// requireTold checks the texts that the customer gets about a failure.
func (b *bench) requireTold(plan billing.PlanID, code string, row dunning.Verdict) {
	b.t.Helper()
	all, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Plan: plan})
	require.NoError(b.t, err)
	told := all[:len(all)-1] // the oldest is the first payment's receipt
	if row.Class.Notice() == "" {
		require.Empty(b.t, told, code)
		return
	}
	require.Len(b.t, told, 1, code)
	require.Equal(b.t, row.Class.Notice(), told[0].Kind, code)
	require.Equal(b.t, row.Reason, told[0].Data.FailureReason, code)
	require.Equal(b.t, billing.NoticeSent, told[0].Status, "%s: %s", code, told[0].Reason)
	if row.MayBeShown() {
		return
	}
	require.Equal(b.t, billing.ReasonDeclined, told[0].Data.FailureReason, code)
	n := told[0]
	n.Data.Reference = "" // the test's own, which names the code
	data, err := json.Marshal(n.Data)
	require.NoError(b.t, err)
	mail, err := notify.Render(n, notify.Merchant{})
	require.NoError(b.t, err)
	for _, word := range append(telltale, code) {
		require.NotContains(b.t, strings.ToLower(fmt.Sprint(string(data), mail.Subject, mail.Text)), word, code)
	}
}

func TestAdviceFromTheNetworkStopsOrPutsOffARetry(t *testing.T) {
	eachEngine(t, func(b *bench) {
		for name, tc := range map[string]struct {
			field, value string
			status       billing.ChargeStatus
			days         int // minimum days until the retry
		}{
			"issuer":  {"sim_advice_code", "do_not_try_again", billing.ChargeRequiresPaymentMethod, 0},
			"network": {"sim_network_advice_code", "03", billing.ChargeRequiresPaymentMethod, 0},
			"visa":    {"sim_network_decline_code", "46", billing.ChargeRequiresPaymentMethod, 0},
			"gone":    {"sim_network_advice_code", "21", billing.ChargeFailed, 0},
			"wait":    {"sim_network_advice_code", "29", billing.ChargeRetrying, 8},
		} {
			plan := b.startedWith(declinesLater("insufficient_funds", tc.field, tc.value), func(t *terms.Terms) {
				t.Reference, t.Customer.Reference = name, name
			})
			b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
			b.Settle()
			c := b.Charge(plan, 2)
			require.Equal(b.t, tc.status, c.Status, "%s: %s", name, c.Reason)
			if tc.days > 0 {
				require.False(b.t, c.NextAttemptAt.Before(b.Now().AddDate(0, 0, tc.days)), name)
			}
			b.SetNow(start)
		}
	})
}
