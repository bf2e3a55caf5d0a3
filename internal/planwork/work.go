package planwork

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
)

// Config holds the dependencies and settings of a Work.
type Config struct {
	Store billing.Store
	Queue billing.Queue
	// Rules are the settings that apply to all plans. Recurring plans continue under them.
	Rules billing.Rules
	// Policies are the dunning policies that plans can name. They always include the default one.
	Policies dunning.Policies
	// Engine decides what follows a failure, within the policy. nil means the policy's own timetable.
	Engine dunning.Engine
	// Livemode is set when cards are real. The networks then count the declines of a card over all
	// customers.
	Livemode bool
	// Doubt returns the last time at which the database was known to have lost committed rows, or zero
	// if it never lost any. A charge that was written before that time is looked up at Stripe before a
	// PaymentIntent is created for it. nil means that nothing was ever lost.
	Doubt func() time.Time
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
	Clock         clock.Clock
	// Lease is how long, in real time, a claimed row is left to its worker. It is longer than any call
	// to Stripe takes.
	Lease time.Duration
	Log   zerolog.Logger
}

// Work makes changes to plans. It is safe for concurrent use.
type Work struct{ Config }

// New returns a Work with the given configuration.
func New(c Config) *Work {
	if c.Engine == nil {
		c.Engine = dunning.Timetable{}
	}
	return &Work{Config: c}
}

// KeyLifetime is how long a request is sent again under its idempotency key. Stripe may forget a
// key after 24 hours (docs.stripe.com/api/idempotent_requests) and would then carry out the request
// a second time.
const KeyLifetime = 23 * time.Hour

// Fingerprint identifies the card's number, for counting its declines. It is the PaymentMethod if
// Stripe gave no fingerprint. In test mode all customers share a few card numbers, so declines are
// counted for each customer separately.
func (w *Work) Fingerprint(card billing.Card) string {
	switch {
	case card.Fingerprint == "":
		return card.PaymentMethod
	case !w.Livemode:
		return string(card.CustomerID) + ":" + card.Fingerprint
	}
	return card.Fingerprint
}

// InDoubt reports whether the database went back in time after the given time.
func (w *Work) InDoubt(written time.Time) bool {
	return w.Doubt != nil && !written.After(w.Doubt())
}

// Do locks a plan, runs fn, writes fn's changes in the same transaction, and then enqueues the
// follow-up tasks. Errors: fn's own; billing.ErrNotFound, billing.ErrConflict,
// billing.ErrUnavailable.
func (w *Work) Do(ctx context.Context, id billing.PlanID, fn func(t *Tx) error) error {
	var tasks []billing.Task
	err := w.Store.Update(ctx, func(tx billing.Tx) (err error) {
		tasks, err = w.in(ctx, tx, w.Clock.Now, id, fn)
		return err
	})
	if err != nil {
		return err
	}
	w.enqueue(ctx, tasks)
	return nil
}

// In does the same as Do inside an open transaction, at the time now. It enqueues nothing: the
// scheduler finds the rows of the follow-up tasks once the caller has committed.
func (w *Work) In(ctx context.Context, tx billing.Tx, now time.Time, id billing.PlanID, fn func(t *Tx) error) error {
	_, err := w.in(ctx, tx, func() time.Time { return now }, id, fn)
	return err
}

func (w *Work) in(ctx context.Context, tx billing.Tx, now func() time.Time, id billing.PlanID, fn func(t *Tx) error) ([]billing.Task, error) {
	t, err := w.openPlan(ctx, tx, now, id)
	if err != nil {
		return nil, err
	}
	if err := fn(t); err != nil {
		return nil, err
	}
	err = write(ctx, t)
	return t.tasks, err
}

// openPlan locks a plan and reads what belongs to it. The time is read after the lock was waited
// for: leases and checks count from then.
func (w *Work) openPlan(ctx context.Context, tx billing.Tx, now func() time.Time, id billing.PlanID) (*Tx, error) {
	plan, err := tx.LockPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	customer, err := tx.Customer(ctx, plan.CustomerID)
	if err != nil {
		return nil, err
	}
	return &Tx{
		Tx: tx, Work: w, Now: now(), Before: plan, Plan: plan, Customer: customer, Charges: charges,
		changed: map[billing.ChargeID]bool{}, added: map[billing.ChargeID]bool{},
	}, nil
}

// enqueue hands follow-up tasks to the queue. If that fails nothing is lost, because the rows hold
// the times too.
func (w *Work) enqueue(ctx context.Context, tasks []billing.Task) {
	if len(tasks) == 0 {
		return
	}
	if err := w.Queue.Enqueue(ctx, tasks...); err != nil {
		w.Log.Warn().Err(err).Int("tasks", len(tasks)).Msg("follow-up tasks not enqueued; the scheduler will find their rows")
	}
}
