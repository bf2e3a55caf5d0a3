package forecast

import (
	"context"
	"errors"
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

// errTooLong means that a forecast takes more steps than its bounds allow.
var errTooLong = errors.New("the forecast is too long to calculate at once; choose an earlier horizon, or leave the declines out")

// simulate advances from one due time to the next until the horizon, or until nothing more happens.
// It calls before ahead of each calendar check, and done when all due work is done. The simulation
// ends when done returns true.
func (w *world) simulate(ctx context.Context, horizon time.Time, before func(context.Context) error, done func(context.Context) (bool, error)) (ended bool, err error) {
	for {
		if err := w.settle(ctx, before); err != nil {
			return false, err
		}
		if over, err := done(ctx); err != nil || over {
			return true, err
		}
		next, err := w.nextWake(ctx)
		if err != nil || next.IsZero() {
			return true, err
		}
		if next.After(horizon) {
			return false, nil
		}
		w.time = next
	}
}

// settle does all due work, with everything that follows at once. It calls before ahead of each
// calendar check.
func (w *world) settle(ctx context.Context, before func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := w.remind.Upcoming(ctx, w.time, w.f.UpcomingDays); err != nil {
		return err
	}
	if _, err := w.remind.Expiring(ctx, w.time); err != nil {
		return err
	}
	for {
		if *w.steps--; *w.steps < 0 {
			return errTooLong
		}
		if err := w.work(ctx); err != nil {
			return err
		}
		if err := before(ctx); err != nil {
			return err
		}
		n, err := w.sched.RunOnce(ctx)
		w.charges = nil // a claim changes rows as well
		if err != nil || n == 0 {
			return err
		}
	}
}

// work processes the waiting tasks, and the tasks that they enqueue.
func (w *world) work(ctx context.Context) error {
	for len(w.tasks.waiting) > 0 {
		t := w.tasks.waiting[0]
		w.tasks.waiting = w.tasks.waiting[1:]
		w.charges = nil
		if err := w.worker.Do(ctx, t); err != nil {
			return fmt.Errorf("forecast %s at %s: %w", t.Kind, w.time.Format(time.RFC3339), err)
		}
	}
	return nil
}

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
