package jobs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/outbox"
	"tranche/internal/task"
	"tranche/jobs"
)

// errNo is the reason of a permit that is refused.
var errNo = errors.New("not now")

// refuse is a permit that is refused while err is set.
type refuse struct{ err error }

// ask answers the permit's check.
func (r *refuse) ask(context.Context) error { return r.err }

// guardedTask is a task that is due, with a check whether it was carried out.
type guardedTask struct {
	task billing.Task
	done func() bool
}

// guardedTasks lists a due task of each kind.
func guardedTasks() map[string]func(b *bench) guardedTask {
	charged := func(b *bench, before int) func() bool {
		return func() bool { n, _ := b.Succeeded(); return n > before }
	}
	return map[string]func(b *bench) guardedTask{
		task.KindHandleEvent: func(b *bench) guardedTask {
			p := b.Plan(nil)
			require.NoError(b.t, b.PayFirst(p, good))
			b.TakeIn(b.Arrived()...)
			e := b.event("payment_intent.succeeded")
			return guardedTask{task.ForEvent(billing.EventClaim{EventID: e.ID, Lease: e.Lease}), func() bool {
				return b.event("payment_intent.succeeded").Status != billing.EventPending
			}}
		},
		task.KindCollectCharge: func(b *bench) guardedTask {
			claim := b.claimed(b.Started(good, nil))
			return guardedTask{task.ForCharge(claim), charged(b, 1)}
		},
		task.KindRetryCharge: func(b *bench) guardedTask {
			plan := b.failedOnce("insufficient_funds", nil)
			b.newCard(plan, good)
			b.Settle()
			n, _ := b.Succeeded()
			b.SetNow(b.Charge(plan, 3).DueAt)
			claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 1)
			require.NoError(b.t, err)
			claims[0].Status = billing.ChargeRetrying
			return guardedTask{task.ForCharge(claims[0]), charged(b, n)}
		},
		task.KindSendNotice: func(b *bench) guardedTask {
			p := b.Started(good, nil)
			b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-48 * time.Hour))
			mails := len(b.Mails.Mails)
			b.enqueueUpcoming()
			n := b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)[0]
			return guardedTask{task.ForNotice(billing.NoticeClaim{NoticeID: n.ID, Lease: n.Lease}), func() bool { return len(b.Mails.Mails) > mails }}
		},
		task.KindStepDunning: func(b *bench) guardedTask {
			plan := b.failedOnce("expired_card", nil)
			b.SetNow(b.dunningOf(b.Charge(plan, 2)).Next())
			claims, err := b.Store.ClaimDunnings(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 1)
			require.NoError(b.t, err)
			notices := len(b.Notices(plan))
			return guardedTask{task.ForDunning(claims[0]), func() bool { return len(b.Notices(plan)) > notices }}
		},
		task.KindDeliverWebhook: func(b *bench) guardedTask {
			r := b.receiver()
			b.listen(r)
			d := b.say("plan.created")
			return guardedTask{task.ForDelivery(billing.DeliveryClaim{DeliveryID: d.ID, Lease: d.Lease}), func() bool { return len(r.messages()) > 0 }}
		},
		task.KindNotifyUpcoming: func(b *bench) guardedTask {
			p := b.Started(good, nil)
			b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-48 * time.Hour))
			return guardedTask{b.reminderTask(), func() bool { return len(b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)) > 0 }}
		},
		task.KindNotifyExpiring: func(b *bench) guardedTask {
			p := b.Started(good, nil)
			b.expires(p.Plan.ID, 2026, time.February)
			b.SetNow(outbox.ExpiringFrom(2026, time.February))
			return guardedTask{b.expiryTask(), func() bool { return len(b.noticesOfKind(p.Plan.ID, billing.NoticeCardExpiring)) > 0 }}
		},
		task.KindRemindCheckout: func(b *bench) guardedTask {
			p := b.Plan(nil)
			b.SetNow(b.Now().AddDate(0, 0, 1))
			return guardedTask{b.checkoutTask(), func() bool { return len(b.noticesOfKind(p.Plan.ID, billing.NoticeCheckoutReminder)) > 0 }}
		},
	}
}

