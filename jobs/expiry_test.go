package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/terms"
)

// expire runs the job that cancels checkouts that were not completed within the given number of
// days.
func (b *bench) expire(days int) int {
	b.t.Helper()
	n, err := operator.CheckoutExpirer{Store: b.Store.(operator.ExpiryStore), Gateway: b.Gateway, Days: days}.Run(b.t.Context(), b.Now())
	require.NoError(b.t, err)
	return n
}

// TestExpireCheckouts: a plan that is never paid is canceled, at Stripe too. A plan that is paid,
// or still has time, continues.
func TestExpireCheckouts(t *testing.T) {
	eachEngine(t, func(b *bench) {
		never := b.Plan(nil)
		card := b.Plan(func(t *terms.Terms) { t.Reference, t.Starts = "order-4", "2026-03-01" })
		paid := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		b.SetNow(b.Now().AddDate(0, 0, 6))
		fresh := b.Plan(func(t *terms.Terms) { t.Reference = "order-3" })
		reason := "the checkout was not completed by " + b.Now().AddDate(0, 0, 1).UTC().Format("2006-01-02 15:04 MST")
		require.Zero(b.t, b.expire(7), "there is time yet")
		b.SetNow(b.Now().AddDate(0, 0, 1))
		require.Zero(b.t, b.expire(0), "the setting says never")
		require.Equal(b.t, 2, b.expire(7))
		require.Zero(b.t, b.expire(7))
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(paid.Plan.ID).Plan.Status)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, b.Details(fresh.Plan.ID).Plan.Status)
		for _, id := range []billing.PlanID{never.Plan.ID, card.Plan.ID} {
			d := b.Details(id)
			require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
			require.Equal(b.t, reason, d.Plan.Reason)
			for _, c := range d.Charges {
				require.Equal(b.t, billing.ChargeCanceled, c.Status)
			}
			require.Empty(b.t, b.Notices(id), "nothing was begun")
			require.Contains(b.t, b.trail(id), "plan "+d.Plan.Reference+" is canceled, with 4 charges: "+reason)
		}
		require.Error(b.t, b.PayFirst(never, good), "its PaymentIntent can't be paid any more")
	})
}

// TestExpireCheckouts_OwnTime: the time in a plan's terms overrides the setting.
func TestExpireCheckouts_OwnTime(t *testing.T) {
	eachEngine(t, func(b *bench) {
		short := b.Plan(func(t *terms.Terms) { t.ExpiresAfter = "2 hours" })
		long := b.Plan(func(t *terms.Terms) { t.Reference, t.ExpiresAfter = "order-2", "60 days" })
		require.Equal(b.t, b.Now().Add(2*time.Hour), b.Details(short.Plan.ID).Plan.ExpiresAt)
		made := b.Now()
		b.SetNow(made.Add(2*time.Hour - time.Second))
		require.Zero(b.t, b.expire(0))
		b.SetNow(made.Add(2 * time.Hour))
		require.Equal(b.t, 1, b.expire(0))
		require.Equal(b.t, billing.PlanCanceled, b.Details(short.Plan.ID).Plan.Status)
		b.SetNow(made.AddDate(0, 0, 59))
		require.Zero(b.t, b.expire(30))
		b.SetNow(made.AddDate(0, 0, 61))
		require.Equal(b.t, 1, b.expire(30))
		require.Equal(b.t, billing.PlanCanceled, b.Details(long.Plan.ID).Plan.Status)
	})
}

// TestExpireCheckouts_PaymentRace: if a customer pays while the checkout expires, either the plan
// begins or nothing is paid.
func TestExpireCheckouts_PaymentRace(t *testing.T) {
	for name, race := range map[string]struct {
		run    func(b *bench, pay func() error) int
		active bool
	}{
		"paid before, and the event not handled": {active: true, run: func(b *bench, pay func() error) int {
			require.NoError(b.t, pay())
			return b.expire(7)
		}},
		"paid immediately before Stripe cancels": {active: true, run: func(b *bench, pay func() error) int {
			b.Gateway.BeforeCancel = func() { require.NoError(b.t, pay()) }
			return b.expire(7)
		}},
		"paid after Stripe canceled": {run: func(b *bench, pay func() error) int {
			n := b.expire(7)
			require.Error(b.t, pay())
			return n
		}},
		"expired by another process at the same time": {run: func(b *bench, _ func() error) int {
			n := 0
			b.Gateway.BeforeCancel = func() {
				b.Gateway.BeforeCancel = nil
				n = b.expire(7)
			}
			return n + b.expire(7)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(nil)
				b.SetNow(b.Now().AddDate(0, 0, 8))
				n := race.run(b, func() error { return b.PayFirst(p, good) })
				b.Gateway.BeforeCancel = nil
				b.Settle()
				b.SetNow(b.Now().Add(time.Minute))
				b.Settle()
				again := b.expire(7)
				pi, err := b.Gateway.PaymentIntent(b.t.Context(), p.FirstPayment.ID)
				require.NoError(b.t, err)
				d := b.Details(p.Plan.ID)
				if race.active {
					require.Zero(b.t, n+again)
					require.Equal(b.t, billing.PlanActive, d.Plan.Status)
					require.Equal(b.t, billing.ChargeSucceeded, d.Charges[0].Status)
					require.Equal(b.t, billing.IntentSucceeded, pi.Status)
					return
				}
				require.Equal(b.t, 1, n+again)
				require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
				require.Equal(b.t, billing.IntentCanceled, pi.Status, "it can't be paid any more")
			})
		})
	}
}

// TestExpireCheckouts_StripeDown: a plan whose PaymentIntent is not seen canceled stays until a
// later run.
func TestExpireCheckouts_StripeDown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		b.SetNow(b.Now().AddDate(0, 0, 8))
		down := operator.CheckoutExpirer{Store: b.Store.(operator.ExpiryStore), Gateway: deaf{b.Gateway}, Days: 7}
		n, err := down.Run(b.t.Context(), b.Now())
		require.Error(b.t, err)
		require.Zero(b.t, n)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, b.Details(p.Plan.ID).Plan.Status)
		require.Equal(b.t, 1, b.expire(7))
	})
}

// deaf is a gateway whose cancellations get no answer.
type deaf struct{ billing.Gateway }

func (deaf) CancelPaymentIntent(context.Context, string, string) (billing.PaymentIntent, error) {
	return billing.PaymentIntent{}, &billing.GatewayError{Kind: billing.GatewayUnknown}
}
