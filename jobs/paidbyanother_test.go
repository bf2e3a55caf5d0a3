package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// paidByAnother has a declined charge paid by a PaymentIntent that names it but is not the charge's
// own.
func (b *bench) paidByAnother(c billing.Charge, amount int64) string {
	b.t.Helper()
	made, err := b.Gateway.CreatePaymentIntent(b.OnAccount(), "another", billing.PaymentParams{
		Amount: amount, Currency: c.Currency, Metadata: map[string]string{billing.MetaCharge: string(c.ID)},
	})
	require.NoError(b.t, err)
	require.NoError(b.t, b.Pay(made.ClientSecret, withCard(otherCard)))
	return made.ID
}

// intentStatus is the status of a PaymentIntent at Stripe.
func (b *bench) intentStatus(id string) billing.IntentStatus {
	b.t.Helper()
	pi, err := b.Gateway.PaymentIntent(b.OnAccount(), id)
	require.NoError(b.t, err)
	return pi.Status
}

func TestPaidByAnother_OpenOneIsVoided(t *testing.T) {
	for name, cancel := range map[string]bool{"owed": false, "canceled meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				c := b.Charge(b.failedOnce("insufficient_funds", nil), 2)
				if cancel {
					_, err := b.Operator().Cancel(b.t.Context(), c.PlanID, "")
					require.NoError(b.t, err)
				}
				paid := b.paidByAnother(c, c.Amount)
				b.Settle()
				require.Equal(b.t, billing.EventHandled, b.event("payment_intent.succeeded").Status)
				require.Equal(b.t, billing.IntentCanceled, b.intentStatus(c.PaymentIntent))
				after := b.Charge(c.PlanID, 2)
				require.Equal(b.t, billing.ChargeSucceeded, after.Status)
				require.Equal(b.t, paid, after.PaymentIntent)
				b.Advance(10)
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count)
				require.Empty(b.t, b.incidents(billing.IncidentPaidTwice))
			})
		})
	}
}

func TestPaidByAnother_OtherAmount(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.Charge(b.failedOnce("insufficient_funds", nil), 2)
		b.paidByAnother(c, c.Amount-1000)
		b.Settle()
		require.Equal(b.t, billing.IntentCanceled, b.intentStatus(c.PaymentIntent))
		b.Advance(10)
		require.Equal(b.t, billing.ChargeFailed, b.Charge(c.PlanID, 2).Status, "an operator must look")
		require.Equal(b.t, 1, b.audited(c.PlanID, "charge.amount_differs"))
		count, _ := b.Succeeded()
		require.Equal(b.t, 2, count, "nothing more is charged")
	})
}

func TestPaidByAnother_OpenOnePaidMeanwhile(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.Charge(b.failedOnce("insufficient_funds", nil), 2)
		secret := b.secretOf(c)
		b.Gateway.BeforeCancel = func() {
			b.Gateway.BeforeCancel = nil
			require.NoError(b.t, b.Pay(secret, withCard(otherCard)))
		}
		second := b.paidByAnother(c, c.Amount)
		b.Settle()
		after := b.Charge(c.PlanID, 2)
		require.Equal(b.t, billing.ChargeSucceeded, after.Status)
		require.Equal(b.t, c.PaymentIntent, after.PaymentIntent)
		b.requirePaidTwice(after, second)
		b.requireRefunded(after, second)
	})
}

// Stripe does not cancel the open PaymentIntent: until it does, nothing is recorded and nothing is
// tried.
func TestPaidByAnother_NotSeenCanceled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.Charge(b.failedOnce("insufficient_funds", nil), 2)
		working := b.Gateway.Gateway
		b.Gateway.Gateway = &noCancel{working}
		paid := b.paidByAnother(c, c.Amount)
		b.Settle()
		held := b.Charge(c.PlanID, 2)
		require.Equal(b.t, c.PaymentIntent, held.PaymentIntent)
		require.Zero(b.t, held.NextAttemptAt)
		require.Contains(b.t, held.Reason, "it was paid by "+paid)
		b.Gateway.Gateway = working
		b.Advance(2)
		require.Equal(b.t, paid, b.Charge(c.PlanID, 2).PaymentIntent)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(c.PlanID, 2).Status)
		count, _ := b.Succeeded()
		require.Equal(b.t, 2, count)
	})
}

// The answer to a retry is lost: its outcome is determined before another PaymentIntent's payment
// is recorded.
func TestPaidByAnother_OutcomeUnknown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.Charge(b.failedOnce("insufficient_funds", nil), 2)
		b.SetNow(c.NextAttemptAt)
		b.loseAnswer()
		b.RunDue()
		b.Arrived() // the decline's event is lost
		paid := b.paidByAnother(c, c.Amount)
		b.Advance(1)
		d := b.Details(c.PlanID)
		require.Equal(b.t, paid, d.Charges[1].PaymentIntent)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, billing.OutcomeDeclined, d.Attempts[c.ID][1].Outcome)
	})
}