// keptTasks is a queue that keeps its tasks.
type keptTasks struct{ tasks []billing.Task }

// Enqueue keeps tasks.
func (k *keptTasks) Enqueue(_ context.Context, tasks ...billing.Task) error {
	k.tasks = append(k.tasks, tasks...)
	return nil
}

// reminders returns Reminders with a queue that keeps their tasks.
func (b *bench) reminders() (outbox.Reminders, *keptTasks) {
	store, ok := b.Store.(billing.ReminderStore)
	require.True(b.t, ok)
	queue := &keptTasks{}
	return outbox.Reminders{Store: store, Queue: queue}, queue
}

// reminderTask returns the task of the only charge that falls due soon.
func (b *bench) reminderTask() billing.Task {
	find, queue := b.reminders()
	_, err := find.Upcoming(b.t.Context(), b.Now(), 3)
	require.NoError(b.t, err)
	require.Len(b.t, queue.tasks, 1)
	return queue.tasks[0]
}

// enqueueUpcoming writes the notice of the only charge that falls due soon, and sends nothing.
func (b *bench) enqueueUpcoming() {
	b.Do(b.reminderTask())
}

// expiryTask returns the task of the only card that expires soon.
func (b *bench) expiryTask() billing.Task {
	find, queue := b.reminders()
	_, err := find.Expiring(b.t.Context(), b.Now())
	require.NoError(b.t, err)
	require.Len(b.t, queue.tasks, 1)
	return queue.tasks[0]
}

// checkoutTask returns the task of the only checkout that is not completed.
func (b *bench) checkoutTask() billing.Task {
	find, queue := b.reminders()
	_, err := find.Checkouts(b.t.Context(), b.Now(), 0)
	require.NoError(b.t, err)
	require.Len(b.t, queue.tasks, 1)
	return queue.tasks[0]
}

// TestPermits_EveryTaskKind refuses each permit in turn. A task that may not run changes nothing,
// and runs once it may.
func TestPermits_EveryTaskKind(t *testing.T) {
	tasks := guardedTasks()
	for kind := range jobs.Routes() {
		require.Contains(t, tasks, kind, "every kind of task asks for its permits")
	}
	charges := []string{task.KindCollectCharge, task.KindRetryCharge}
	for kind, prepare := range tasks {
		t.Run(kind, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				due := prepare(b)
				take, act, charge := &refuse{errNo}, &refuse{}, &refuse{}
				b.With(func(c *jobs.Config) {
					c.Permits = collect.Permits{TakePart: take.ask, Act: act.ask, Charge: charge.ask}
				})

				before := b.waiting()
				require.ErrorIs(b.t, b.Worker.Do(b.t.Context(), due.task), errNo, "another process is to take it")
				require.False(b.t, due.done(), "the process takes no part")
				require.Equal(b.t, before, b.waiting(), "nothing is written")

				take.err, act.err = nil, errNo
				b.Do(due.task)
				require.False(b.t, due.done(), "nothing may be done for this database")

				act.err, charge.err = nil, errNo
				b.Do(due.task)
				require.Equal(b.t, !slices.Contains(charges, kind), due.done(), "only charges wait")

				charge.err = nil
				b.Do(due.task)
				require.True(b.t, due.done())
			})
		})
	}
}

// waiting lists the time at which each charge may be claimed next, and why it waits.
func (b *bench) waiting() (all []string) {
	b.t.Helper()
	plans, err := b.Store.Plans(b.t.Context(), billing.PlanFilter{})
	require.NoError(b.t, err)
	for _, p := range plans {
		for _, c := range b.Details(p.ID).Charges {
			all = append(all, string(c.ID)+" "+c.ClaimAfter.String()+" "+c.Reason)
		}
	}
	return all
}
