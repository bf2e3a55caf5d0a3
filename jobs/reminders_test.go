package jobs_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/outbox"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

// handed is a queue that runs each task at once, with its kind's processor.
type handed struct {
	b     *bench
	kinds []string
}

// Enqueue runs the tasks.
func (h *handed) Enqueue(ctx context.Context, tasks ...billing.Task) error {
	for _, t := range tasks {
		h.kinds = append(h.kinds, t.Kind)
		for range 2 { // a queue may run a task twice
			if err := h.b.Worker.Do(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// remind does what the scheduler's periodic jobs do, and returns how many tasks were enqueued.
func (b *bench) remind(days int) int {
	b.t.Helper()
	find := outbox.Reminders{Store: b.Store.(billing.ReminderStore), Queue: &handed{b: b}}
	upcoming, err := find.Upcoming(b.t.Context(), b.Now(), days)
	require.NoError(b.t, err)
	expiring, err := find.Expiring(b.t.Context(), b.Now())
	require.NoError(b.t, err)
	return upcoming + expiring
}

// noticesOfKind lists a plan's notices of one kind, oldest first.
func (b *bench) noticesOfKind(id billing.PlanID, kind billing.NoticeKind) []billing.Notice {
	b.t.Helper()
	all, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(b.t, err)
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(n billing.Notice) bool { return n.Kind != kind })
}

func TestTheCustomerIsToldBeforeEachCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		for range 2 * 100 {
			b.SetNow(b.Now().Add(12 * time.Hour))
			b.remind(3)
			b.Settle()
		}
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
		notices := b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)
		require.Len(b.t, notices, 3, "once for each charge but the first")
		for i, n := range notices {
			c := b.Charge(p.Plan.ID, i+2)
			require.Equal(b.t, c.ID, n.ChargeID)
			require.Equal(b.t, billing.NoticeSent, n.Status)
			ahead := c.DueAt.Sub(n.CreatedAt)
			require.Greater(b.t, ahead, 2*24*time.Hour)
			require.LessOrEqual(b.t, ahead, 3*24*time.Hour)
			require.True(b.t, n.Data.NextAttemptAt.IsZero())
			require.Equal(b.t, c.Amount, n.Data.Amount)
			require.Contains(b.t, n.Subject, "is due on")
		}
	})
}

func TestNobodyIsToldOfWhatWillNotBeCharged(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		second := b.Charge(p.Plan.ID, 2)
		b.SetNow(second.DueAt.Add(-2 * 24 * time.Hour))
		require.Zero(b.t, b.remind(0), "the setting says never")
		require.Zero(b.t, b.remind(1), "too early")

		b.Do(upcomingTask("chg_gone", 0))
		require.NoError(b.t, b.Worker.Do(b.t.Context(), upcomingTask(string(b.Charge(p.Plan.ID, 1).ID), 0)), "it is paid")
		b.SetNow(second.DueAt.Add(time.Minute))
		require.NoError(b.t, b.Worker.Do(b.t.Context(), upcomingTask(string(second.ID), 0)), "the task was late")
		require.Empty(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge))
	})
}

func TestAReminderComesBackWhoseTaskWasLost(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-2 * 24 * time.Hour))
		lost := outbox.Reminders{Store: b.Store.(billing.ReminderStore), Queue: testbench.Nowhere{}}
		for range 2 {
			n, err := lost.Upcoming(b.t.Context(), b.Now(), 3)
			require.NoError(b.t, err)
			require.Equal(b.t, 1, n)
		}
		require.Equal(b.t, 1, b.remind(3))
		require.Zero(b.t, b.remind(3))
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge), 1)
	})
}

func TestAnUpcomingChargeNamesNoCardThatIsGone(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		card.Status = billing.CardDetached
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.UpdateCard(b.t.Context(), card) }))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-2 * 24 * time.Hour))
		require.Equal(b.t, 1, b.remind(3))
		b.Settle()
		n := b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)[0]
		require.NotContains(b.t, n.Body, card.Last4)
		require.Contains(b.t, n.Body, "Please get in touch with us to update your card.")
	})
}

// expires makes the saved card of a plan expire at the end of a month.
func (b *bench) expires(id billing.PlanID, year int, month time.Month) billing.Card {
	b.t.Helper()
	var card billing.Card
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		plan, err := tx.Plan(b.t.Context(), id)
		require.NoError(b.t, err)
		card, err = tx.Card(b.t.Context(), plan.CardID)
		require.NoError(b.t, err)
		card.ExpYear, card.ExpMonth = year, int(month)
		return tx.UpdateCard(b.t.Context(), card)
	}))
	return card
}

