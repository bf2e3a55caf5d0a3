package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
	"tranche/jobs"
)

// confirming has customers get a mail when their plan begins.
func (b *bench) confirming() {
	b.With(func(c *jobs.Config) { c.Rules.Confirm = true })
	b.Planner.Rules.Confirm = true
}

// TestPlanStarted_Schedule: the mail lists every payment once, of a payment plan, and how a
// recurring plan continues.
func TestPlanStarted_Schedule(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.confirming()
		p := b.Started(good, nil)
		bodies := b.Arrived()
		told := b.noticesOfKind(p.Plan.ID, billing.NoticePlanStarted)
		require.Len(b.t, told, 1)
		require.Equal(b.t, billing.NoticeSent, told[0].Status)
		for _, line := range []string{"January 15, 2026: $250.03 (paid)", "February 15, 2026: $250.00", "March 15, 2026: $250.00", "April 15, 2026: $250.00",
			"Total: $1,000.03", "Visa ending in 4242"} {
			require.Contains(b.t, told[0].Body, line)
		}
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticePaymentSucceeded), 1, "the receipt is another mail")
		b.TakeIn(bodies...)
		b.hear("evt_again", "payment_intent.succeeded", b.Charge(p.Plan.ID, 1).PaymentIntent)
		b.Advance(100)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticePlanStarted), 1)

		monthly := b.Started(good, func(t *terms.Terms) {
			t.Reference, t.Kind, t.Total, t.Amount, t.Parts, t.Every = "sub-1", billing.KindRecurring, 0, 1900, 0, "1 month"
		})
		told = b.noticesOfKind(monthly.Plan.ID, billing.NoticePlanStarted)
		require.Len(b.t, told, 1)
		require.Contains(b.t, told[0].Body, "More payments: then $19.00 every month until you cancel")
		require.NotContains(b.t, told[0].Body, "Total:")
	})
}

// TestPlanStarted_SavedCard: a plan on a saved card begins when it is created. A plan that is
// canceled before the mail is sent is not confirmed.
func TestPlanStarted_SavedCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.confirming()
		first := b.Started(good, nil)
		p := b.Plan(func(t *terms.Terms) {
			t.Reference, t.Card, t.Starts = "order-2", string(b.Details(first.Plan.ID).Plan.CardID), "2026-03-01"
		})
		require.Equal(b.t, billing.PlanActive, p.Plan.Status)
		b.Settle()
		told := b.noticesOfKind(p.Plan.ID, billing.NoticePlanStarted)
		require.Len(b.t, told, 1)
		require.Equal(b.t, billing.NoticeSent, told[0].Status)
		require.Contains(b.t, told[0].Body, "March 1, 2026: $250.03")
		require.Contains(b.t, told[0].Body, "4242")
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticePlanStarted), 1)
	})
}
