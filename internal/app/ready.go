package app

import (
	"context"
	"errors"
	"time"
)

// staleTicks is how many ticks a scheduler may miss before it counts as stuck.
const staleTicks = 30

// checks are the checks of /readyz.
func (w *watch) checks(may permits) map[string]func(context.Context) error {
	checks := map[string]func(context.Context) error{
		"database": w.store.Ping, "queue": w.queue.CheckWrite,
		"clock":   func(context.Context) error { return w.times.Wrong() },
		"account": func(context.Context) error { return may.rightAccount() },
	}
	if w.sched != nil {
		checks["scheduler"] = func(context.Context) error {
			if !w.tickedSince(time.Time{}) {
				return errors.New("the scheduler has not looked for due rows since " + w.sched.LastTick().String())
			}
			return nil
		}
	}
	return checks
}

// tickedSince reports whether this process's scheduler has ticked lately. Before its first tick, it
// has the time of a few ticks from start.
func (w *watch) tickedSince(start time.Time) bool {
	last := w.sched.LastTick()
	if last.IsZero() {
		last = start
	}
	return w.clock.Wall().Sub(last) <= staleTicks*w.cfg.Tick+time.Second
}
