package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// The charge and the PaymentIntent of these tests agree until a test changes them.
func charge(status billing.ChargeStatus) billing.Charge {
	c := billing.Charge{ID: "chg_1", PlanID: "plan_1", Amount: 500, Currency: "usd", Status: status, PaymentIntent: "pi_1"}
	switch status {
	case billing.ChargeRefunded:
		c.AmountRefunded = c.Amount
	case billing.ChargeDisputed:
		c.DisputeStatus = billing.DisputeNeedsResponse
	}
	return c
}

func payment(status billing.IntentStatus, change func(p *billing.RecordedPayment)) billing.RecordedPayment {
	p := billing.RecordedPayment{PaymentIntent: billing.PaymentIntent{ID: "pi_1", Status: status, Amount: 500, Currency: "usd"}}
	if status == billing.IntentSucceeded {
		p.AmountReceived = 500
	}
	if change != nil {
		change(&p)
	}
	return p
}

// kindsOf returns the kinds of the findings, with a mark on those that can be repaired.
func kindsOf(findings []Finding) []string {
	all := []string{}
	for _, f := range findings {
		mark := ""
		if f.repair != "" {
			mark = " by " + f.repair
		}
		all = append(all, string(f.Kind)+mark)
	}
	return all
}

func TestDifferencesOfAChargeAndItsPaymentIntent(t *testing.T) {
	t.Parallel()
	refunded := func(amount int64) func(*billing.RecordedPayment) {
		return func(p *billing.RecordedPayment) { p.AmountRefunded = amount }
	}
	disputed := func(p *billing.RecordedPayment) { p.Disputed = true }
	for name, tc := range map[string]struct {
		here   billing.ChargeStatus
		there  billing.IntentStatus
		change func(*billing.RecordedPayment)
		want   string
	}{
		"paid on both sides":         {billing.ChargeSucceeded, billing.IntentSucceeded, nil, ""},
		"waits on both sides":        {billing.ChargeRequiresAction, billing.IntentRequiresPaymentMethod, nil, ""},
		"given up, and open there":   {billing.ChargeFailed, billing.IntentRequiresPaymentMethod, nil, ""},
		"canceled on both sides":     {billing.ChargeCanceled, billing.IntentCanceled, nil, ""},
		"under way":                  {billing.ChargeCollecting, billing.IntentProcessing, nil, ""},
		"paid there":                 {billing.ChargeCollecting, billing.IntentSucceeded, nil, "succeeded_not_here by payment_intent.succeeded"},
		"given up, and paid there":   {billing.ChargeFailed, billing.IntentSucceeded, nil, "succeeded_not_here by payment_intent.succeeded"},
		"canceled, and paid there":   {billing.ChargeCanceled, billing.IntentSucceeded, nil, "succeeded_not_here by payment_intent.succeeded"},
		"canceled there":             {billing.ChargeRetrying, billing.IntentCanceled, nil, "canceled_not_here by payment_intent.canceled"},
		"paid here, waits there":     {billing.ChargeSucceeded, billing.IntentRequiresPaymentMethod, nil, "paid_not_there"},
		"paid here, canceled there":  {billing.ChargeSucceeded, billing.IntentCanceled, nil, "paid_not_there"},
		"refunded, never paid there": {billing.ChargeRefunded, billing.IntentProcessing, nil, "paid_not_there"},
		"another amount": {billing.ChargeCollecting, billing.IntentSucceeded,
			func(p *billing.RecordedPayment) { p.Amount = 600 }, "amount_differs"},
		"another currency": {billing.ChargeSucceeded, billing.IntentSucceeded,
			func(p *billing.RecordedPayment) { p.Currency = "eur" }, "amount_differs"},
		"less received": {billing.ChargeSucceeded, billing.IntentSucceeded,
			func(p *billing.RecordedPayment) { p.AmountReceived = 400 }, "amount_differs"},
		"received amount not listed": {billing.ChargeSucceeded, billing.IntentSucceeded,
			func(p *billing.RecordedPayment) { p.AmountReceived = 0 }, ""},
		"another amount, canceled": {billing.ChargeCanceled, billing.IntentCanceled,
			func(p *billing.RecordedPayment) { p.Amount = 600 }, ""},
		"refunded there":         {billing.ChargeSucceeded, billing.IntentSucceeded, refunded(500), "refunded_not_here by charge.refunded"},
		"refunded in part":       {billing.ChargeSucceeded, billing.IntentSucceeded, refunded(499), "refunded_not_here by charge.refunded"},
		"refunded on both sides": {billing.ChargeRefunded, billing.IntentSucceeded, refunded(500), ""},
		"refunded here":          {billing.ChargeRefunded, billing.IntentSucceeded, refunded(100), "refunded_not_there by charge.refunded"},
		"disputed there":         {billing.ChargeSucceeded, billing.IntentSucceeded, disputed, "disputed_not_here by charge.dispute.created"},
		"disputed on both sides": {billing.ChargeDisputed, billing.IntentSucceeded, disputed, ""},
		"disputed here":          {billing.ChargeDisputed, billing.IntentSucceeded, nil, "disputed_not_there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{}
			if tc.want != "" {
				want = append(want, tc.want)
			}
			require.Equal(t, want, kindsOf(compareCharge(charge(tc.here), payment(tc.there, tc.change))))
		})
	}
}

