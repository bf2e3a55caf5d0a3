package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func reminderTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"a notice about a plan is owed once":           planNoticeOnce,
		"charges that fall due soon are found":         upcomingFound,
		"charges that fall due are found page by page": upcomingPages,
		"cards that expire too soon are found":         expiringFound,
		"checkouts that are not completed are found":   checkoutsFound,
		"failures that go into one mail are found":     failuresFound,
	}
}

// reminders returns the store as a ReminderStore, which every store implements.
func reminders(t *testing.T, f *fixture) billing.ReminderStore {
	t.Helper()
	s, ok := f.Store.(billing.ReminderStore)
	require.True(t, ok)
	return s
}

// planNoticeOnce: NULLs differ in a unique index, so notices without a charge have one of their
// own.
func planNoticeOnce(t *testing.T, f *fixture) {
	ctx := t.Context()
	_, charges := f.plan(1)
	f.now = f.now.Add(time.Millisecond)
	_, others := f.plan(1)
	ofPlan := func(c billing.Charge, step string) billing.Notice {
		n := f.newNotice(c, step)
		n.ChargeID = ""
		return n
	}
	n := ofPlan(charges[0], "plan_completed:1")
	f.notice(n)
	same(t, n)(f.Notice(ctx, n.ID))
	f.update(func(tx billing.Tx) error {
		added, err := tx.InsertNotice(ctx, ofPlan(charges[0], "plan_completed:1"))
		require.False(t, added)
		return err
	})
	again := ofPlan(charges[0], "plan_completed:1")
	again.PlanID = others[0].PlanID
	f.update(func(tx billing.Tx) error {
		added, err := tx.InsertNotice(ctx, again)
		require.False(t, added, "the customer has the notice already, from another plan")
		return err
	})
	f.notice(ofPlan(charges[0], "plan_completed:2"))
	f.notice(ofPlan(others[0], "plan_completed:1"))       // another customer
	f.notice(f.newNotice(charges[0], "plan_completed:1")) // about the charge
	list, err := f.Notices(ctx, billing.NoticeFilter{Charge: charges[0].ID})
	require.NoError(t, err)
	require.Len(t, list, 1)
	list, err = f.Notices(ctx, billing.NoticeFilter{Plan: charges[0].PlanID})
	require.NoError(t, err)
	require.Len(t, list, 3)
	claims, err := f.ClaimNotices(ctx, f.now, f.now.Add(time.Minute), 10)
	require.NoError(t, err)
	require.Len(t, claims, 4)
	n.Status, n.ClaimAfter = billing.NoticeSent, time.Time{}
	f.update(func(tx billing.Tx) error { return tx.UpdateNotice(ctx, n) })
	n.Lease = 1
	same(t, n)(f.Notice(ctx, n.ID))
}

const day = 24 * time.Hour

// upcoming adds a plan with charges due so many days from now.
func (f *fixture) upcoming(change func(*billing.Plan, []billing.Charge), days ...int) []billing.Charge {
	f.t.Helper()
	p, charges := f.newPlan(f.customer().ID, len(days))
	p.ActivatedAt = f.now.Add(-30 * day)
	for i, n := range days {
		charges[i].DueAt = f.now.Add(time.Duration(n) * day)
	}
	if change != nil {
		change(&p, charges)
	}
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, charges) })
	return charges
}

func upcomingFound(t *testing.T, f *fixture) {
	ctx := t.Context()
	find := func() []billing.DueCharge {
		found, err := reminders(t, f).UpcomingCharges(ctx, billing.DueCharge{DueAt: f.now}, f.now.Add(3*day), 3*day, 10)
		require.NoError(t, err)
		return found
	}
	require.Empty(t, find())
	wanted := f.upcoming(nil, -1, 2, 3, 4)
	pastDue := f.upcoming(func(p *billing.Plan, _ []billing.Charge) { p.Status = billing.PlanPastDue }, 1)
	f.upcoming(func(p *billing.Plan, _ []billing.Charge) { p.Status = billing.PlanPaused }, 1)
	f.upcoming(func(p *billing.Plan, _ []billing.Charge) {
		p.Status, p.ActivatedAt = billing.PlanAwaitingFirstPayment, time.Time{}
	}, 1)
	f.upcoming(func(_ *billing.Plan, c []billing.Charge) { c[0].Status = billing.ChargeRetrying }, 1)
	f.upcoming(func(p *billing.Plan, _ []billing.Charge) { p.ActivatedAt = f.now.Add(-time.Hour) }, 2) // its customer has just seen the date
	young := f.upcoming(func(p *billing.Plan, _ []billing.Charge) { p.ActivatedAt = f.now }, 3)
	want := []billing.DueCharge{{ID: pastDue[0].ID, DueAt: pastDue[0].DueAt}, {ID: wanted[1].ID, DueAt: wanted[1].DueAt}}
	found := find()
	require.Equal(t, want, found[:2])
	require.ElementsMatch(t, []billing.ChargeID{wanted[2].ID, young[0].ID}, []billing.ChargeID{found[2].ID, found[3].ID})
	require.Len(t, found, 4)

	f.notice(f.newNotice(wanted[1], "payment_failed:1"))
	require.Len(t, find(), 4, "a notice of another kind does not count")
	f.notice(f.newNotice(wanted[1], billing.StepUpcoming(wanted[1].DueAt)))
	require.NotContains(t, find(), want[1])
	require.Len(t, find(), 3)
}

