package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// TestKilledWhileStripeIsCalled kills serve during a certain call to Stripe: before Stripe receives
// it, or after Stripe has executed it and before the answer arrives. Afterwards the ledger agrees
// with Stripe's record: the same payments, and the same declines.
func TestKilledWhileStripeIsCalled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rate    float64
		confirm bool     // kill at the retry, which confirms again; otherwise at the first attempt
		arrived bool     // Stripe executes the request
		want    []string // the ledger of the second charge, without attempts that never reached Stripe
	}{
		"made, key remembered":           {minutesASecond, false, true, []string{"succeeded"}},
		"not made, key remembered":       {minutesASecond, false, false, []string{"succeeded"}},
		"made, key forgotten":            {daysASecond, false, true, []string{"insufficient_funds", "succeeded"}},
		"not made, key forgotten":        {daysASecond, false, false, []string{"insufficient_funds", "succeeded"}},
		"confirmed, key forgotten":       {daysASecond, true, true, []string{"insufficient_funds", "succeeded"}},
		"never confirmed, key forgotten": {daysASecond, true, false, []string{"insufficient_funds", "succeeded"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.rate, "DATABASE_URL="+testenv.SQLite(t))
			p, err := r.serve(t.Context())
			require.NoError(t, err)
			plan := sellOne(t, r, tc.rate)

			reached := make(chan struct{})
			r.wire.onPayment(func(ctx context.Context, req *http.Request, deliver func()) bool {
				if !offSession(req) || strings.HasSuffix(req.URL.Path, "/confirm") != tc.confirm {
					deliver()
					return true
				}
				r.wire.onPayment(func(_ context.Context, _ *http.Request, deliver func()) bool { deliver(); return true })
				if tc.arrived {
					deliver()
				}
				close(reached)
				<-ctx.Done() // until the sender is killed
				return false
			})
			select {
			case <-reached:
			case <-time.After(settleTime):
				require.Fail(t, "the call was not made")
			}
			p.kill()
			_, err = r.serve(t.Context())
			require.NoError(t, err)
			require.NoError(t, eventually(t.Context(), settleTime, func() error {
				now, err := r.plan(t.Context(), plan.ID)
				if err == nil && now.Status != "completed" {
					err = fmt.Errorf("not completed: %+v", now)
				}
				plan = now
				return err
			}))
			var got []string
			for i, outcome := range outcomes(plan.Charges[1]) {
				if plan.Charges[1].Attempts[i].Outcome != "error" {
					got = append(got, outcome)
				}
			}
			require.Equal(t, tc.want, got, "%+v", plan.Charges[1].Attempts)
			require.Zero(t, requireLedgerAgrees(t, r, 1, "kept"))
		})
	}
}

// sellOne creates a plan of two charges and pays the first as the customer. At the fast speed the
// card is declined once when the second falls due, and succeeds at the retry.
func sellOne(t *testing.T, r *rig, rate float64) ledgerPlan {
	t.Helper()
	due := r.clock.Now().Add(10 * 24 * time.Hour)
	details := stripesim.PaymentDetails{
		Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session",
		Metadata: map[string]string{"sim_decline_later": "insufficient_funds", "sim_decline_count": "1"},
	}
	if rate < daysASecond {
		due, details.Metadata = r.clock.Now().Add(20*time.Minute), nil
	}
	request := fmt.Sprintf(`{"reference": "order-1", "kind": "deposit", "currency": "usd", "total": 3000, "deposit": 1000,
		"balance_due": %q, "customer": %s}`, due.Format(time.RFC3339), customerOf("order-1"))
	var made ledgerPlan
	require.NoError(t, r.tranche(t.Context(), http.MethodPost, "/v1/plans", request, "", &made))
	require.NoError(t, r.pay(t.Context(), made.First.ClientSecret, details))
	return made
}
