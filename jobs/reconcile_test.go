package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/reconcile"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// eachEngineInTurn runs a test on one database after the other.
func eachEngineInTurn(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(newBench(t, storetest.SQLite(t))) })
	t.Run("postgres", func(t *testing.T) { test(newBench(t, storetest.Postgres(t))) })
}

// reconcile compares the last days with the simulator's record.
func (b *bench) reconcile(days int) (reconcile.Summary, []reconcile.Finding) {
	b.t.Helper()
	var found []reconcile.Finding
	summary, err := reconcile.Run(b.t.Context(), b.record(), b.ledger(), reconcile.Options{
		From: b.Now().AddDate(0, 0, -days), To: b.Now().Add(time.Second), Now: b.Now,
		Found: func(f reconcile.Finding) error { found = append(found, f); return nil },
	})
	require.NoError(b.t, err)
	return summary, found
}

func kinds(found []reconcile.Finding) (all []reconcile.Kind) {
	for _, f := range found {
		all = append(all, f.Kind)
	}
	return all
}

func TestALifeThatWentWellHasNothingToReconcile(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.life(b.Settle)
		summary, found := b.reconcile(120)
		require.Empty(b.t, found)
		require.Equal(b.t, reconcile.Summary{PaymentIntents: 3, Charges: 3}, summary)
	})
}

func TestWhatSucceededThereAndNotHereIsRepairedByTheWayOfAnEvent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.post("/v1/payment_intents", "amount", "5000", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
			"payment_method_types[]", "card", "setup_future_usage", "off_session", "metadata[tranche_reference]", "adopted",
			"metadata[tranche_kind]", "installments", "metadata[tranche_total]", "20000", "metadata[tranche_parts]", "4",
			"metadata[tranche_every]", "1 month", "metadata[tranche_email]", "a@example.com")
		_, found := b.reconcile(1)
		require.Empty(b.t, found, "its webhook may be on its way")

		b.SetNow(b.Now().Add(time.Hour))
		summary, found := b.reconcile(1)
		require.Equal(b.t, []reconcile.Kind{reconcile.SucceededNotHere, reconcile.SucceededNotHere}, kinds(found))
		require.Equal(b.t, 2, summary.Queued)
		require.Zero(b.t, summary.Left)
		_, again := b.reconcile(1)
		require.Equal(b.t, found, again, "queued once")
		b.RunDue()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
		adopted, err := b.Store.PlanByReference(b.t.Context(), "adopted")
		require.NoError(b.t, err)
		require.Equal(b.t, billing.PlanActive, adopted.Status)
		_, found = b.reconcile(1)
		require.Empty(b.t, found)
	})
}

func TestARepairThatDidNotHelpIsLeftToSomebody(t *testing.T) {
	eachEngine(t, func(b *bench) {
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		b.post("/v1/payment_intents", "amount", "5000", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
			"payment_method_types[]", "card", "metadata[tranche_kind]", "installments", "metadata[tranche_total]", "many")
		b.SetNow(b.Now().Add(time.Hour))
		summary, _ := b.reconcile(1)
		require.Equal(b.t, 1, summary.Queued)
		b.RunDue()
		summary, found := b.reconcile(1)
		require.Equal(b.t, 1, summary.Left)
		require.Equal(b.t, reconcile.Left, found[0].Outcome)
		require.Contains(b.t, found[0].Advice, "failed (metadata of pi_")
		require.Contains(b.t, found[0].Advice, "tranche event retry rec_pi_")
	})
}

func TestAPaymentOnTheRecoveryPageIsFoundLongAfterItFellDue(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(authAlways, nil)
		b.Advance(33)
		second := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresAction, second.Status)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), second.PaymentIntent)
		require.NoError(b.t, err)
		b.Advance(12)
		require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{PaymentMethod: pi.LastErrorPaymentMethod}))
		_, found := b.reconcile(3)
		require.Equal(b.t, []reconcile.Kind{reconcile.SucceededNotHere}, kinds(found))
		b.RunDue()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestCanceledRefundedAndDisputedAtStripe(t *testing.T) {
	eachEngine(t, func(b *bench) {
		refunded := b.Started(good, nil)
		disputed := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		partly := b.Started(good, func(t *terms.Terms) { t.Reference = "order-3" })
		canceled := b.Plan(func(t *terms.Terms) { t.Reference = "order-4" })
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		b.post("/v1/refunds", "payment_intent", refunded.FirstPayment.ID)
		b.post("/v1/refunds", "payment_intent", partly.FirstPayment.ID, "amount", "100")
		_, err := b.Sim.Dispute(disputed.FirstPayment.ID, "fraudulent")
		require.NoError(b.t, err)
		b.post("/v1/payment_intents/" + canceled.FirstPayment.ID + "/cancel")
		b.SetNow(b.Now().Add(time.Hour))
		summary, found := b.reconcile(1)
		require.ElementsMatch(b.t, []reconcile.Kind{
			reconcile.RefundedNotHere, reconcile.RefundedNotHere, reconcile.DisputedNotHere, reconcile.CanceledNotHere,
		}, kinds(found))
		require.Zero(b.t, summary.Left)
		b.RunDue()
		require.Equal(b.t, billing.ChargeRefunded, b.Charge(refunded.Plan.ID, 1).Status)
		require.EqualValues(b.t, 100, b.Charge(partly.Plan.ID, 1).AmountRefunded)
		require.Equal(b.t, billing.ChargeDisputed, b.Charge(disputed.Plan.ID, 1).Status)
		require.Equal(b.t, billing.PlanCanceled, b.Details(canceled.Plan.ID).Plan.Status)
		_, found = b.reconcile(1)
		require.Empty(b.t, found, "now both say the same")
	})
}
