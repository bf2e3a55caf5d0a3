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
				p := b.started(good, nil)
				b.setNow(b.charge(p.Plan.ID, 2).DueAt)
				right := b.Now()
				b.setNow(right.AddDate(0, 0, 20)) // the next charge is not due yet
				if arrives {
					b.loseAnswer()
				} else {
					require.NoError(b.t, b.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				}
				b.runDue()
				b.arrived() // lost
				require.Equal(b.t, billing.ChargeCollecting, b.charge(p.Plan.ID, 2).Status)

				b.setNow(right.Add(time.Hour))
				b.gateway.calls = 0
				n, err := b.store.ReleaseClaims(b.t.Context(), b.Now(), b.Now().Add(2*time.Hour))
				require.NoError(b.t, err)
				require.Positive(b.t, n)
				for range 4 {
					b.runDue()
					if arrives {
						require.Zero(b.t, b.gateway.calls, "nothing is sent again")
					}
					b.setNow(b.Now().Add(2 * time.Minute))
				}
				count, _ := b.succeededAtStripe()
				require.Equal(b.t, 2, count, "the first payment and charge 2, once each")
				require.Equal(b.t, billing.ChargeSucceeded, b.charge(p.Plan.ID, 2).Status)
			})
		})
	}
}
