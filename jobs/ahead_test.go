package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
)

// TestAttempt_ByAClockAhead has a worker whose clock is 20 days ahead lose Stripe's answer. The age
// of its key is unknown, so the request is looked up and never sent again.
func TestAttempt_ByAClockAhead(t *testing.T) {
	for name, arrives := range map[string]bool{"the request arrived": true, "the request never arrived": false} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				right := b.Now()
				b.SetNow(right.AddDate(0, 0, 20)) // the next charge is not due yet
				if arrives {
					b.loseAnswer()
				} else {
					require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				}
				b.RunDue()
				b.Arrived() // lost
				require.Equal(b.t, billing.ChargeCollecting, b.Charge(p.Plan.ID, 2).Status)

				b.SetNow(right.Add(time.Hour))
				b.Gateway.Calls = 0
				n, err := b.Store.ReleaseClaims(b.t.Context(), b.Now(), b.Now().Add(2*time.Hour))
				require.NoError(b.t, err)
				require.Positive(b.t, n)
				for range 4 {
					b.RunDue()
					if arrives {
						require.Zero(b.t, b.Gateway.Calls, "nothing is sent again")
					}
					b.SetNow(b.Now().Add(2 * time.Minute))
				}
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count, "the first payment and charge 2, once each")
				require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
			})
		})
	}
}
