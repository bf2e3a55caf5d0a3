package forecast

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/outbox"
	"tranche/internal/planning"
	"tranche/internal/store/sqlite"
	"tranche/internal/task"
	"tranche/jobs"
	"tranche/scheduler"
)

// lease has the length of production. Simulated work takes no time, so it never expires.
const lease = time.Minute

// world is a copy of one plan with everything that processes it. Its time is set explicitly.
type world struct {
	f       *Forecaster
	store   *sqlite.Scratch
	stripe  *stripe
	tasks   *tasks
	sched   *scheduler.Scheduler
	worker  *jobs.Worker
	planner *planning.Planner
	remind  outbox.Reminders
	plan    billing.PlanID
	time    time.Time
	began   time.Time
	seen    *elsewhere
	planNow billing.Plan     // as last read
	charges []billing.Charge // as last read; nil if they may have changed since
	spread  int              // minutes over which retries are spread in addition to the times of this world
	steps   *int             // left to this forecast
}

// tasks is a queue that delivers tasks at once. It drops tasks with a later time, as a queue may:
// the rows hold the time as well.
type tasks struct {
	now     func() time.Time
	waiting []billing.Task
}

// Enqueue adds tasks.
func (q *tasks) Enqueue(_ context.Context, list ...billing.Task) error {
	for _, t := range list {
		if t.At.IsZero() || !t.At.After(q.now()) {
			q.waiting = append(q.waiting, t)
		}
	}
	return nil
}

// discardMailer is a mail server that accepts every mail and sends none.
type discardMailer struct{}

// Send drops the mail.
func (discardMailer) Send(context.Context, billing.Mail) (billing.Delivery, error) {
	return billing.Delivery{}, nil
}

// newWorld creates a world at a time. The world owns s. known is what Stripe holds so far, or nil.
func (f *Forecaster) newWorld(s *sqlite.Scratch, at time.Time, policies dunning.Policies, seen *elsewhere, known *stripe, steps *int) *world {
	w := &world{f: f, store: s, time: at, began: at, steps: steps, seen: seen}
	w.stripe = known.fork(w.now)
	w.tasks = &tasks{now: w.now}
	clk := clock.New(time.Time{}, 0, w.now)
	store := declineStore{s, seen}
	w.planner = planning.New(planning.Config{Store: store, Gateway: w.stripe, Now: w.now, Rules: f.Rules, Policies: policies.Names()})
	w.worker = jobs.New(jobs.Config{
		Store: store, Gateway: w.stripe, Queue: w.tasks, Mailer: discardMailer{}, Planner: w.planner, Rules: f.Rules, Policies: policies, Livemode: f.Livemode,
		Webhooks: s, Merchant: f.Merchant, MessageDomain: "forecast.invalid", Clock: clk, Lease: lease,
	})
	w.sched = scheduler.New(scheduler.Config{
		Calendar: s, Dunnings: s, Queue: w.tasks, Clock: clk, Lease: lease,
		Tasks: scheduler.Tasks{
			Charge: task.ForCharge, Event: task.ForEvent, Notice: task.ForNotice, Dunning: task.ForDunning, Delivery: task.ForDelivery,
		},
	})
	w.remind = outbox.Reminders{Store: s, Queue: w.tasks}
	return w
}

// now is the world's time.
func (w *world) now() time.Time { return w.time }

// arrives puts an event from Stripe into the inbox.
func (w *world) arrives(ctx context.Context, kind, object string) error {
	plan, _, err := w.details(ctx)
	if err != nil {
		return err
	}
	w.stripe.made++
	e := billing.Event{
		ID: fmt.Sprintf("evt_to_come_%d", w.stripe.made), Type: kind, ObjectID: object, Account: plan.Account, Livemode: w.f.Livemode, Payload: []byte("{}"),
		CreatedAt: w.time, ReceivedAt: w.time, Status: billing.EventPending, ClaimAfter: w.time,
	}
	_, err = w.store.InsertEvents(ctx, []billing.Event{e})
	return err
}

// details reads the plan. Nothing changes between two tasks, so the result is cached until the
// next.
func (w *world) details(ctx context.Context) (billing.Plan, []billing.Charge, error) {
	if w.charges != nil {
		return w.planNow, w.charges, nil
	}
	plan, err := w.store.Plan(ctx, w.plan)
	if err != nil {
		return plan, nil, err
	}
	charges, err := w.store.PlanCharges(ctx, w.plan)
	w.planNow, w.charges = plan, charges
	return plan, charges, err
}