func upcomingPages(t *testing.T, f *fixture) {
	at := make([]int, 7) // all due at the same moment
	for i := range at {
		at[i] = 2
	}
	charges := f.upcoming(nil, at...)
	seen := map[billing.ChargeID]bool{}
	last := billing.DueCharge{DueAt: f.now}
	for range 4 {
		page, err := reminders(t, f).UpcomingCharges(t.Context(), last, f.now.Add(3*day), 3*day, 2)
		require.NoError(t, err)
		for _, c := range page {
			require.False(t, seen[c.ID])
			seen[c.ID], last = true, c
		}
	}
	require.Len(t, seen, len(charges))
	page, err := reminders(t, f).UpcomingCharges(t.Context(), last, f.now.Add(3*day), 3*day, 2)
	require.NoError(t, err)
	require.Empty(t, page)
}

func expiringFound(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	find := func(after billing.CardID) []billing.CardID {
		found, err := reminders(t, f).ExpiringCards(ctx, 2026, time.April, after, 10)
		require.NoError(t, err)
		return found
	}
	// card is one of a customer with a plan that charges it so many days from now.
	card := func(change func(*billing.Card, *billing.Plan, []billing.Charge), days ...int) (billing.Card, []billing.Charge) {
		f.now = f.now.Add(time.Millisecond) // ids in order
		p, charges := f.newPlan(f.customer().ID, len(days))
		c := billing.Card{
			ID: billing.NewCardID(f.now), CustomerID: p.CustomerID, Status: billing.CardActive, ExpYear: 2026, ExpMonth: 4,
			CreatedAt: f.now, UpdatedAt: f.now,
		}
		c.PaymentMethod, p.CardID = "pm_"+string(c.ID), c.ID
		for i, n := range days {
			charges[i].DueAt = f.now.Add(time.Duration(n) * day)
		}
		if change != nil {
			change(&c, &p, charges)
		}
		f.update(func(tx billing.Tx) error {
			require.NoError(t, tx.InsertCard(ctx, c))
			return tx.InsertPlan(ctx, p, charges)
		})
		return c, charges
	}
	require.Empty(t, find(""))
	first, charges := card(nil, 10, 40, 70)
	card(nil, 10, 40) // the last before it expires
	card(func(c *billing.Card, _ *billing.Plan, _ []billing.Charge) { c.ExpMonth = 5 }, 70)
	card(func(c *billing.Card, _ *billing.Plan, _ []billing.Charge) { c.ExpYear = 2027 }, 70)
	card(func(c *billing.Card, _ *billing.Plan, _ []billing.Charge) { c.Status = billing.CardDetached }, 70)
	card(func(_ *billing.Card, p *billing.Plan, _ []billing.Charge) { p.CardID = first.ID }, 70)
	card(func(_ *billing.Card, p *billing.Plan, _ []billing.Charge) { p.Status = billing.PlanCanceled }, 70)
	card(func(_ *billing.Card, _ *billing.Plan, c []billing.Charge) { c[0].Status = billing.ChargeSucceeded }, 70)
	second, _ := card(func(_ *billing.Card, p *billing.Plan, _ []billing.Charge) { p.Status = billing.PlanPastDue }, 70)
	require.Equal(t, []billing.CardID{first.ID, second.ID}, find(""))
	require.Equal(t, []billing.CardID{second.ID}, find(first.ID))

	n := f.newNotice(charges[0], billing.StepCardExpiring(first.ID, 2025, time.April))
	n.ChargeID = ""
	f.notice(n)
	require.Len(t, find(""), 2, "the card expired once before and was renewed")
	n.ID, n.Step = billing.NewNoticeID(f.now), billing.StepCardExpiring(first.ID, 2026, time.April)
	f.notice(n)
	require.Equal(t, []billing.CardID{second.ID}, find(""))
}

func checkoutsFound(t *testing.T, f *fixture) {
	ctx := t.Context()
	find := func(after billing.PlanID, limit int) []billing.PlanID {
		found, err := reminders(t, f).OpenCheckouts(ctx, after, limit)
		require.NoError(t, err)
		ids := make([]billing.PlanID, len(found))
		for i, p := range found {
			ids[i] = p.ID
		}
		return ids
	}
	open := func(status billing.PlanStatus) (billing.Plan, []billing.Charge) {
		f.now = f.now.Add(time.Millisecond) // ids in order
		p, charges := f.newPlan(f.customer().ID, 2)
		p.Status, p.ActivatedAt, p.ExpiresAt = status, time.Time{}, f.now.Add(day)
		f.update(func(tx billing.Tx) error { return tx.InsertPlan(ctx, p, charges) })
		return p, charges
	}
	require.Empty(t, find("", 10))
	first, charges := open(billing.PlanAwaitingFirstPayment)
	open(billing.PlanActive)
	open(billing.PlanCanceled)
	second, others := open(billing.PlanAwaitingFirstPayment)
	third, _ := open(billing.PlanAwaitingFirstPayment)
	require.Equal(t, []billing.PlanID{first.ID, second.ID, third.ID}, find("", 10))
	require.Equal(t, []billing.PlanID{first.ID, second.ID}, find("", 2))
	require.Equal(t, []billing.PlanID{third.ID}, find(second.ID, 2))
	require.Empty(t, find(third.ID, 2))
	require.Equal(t, []billing.PlanID{second.ID, third.ID}, find(billing.FirstPlanID(second.CreatedAt), 10), "ids begin with their time")
	found, err := reminders(t, f).OpenCheckouts(ctx, "", 1)
	require.NoError(t, err)
	same(t, first)(found[0], nil)

	f.notice(f.newNotice(others[0], "link:2026-03-01"))
	require.Len(t, find("", 10), 3, "a notice of another kind does not count")
	f.notice(f.newNotice(charges[0], billing.StepCheckoutReminder))
	require.Equal(t, []billing.PlanID{second.ID, third.ID}, find("", 10))
}