func TestPaymentIntentsThatNoChargeHas(t *testing.T) {
	t.Parallel()
	with := func(key, value string) func(*billing.RecordedPayment) {
		return func(p *billing.RecordedPayment) { p.Metadata = map[string]string{key: value} }
	}
	bare, other, elsewhere := charge(billing.ChargeCollecting), charge(billing.ChargeSucceeded), charge(billing.ChargeCollecting)
	unpaid := charge(billing.ChargeCollecting)
	unpaid.PaymentIntent = "pi_2"
	bare.PaymentIntent, other.PaymentIntent, elsewhere.PaymentIntent, elsewhere.Amount = "", "pi_2", "", 900
	for name, tc := range map[string]struct {
		there  billing.IntentStatus
		change func(*billing.RecordedPayment)
		named  []billing.Charge
		want   []string
	}{
		"none of ours":             {billing.IntentSucceeded, nil, nil, []string{}},
		"asks for a plan, paid":    {billing.IntentSucceeded, with(billing.MetaKind, "deposit"), nil, []string{"succeeded_not_here by payment_intent.succeeded"}},
		"asks for a plan, unpaid":  {billing.IntentRequiresAction, with(billing.MetaKind, "deposit"), nil, []string{}},
		"of a charge that is gone": {billing.IntentSucceeded, with(billing.MetaCharge, "chg_1"), nil, []string{"orphan_payment_intent"}},
		"gone, and canceled":       {billing.IntentCanceled, with(billing.MetaCharge, "chg_1"), nil, []string{}},
		"its id was lost, paid": {billing.IntentSucceeded, with(billing.MetaCharge, "chg_1"), []billing.Charge{bare},
			[]string{"succeeded_not_here by payment_intent.succeeded"}},
		"its id was lost, another amount": {billing.IntentSucceeded, with(billing.MetaCharge, "chg_1"), []billing.Charge{elsewhere}, []string{"amount_differs"}},
		"its id was lost, declined":       {billing.IntentRequiresPaymentMethod, with(billing.MetaCharge, "chg_1"), []billing.Charge{bare}, []string{}},
		"paid twice":                      {billing.IntentSucceeded, with(billing.MetaCharge, "chg_1"), []billing.Charge{other}, []string{"second_payment by payment_intent.succeeded"}},
		"paid twice, and refunded": {billing.IntentSucceeded, func(p *billing.RecordedPayment) {
			with(billing.MetaCharge, "chg_1")(p)
			p.AmountRefunded = p.Amount
		}, []billing.Charge{other}, []string{}},
		"two paid, neither known": {billing.IntentSucceeded, with(billing.MetaCharge, "chg_1"), []billing.Charge{unpaid}, []string{"second_payment by payment_intent.succeeded"}},
		"a second one, open":      {billing.IntentRequiresPaymentMethod, with(billing.MetaCharge, "chg_1"), []billing.Charge{other}, []string{"orphan_payment_intent"}},
		"a second one, canceled":  {billing.IntentCanceled, with(billing.MetaCharge, "chg_1"), []billing.Charge{other}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, kindsOf(compareUnclaimed(payment(tc.there, tc.change), tc.named)))
		})
	}
}

func TestPaymentIntentsThatStripeDoesNotKnow(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"paid_not_there"}, kindsOf(compareMissing(charge(billing.ChargeSucceeded))))
	require.Equal(t, []string{"payment_intent_missing"}, kindsOf(compareMissing(charge(billing.ChargeRetrying))))
}

func TestAFindingSaysBothSides(t *testing.T) {
	t.Parallel()
	f := compareCharge(charge(billing.ChargeSucceeded), payment(billing.IntentSucceeded, func(p *billing.RecordedPayment) {
		p.AmountReceived, p.AmountRefunded, p.Disputed = 400, 100, true
	}))[0]
	require.Equal(t, "succeeded, 5.00 USD", f.Here)
	require.Equal(t, "succeeded, 5.00 USD, received 4.00 USD, refunded 1.00 USD, disputed", f.There)
	require.Equal(t, Left, f.Outcome)
	require.NotEmpty(t, f.Advice)
}
