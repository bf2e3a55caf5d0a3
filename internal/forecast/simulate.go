package forecast

import (
	"context"
	"errors"
	"fmt"
	"time"
)

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
