package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
)

// keyForgotten is longer than Stripe remembers a key, in hours. An Indian card takes 26 hours.
const keyForgotten = 30

// processing creates a plan whose second payment Stripe has been processing for some hours: it was
// accepted, and has no result until the test ends it.
func (b *bench) processing(hours int) (billing.PlanID, billing.Charge) {
	b.t.Helper()
	plan := b.startedWith(stripesim.PaymentDetails{
		Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session", Metadata: map[string]string{"sim_processing": "0"},
	}, nil)
	before := b.Notices(plan)
	b.SetNow(b.Charge(plan, 2).DueAt)
	b.Settle()
	for range hours {
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		b.requireProcessing(plan)
		require.Equal(b.t, before, b.Notices(plan), "nobody is written to")
	}
	return plan, b.Charge(plan, 2)
}

// requireProcessing requires one attempt at the second charge that was sent once and waits.
func (b *bench) requireProcessing(plan billing.PlanID) {
	b.t.Helper()
	d := b.Details(plan)
	c := d.Charges[1]
	require.Equal(b.t, billing.ChargeCollecting, c.Status)
	require.Equal(b.t, "Stripe is processing the payment", c.Reason)
	require.Equal(b.t, billing.PlanActive, d.Plan.Status)
	require.Len(b.t, d.Attempts[c.ID], 1)
	require.Equal(b.t, billing.OutcomeProcessing, d.Attempts[c.ID][0].Outcome)
	_, err := b.Store.Dunning(b.t.Context(), c.ID)
	require.ErrorIs(b.t, err, billing.ErrNotFound, "it is not chased")
	require.Len(b.t, b.Intents(), 2)
	require.Len(b.t, b.request("GET", "/v1/charges?limit=100", nil)["data"], 1)
}

func TestAPaymentThatIsProcessingIsSettledByItsEventOrLookedUp(t *testing.T) {
	for name, hears := range map[string]bool{"by its event": true, "by a look-up": false} {
		for end, code := range map[string]string{"paid": "", "declined": "insufficient_funds"} {
			t.Run(name+", "+end, func(t *testing.T) {
				eachEngine(t, func(b *bench) {
					plan, c := b.processing(keyForgotten)
					if !hears {
						require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
					}
					require.NoError(b.t, b.Sim.EndProcessing(c.PaymentIntent, code))
					b.Settle()
					if !hears {
						require.Equal(b.t, billing.ChargeCollecting, b.Charge(plan, 2).Status)
						b.SetNow(b.Now().Add(time.Hour))
						b.Settle()
					}
					d := b.Details(plan)
					require.Len(b.t, d.Attempts[c.ID], 1, "it is not charged again")
					count, _ := b.Succeeded()
					if code == "" {
						require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
						require.Equal(b.t, billing.OutcomeSucceeded, d.Attempts[c.ID][0].Outcome)
						require.Equal(b.t, 2, count)
						return
					}
					require.Equal(b.t, billing.ChargeRetrying, d.Charges[1].Status)
					require.Equal(b.t, code, d.Attempts[c.ID][0].Failure.DeclineCode)
					require.Equal(b.t, 1, count)
				})
			})
		}
	}
}

// TestProcessing_EndedWhileTheKeyLives loses the event. The same request under the same key would
// still be answered with "processing", so the payment is looked up.
func TestProcessing_EndedWhileTheKeyLives(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, c := b.processing(2)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		require.NoError(b.t, b.Sim.EndProcessing(c.PaymentIntent, ""))
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status)
	})
}

func TestAPlanIsCanceledWhileItsPaymentIsProcessing(t *testing.T) {
	for name, code := range map[string]string{"paid all the same": "", "declined": "insufficient_funds"} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan, c := b.processing(keyForgotten)
				_, err := b.Operator().Cancel(b.t.Context(), plan, "")
				require.NoError(b.t, err)
				b.Settle() // Stripe refuses to cancel what it is processing
				require.NoError(b.t, b.Sim.EndProcessing(c.PaymentIntent, code))
				b.Advance(2)
				d := b.Details(plan)
				require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
				require.Len(b.t, d.Attempts[c.ID], 1)
				count, _ := b.Succeeded()
				if code == "" {
					require.Equal(b.t, 2, count)
					require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, "the money that came is not forgotten")
					return
				}
				require.Equal(b.t, 1, count)
				require.Equal(b.t, billing.ChargeCanceled, d.Charges[1].Status)
				require.Equal(b.t, billing.IntentCanceled, b.intentStatus(c.PaymentIntent), "nothing can be paid any more")
			})
		})
	}
}
