package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func backlogTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"nothing is late in an empty store":       nothingIsLate,
		"a charge that was not tried is found":    overdueChargesAreFound,
		"an orphaned charge is found":             strandedChargesAreFound,
		"a refused request is found":              refusedChargesAreFound,
		"an event that was not handled is found":  lateEventsAreFound,
		"a notice that was not sent is found":     lateNoticesAreFound,
		"a periodic job records its progress":     periodicJobTellsHowFar,
		"open charges are listed by status":       chargesAreListed,
		"a backlog names the oldest few of a lot": backlogNamesTheOldest,
	}
}

// backlogs is the store as far as it finds what did not happen; every store does.
func backlogs(t *testing.T, f *fixture) billing.BacklogStore {
	t.Helper()
	s, ok := f.Store.(billing.BacklogStore)
	require.True(t, ok)
	return s
}

// requireBacklog wants exactly these ids of a kind, from long ago to now.
func (f *fixture) requireBacklog(kind billing.BacklogKind, ids ...string) billing.Backlog {
	f.t.Helper()
	return f.requireBacklogSince(f.now.Add(-24*time.Hour), kind, ids...)
}

func (f *fixture) requireBacklogSince(from time.Time, kind billing.BacklogKind, ids ...string) billing.Backlog {
	f.t.Helper()
	b, err := backlogs(f.t, f).Backlog(f.t.Context(), kind, from, f.now)
	require.NoError(f.t, err)
	require.Equal(f.t, ids, b.IDs, kind)
	require.Equal(f.t, len(ids), b.Count)
	require.Equal(f.t, len(ids) == 0, b.Oldest.IsZero())
	return b
}

// planWith adds a plan of one charge that change has changed.
func (f *fixture) planWith(status billing.PlanStatus, change func(c *billing.Charge)) billing.Charge {
	f.t.Helper()
	p, list := f.newPlan(f.customer().ID, 1)
	p.Status = status
	change(&list[0])
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, list) })
	return list[0]
}

// planned sets when a charge is tried next.
func planned(c *billing.Charge, at time.Time) { c.NextAttemptAt, c.ClaimAfter = at, at }

func nothingIsLate(_ *testing.T, f *fixture) {
	for _, kind := range billing.BacklogKinds() {
		f.requireBacklog(kind)
	}
}

func overdueChargesAreFound(t *testing.T, f *fixture) {
	anHourAgo := f.now.Add(-time.Hour)
	add := func(change func(c *billing.Charge)) billing.Charge {
		return f.planWith(billing.PlanActive, func(c *billing.Charge) {
			planned(c, anHourAgo)
			c.UpdatedAt = anHourAgo
			change(c)
		})
	}
	forgotten := add(func(c *billing.Charge) { c.ClaimAfter = f.now.Add(time.Minute) }) // leased to a worker
	silent := add(func(c *billing.Charge) {
		planned(c, f.now.Add(-time.Minute))
		c.Status, c.Reason = billing.ChargeRetrying, "declined with insufficient_funds" // why it retries, not why it waits
	})
	deferred := add(func(c *billing.Charge) { c.Reason, c.UpdatedAt = "nothing is charged", f.now })
	unknown := add(func(c *billing.Charge) { c.Status, c.Reason, c.UpdatedAt = billing.ChargeCollecting, "timeout", f.now })
	add(func(c *billing.Charge) { planned(c, f.now.Add(time.Millisecond)) })
	add(func(c *billing.Charge) { c.Status = billing.ChargeSucceeded; planned(c, time.Time{}) })

	b := f.requireBacklog(billing.BacklogOverdue, string(forgotten.ID), string(silent.ID))
	require.Equal(t, anHourAgo, b.Oldest)
	require.Equal(t, "nothing is charged", f.requireBacklog(billing.BacklogDeferred, string(deferred.ID)).Reason)
	f.requireBacklog(billing.BacklogUnknown, string(unknown.ID))
}

func strandedChargesAreFound(t *testing.T, f *fixture) {
	stranded := func(status billing.ChargeStatus) func(c *billing.Charge) {
		return func(c *billing.Charge) {
			planned(c, time.Time{})
			c.Status = status
		}
	}
	f.now = f.now.Add(-time.Minute)
	forgotten := f.planWith(billing.PlanActive, stranded(billing.ChargeScheduled))
	f.now = f.now.Add(time.Minute)
	unnotified := f.planWith(billing.PlanPastDue, stranded(billing.ChargeFailed))
	notified := f.planWith(billing.PlanPastDue, stranded(billing.ChargeFailed))
	f.notice(f.newNotice(notified, "payment_failed:1"))
	f.planWith(billing.PlanAwaitingFirstPayment, stranded(billing.ChargeScheduled))
	f.planWith(billing.PlanPaused, stranded(billing.ChargeScheduled))
	f.planWith(billing.PlanActive, stranded(billing.ChargeSucceeded))
	f.planWith(billing.PlanActive, func(*billing.Charge) {})
	f.requireBacklog(billing.BacklogStranded, string(forgotten.ID), string(unnotified.ID))
	_, err := backlogs(t, f).Backlog(t.Context(), billing.BacklogStranded, f.now, f.now)
	require.NoError(t, err)
}

