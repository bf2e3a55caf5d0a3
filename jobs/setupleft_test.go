package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// On the recovery page a new card is confirmed with setup_future_usage, which stays on the
// PaymentIntent if the card is declined. Stripe does not confirm such a PaymentIntent off-session,
// so the timed retry clears it first.
func TestARetrySurvivesACardThatWasDeclinedOnTheRecoveryPage(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(func(t *terms.Terms) { t.Parts = 2 })
		poorOnce := stripesim.PaymentDetails{
			Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session",
			Metadata: map[string]string{"sim_decline_later": "insufficient_funds", "sim_decline_count": "1"},
		}
		require.NoError(b.t, b.Pay(p.FirstPayment.ClientSecret, poorOnce))
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRetrying, c.Status)

		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
		require.NoError(b.t, err)
		require.Error(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: neverFunds}, SetupFutureUsage: "off_session"}))
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 2).NextAttemptAt)
		b.Settle()

		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status, d.Charges[1].Reason)
		attempts := d.Attempts[c.ID]
		require.Equal(b.t, []billing.Outcome{
			billing.OutcomeDeclined, billing.OutcomeDeclined, billing.OutcomeError, billing.OutcomeSucceeded,
		}, outcomes(attempts))
		require.False(b.t, attempts[2].Params.ClearSetup, "nothing unusual is asked for before it is needed")
		require.True(b.t, attempts[3].Params.ClearSetup)
		require.NotEqual(b.t, attempts[2].IdempotencyKey, attempts[3].IdempotencyKey)
		require.Len(b.t, b.Intents(), 2, "one PaymentIntent for each charge")
		count, sum := b.Succeeded()
		require.Equal(b.t, 2, count)
		require.Equal(b.t, p.Plan.Total, sum)
	})
}

// outcomes lists the outcomes of the attempts, in their order.
func outcomes(attempts []billing.Attempt) []billing.Outcome {
	all := make([]billing.Outcome, len(attempts))
	for i, a := range attempts {
		all[i] = a.Outcome
	}
	return all
}
