//go:build !race

package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

// perMinute is a permit for a number of calls in each minute of the bench's time.
type perMinute struct {
	b      *bench
	limit  int
	minute time.Time
	used   int
	most   int
}

// admit grants a permit, or fails after the limit.
func (p *perMinute) admit(ctx context.Context) (context.Context, func(), error) {
	if now := p.b.Now().Truncate(time.Minute); !now.Equal(p.minute) {
		p.minute, p.used = now, 0
	}
	if p.used >= p.limit {
		return ctx, func() {}, fmt.Errorf("the turn did not come: %w", billing.ErrUnavailable)
	}
	p.used++
	p.most = max(p.most, p.used)
	before := p.b.Gateway.Calls
	return ctx, func() {
		if p.b.Gateway.Calls == before {
			p.used--
		}
	}, nil
}

// TestAMachineThatSleptCatchesUpOnceInOrderAndWithinEveryCap stops everything for three days and
// for a fortnight, while charges of many plans fall due every day. After that, everything that fell
// due is charged once, in the order of each plan. No more calls are made in a minute than Stripe's
// limit allows, and no declined charge is retried more often than the card's network allows.
func TestAMachineThatSleptCatchesUpOnceInOrderAndWithinEveryCap(t *testing.T) {
	for _, days := range []int{3, 14} {
		t.Run(fmt.Sprintf("%d days", days), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				const limit = 4
				plans := b.dailyPlans(days)
				broke := b.startedWith(declinesLater("insufficient_funds"), allAtOnce(daily("broke", "UTC", days+10)))
				gate := &perMinute{b: b, limit: limit}
				b.With(func(c *jobs.Config) { c.Acquire = gate.admit })

				b.SetNow(start.AddDate(0, 0, days).Add(time.Hour)) // asleep; the first charge fell due when it was made
				for range 12 * days {
					b.Settle()
					b.SetNow(b.Now().Add(time.Minute))
				}
				require.Equal(b.t, limit, gate.most, "there was enough to do")
				for _, id := range plans {
					b.requireCaughtUp(id, days)
				}
				// Time passes: declined charges are retried, and more charges fall due on the same card.
				for range 20 {
					b.SetNow(b.Now().Add(24 * time.Hour))
					b.Settle()
				}
				require.NotZero(b.t, b.requireWithinCaps(broke), "retries")
			})
		})
	}
}

// allAtOnce sets terms that charge everything that was missed at once.
func allAtOnce(change func(t *terms.Terms)) func(t *terms.Terms) {
	return func(t *terms.Terms) {
		change(t)
		t.CatchUp = billing.CatchUpAll
	}
}

// dailyPlans starts plans with a part due every day, in several time zones, and a recurring plan.
func (b *bench) dailyPlans(days int) []billing.PlanID {
	var plans []billing.PlanID
	for i, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		plans = append(plans, b.Started(good, allAtOnce(daily(fmt.Sprint(i), zone, days+2))).Plan.ID)
	}
	recurring := b.Plan(func(t *terms.Terms) {
		*t = terms.Terms{
			Reference: "order-recurring", Kind: billing.KindRecurring, Currency: "usd", Amount: 1900, Every: "1 day", CatchUp: billing.CatchUpAll,
			Customer: terms.Customer{Reference: "recurring", Email: "r@example.com", TimeZone: "Europe/London"},
		}
	})
	require.NoError(b.t, b.Pay(recurring.FirstPayment.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
	b.Settle()
	return append(plans, recurring.Plan.ID)
}

// requireCaughtUp requires that every due charge was paid once, in the order of the sequence
// numbers, with one receipt each.
func (b *bench) requireCaughtUp(id billing.PlanID, days int) {
	b.t.Helper()
	d := b.Details(id)
	paid := map[billing.ChargeID]int{}
	for _, pi := range b.Intents() {
		if pi.Status == "succeeded" {
			paid[billing.ChargeID(pi.Metadata[billing.MetaCharge])]++
		}
	}
	due := 0
	for _, c := range d.Charges {
		if c.DueAt.After(b.Now()) {
			require.Zero(b.t, paid[c.ID], "charge %d is not due", c.Sequence)
			continue
		}
		due++
		require.Equal(b.t, 1, paid[c.ID], "charge %d of %s: %s %s", c.Sequence, d.Plan.Reference, c.Status, c.Reason)
		require.Len(b.t, d.Attempts[c.ID], 1, "no attempt is spent on waiting")
	}
	require.GreaterOrEqual(b.t, due, days)
	var order []billing.ChargeID
	trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: id})
	require.NoError(b.t, err)
	for _, e := range trail {
		if e.Action == "charge.collecting" {
			order = append(order, e.ChargeID)
		}
	}
	want := make([]billing.ChargeID, 0, due)
	for _, c := range d.Charges[1:due] {
		want = append(want, c.ID)
	}
	require.Equal(b.t, want, order, "in order")
	receipts := slices.DeleteFunc(b.Notices(id), func(k billing.NoticeKind) bool { return k != billing.NoticePaymentSucceeded })
	require.Len(b.t, receipts, due)
}

// requireWithinCaps requires that no attempt was made while the card's network forbade it. It
// returns the number of retries.
func (b *bench) requireWithinCaps(id billing.PlanID) (retries int) {
	b.t.Helper()
	var declined []time.Time
	var made []billing.Attempt
	for _, attempts := range b.Details(id).Attempts {
		for _, a := range attempts {
			if a.Initiator == billing.InitiatorMerchant && a.Outcome == billing.OutcomeDeclined {
				declined = append(declined, a.CreatedAt)
			}
			made = append(made, a)
			if a.Number > 1 {
				retries++
			}
		}
	}
	require.NotEmpty(b.t, declined)
	for _, limit := range dunning.CapsOf("visa") {
		for _, a := range made {
			before := 0
			for _, at := range declined {
				if at.Before(a.CreatedAt) && at.After(a.CreatedAt.Add(-limit.Window)) {
					before++
				}
			}
			require.Less(b.t, before, limit.Most, "attempt %d at %s", a.Number, a.CreatedAt)
		}
	}
	return retries
}