func refusedChargesAreFound(t *testing.T, f *fixture) {
	f.pin("hash")
	longAgo := f.now.AddDate(-1, 0, 0)
	add := func(status billing.ChargeStatus, held time.Time) billing.Charge {
		c := f.planWith(billing.PlanPastDue, func(c *billing.Charge) {
			c.Status, c.Reason = status, "no such parameter"
			planned(c, time.Time{})
		})
		f.update(func(tx billing.Tx) error {
			d := f.newDunning(c.ID, f.now)
			d.HeldAt = held
			return tx.InsertDunning(t.Context(), d)
		})
		return c
	}
	old := add(billing.ChargeFailed, longAgo)
	fresh := add(billing.ChargeRetrying, f.now)
	add(billing.ChargeSucceeded, longAgo)
	add(billing.ChargeRequiresPaymentMethod, longAgo)
	add(billing.ChargeFailed, time.Time{})
	found := f.requireBacklogSince(longAgo, billing.BacklogRefused, string(old.ID), string(fresh.ID))
	require.Equal(t, longAgo, found.Oldest)
	require.Equal(t, "no such parameter", found.Reason)
	b, err := backlogs(t, f).Backlog(t.Context(), billing.BacklogStranded, f.now.Add(-time.Hour), f.now)
	require.NoError(t, err)
	require.Equal(t, 1, b.Count, "dunning follows the others; one that retries has no time")
}

func lateEventsAreFound(t *testing.T, f *fixture) {
	list := f.newEvents(4)
	list[1].Status, list[2].Status, list[2].Reason = billing.EventHandled, billing.EventFailed, "no such plan"
	list[3].ReceivedAt = f.now.Add(time.Second)
	for i := range 3 {
		list[i].ReceivedAt = f.now
	}
	f.events(list)
	f.requireBacklog(billing.BacklogEventsPending, list[0].ID)
	require.Equal(t, "no such plan", f.requireBacklog(billing.BacklogEventsFailed, list[2].ID).Reason)
}

func lateNoticesAreFound(_ *testing.T, f *fixture) {
	_, charges := f.plan(1)
	add := func(step string, change func(n *billing.Notice)) billing.Notice {
		n := f.newNotice(charges[0], step)
		n.To = "ada@example.com"
		change(&n)
		f.notice(n)
		return n
	}
	pending := add("1", func(*billing.Notice) {})
	failed := add("2", func(n *billing.Notice) { n.Status, n.Reason = billing.NoticeFailed, "refused" })
	add("3", func(n *billing.Notice) { n.Status, n.To = billing.NoticeFailed, "" })
	add("4", func(n *billing.Notice) { n.Status = billing.NoticeSent })
	for _, at := range []time.Duration{time.Millisecond, -24*time.Hour - time.Millisecond} {
		add(at.String(), func(n *billing.Notice) { n.ID = billing.NewNoticeID(f.now.Add(at)) })
	}
	f.requireBacklog(billing.BacklogNoticesPending, string(pending.ID))
	f.requireBacklog(billing.BacklogNoticesFailed, string(failed.ID))
}

func periodicJobTellsHowFar(t *testing.T, f *fixture) {
	done := func() time.Time {
		at, err := backlogs(t, f).PeriodicJobDone(t.Context(), "alarms")
		require.NoError(t, err)
		return at
	}
	_, err := backlogs(t, f).PeriodicJobDone(t.Context(), "alarms")
	require.ErrorIs(t, err, billing.ErrNotFound)
	held, _, err := periodicJobs(t, f).ClaimPeriodicJob(t.Context(), "alarms", f.now, f.now.Add(time.Minute), f.now.Add(distant))
	require.NoError(t, err)
	require.Zero(t, done())
	require.NoError(t, periodicJobs(t, f).FinishPeriodicJob(t.Context(), held, f.now, f.now.Add(time.Hour)))
	require.Equal(t, f.now, done())
}

func chargesAreListed(t *testing.T, f *fixture) {
	s, ok := f.Store.(billing.ChargeLister)
	require.True(t, ok)
	var made []billing.Charge
	for i, status := range append(billing.OpenChargeStatuses(), billing.ChargeSucceeded) {
		made = append(made, f.planWith(billing.PlanActive, func(c *billing.Charge) {
			c.ID = billing.NewChargeID(f.now.Add(time.Duration(i) * time.Millisecond))
			c.Status = status
			planned(c, f.now.Add(-time.Duration(i)*time.Minute))
		}))
	}
	ids := func(filter billing.ChargeFilter) (ids []billing.ChargeID) {
		t.Helper()
		list, err := s.ListCharges(t.Context(), filter)
		require.NoError(t, err)
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		return ids
	}
	for i, status := range billing.OpenChargeStatuses() {
		require.Equal(t, []billing.ChargeID{made[i].ID}, ids(billing.ChargeFilter{Status: status}))
	}
	require.Equal(t, []billing.ChargeID{made[6].ID, made[5].ID}, ids(billing.ChargeFilter{Limit: 2}))
	require.Equal(t, []billing.ChargeID{made[4].ID}, ids(billing.ChargeFilter{Limit: 1, Before: made[5].ID}))
	require.Equal(t, []billing.ChargeID{made[6].ID, made[5].ID}, ids(billing.ChargeFilter{Overdue: f.now.Add(-5 * time.Minute)}))
	_, err := s.ListCharges(t.Context(), billing.ChargeFilter{Status: billing.ChargeSucceeded})
	require.Error(t, err)
}

func backlogNamesTheOldest(t *testing.T, f *fixture) {
	list := f.newEvents(12)
	for i := range list {
		list[i].ID = "evt_" + strconv.Itoa(100-i)
		list[i].ReceivedAt = f.now.Add(-time.Duration(i) * time.Second)
	}
	f.events(list)
	b, err := backlogs(t, f).Backlog(t.Context(), billing.BacklogEventsPending, time.Time{}, f.now)
	require.NoError(t, err)
	require.Equal(t, 12, b.Count)
	require.Equal(t, []string{"evt_89", "evt_90", "evt_91", "evt_92", "evt_93"}, b.IDs)
	require.Equal(t, f.now.Add(-11*time.Second), b.Oldest)
}