func TestTheCustomerIsToldOnceThatTheCardExpires(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		other := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		third := b.Charge(p.Plan.ID, 3).DueAt
		card := b.expires(p.Plan.ID, third.Year(), third.Month()-1)
		// Both plans use the card.
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			plan, err := tx.LockPlan(b.t.Context(), other.Plan.ID)
			require.NoError(b.t, err)
			plan.CardID = card.ID
			return tx.UpdatePlan(b.t.Context(), plan)
		}))
		end := time.Date(third.Year(), third.Month(), 1, 0, 0, 0, 0, time.UTC)
		b.SetNow(end.AddDate(0, 0, -31))
		require.Zero(b.t, b.remind(0), "there is time yet")
		b.SetNow(end.AddDate(0, 0, -29))
		require.Equal(b.t, 1, b.remind(0))
		require.Zero(b.t, b.remind(0))
		b.Settle()
		notices := append(b.noticesOfKind(p.Plan.ID, billing.NoticeCardExpiring), b.noticesOfKind(other.Plan.ID, billing.NoticeCardExpiring)...)
		require.Len(b.t, notices, 1, "one mail for both plans")
		n := notices[0]
		require.Equal(b.t, billing.NoticeSent, n.Status)
		require.Empty(b.t, n.ChargeID)
		require.Equal(b.t, third, n.Data.DueAt)
		require.Equal(b.t, card.Last4, n.Data.CardLast4)
		require.Contains(b.t, n.Body, "expires at the end of "+end.AddDate(0, 0, -1).Format("01/06"))

		b.expires(p.Plan.ID, third.Year(), third.Month())
		b.SetNow(end.AddDate(0, 1, -20))
		require.Equal(b.t, 1, b.remind(0), "the network gave the card another month")
	})
}

func TestACardThatLastsLongEnoughIsNotMentioned(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Customer.TimeZone = "Pacific/Kiritimati" })
		last := b.Charge(p.Plan.ID, 4).DueAt.In(billing.LoadLocation("Pacific/Kiritimati"))
		b.expires(p.Plan.ID, last.Year(), last.Month())
		b.SetNow(last.AddDate(0, 0, -3))
		b.remind(0)
		require.Empty(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeCardExpiring))
		b.Do(expiringTask("card_gone", 0))
	})
}

func TestTheEndOfAPlanIsToldOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		bodies := b.Arrived()
		b.Advance(100)
		notices := b.noticesOfKind(p.Plan.ID, billing.NoticePlanCompleted)
		require.Len(b.t, notices, 1)
		require.Equal(b.t, int64(100003), notices[0].Data.Amount)
		require.Empty(b.t, notices[0].ChargeID)
		require.Equal(b.t, billing.NoticeSent, notices[0].Status)
		require.Contains(b.t, notices[0].Subject, "$1,000.03")
		b.TakeIn(bodies...)
		b.Settle()
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticePlanCompleted), 1)
	})
}

func TestAReceiptTellsWhatComesNext(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.Advance(100)
		receipts := b.noticesOfKind(p.Plan.ID, billing.NoticePaymentSucceeded)
		require.Len(b.t, receipts, 4)
		for i, n := range receipts[:3] {
			next := b.Charge(p.Plan.ID, i+2)
			require.Equal(b.t, next.DueAt, n.Data.FollowingDue)
			require.Equal(b.t, next.Amount, n.Data.Following)
		}
		require.True(b.t, receipts[3].Data.FollowingDue.IsZero())
		require.NotContains(b.t, receipts[3].Body, "Next payment")
	})
}

// TestANewCardIsToldOnce: no notice for the first card, which was part of the agreement; one notice
// for a new card, even if several plans use it.
func TestANewCardIsToldOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		other := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		require.Empty(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeCardUpdated))
		b.newCard(p.Plan.ID, otherCard)
		bodies := b.Arrived()
		b.TakeIn(bodies...)
		b.Settle()
		b.TakeIn(bodies...)
		b.Settle()
		notices := append(b.noticesOfKind(p.Plan.ID, billing.NoticeCardUpdated), b.noticesOfKind(other.Plan.ID, billing.NoticeCardUpdated)...)
		require.Len(b.t, notices, 1)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		require.Equal(b.t, card.Last4, notices[0].Data.CardLast4)
		require.Contains(b.t, notices[0].Body, "From now on, your payments will be charged to this card: Mastercard ending in 4444")
	})
}
