package app

import (
	"context"

	"tranche/internal/alarm"
	"tranche/internal/metrics"
	"tranche/scheduler"
)

// buildWatch makes what looks after the rest: alarms and metrics. Every process has them, whatever its roles.
func (a *App) buildWatch() {
	a.alarms = alarm.Cached(alarm.New(alarm.Config{
		Store: a.store, Clock: a.clock, Lease: a.cfg.Lease, Archived: a.queue.Archived,
	}), a.clock.Wall)
	sources := metrics.Sources{Alarms: a.alarms, Depths: a.depths, Pending: a.pendingDeliveries()}
	if a.sched != nil {
		sources.LastTick = a.sched.LastTick
	}
	a.metrics.Watch(sources)
}

// heartbeat is the chore that shows that schedulers run, and reads the alarms out.
func (a *App) heartbeat() scheduler.Chore {
	made := a.clock.Wall()
	ticking := func() bool { return a.tickedSince(made) }
	bell := &alarm.Bell{
		Checker: alarm.New(alarm.Config{Store: a.store, Clock: a.clock, Lease: a.cfg.Lease, Archived: a.queue.Archived}),
		Clock:   a.clock, Ticking: ticking, Log: a.log.With().Str("role", "scheduler").Logger(),
	}
	return scheduler.Chore{Name: alarm.Heartbeat, Every: alarm.BeatEvery, Pause: alarm.BeatEvery, Run: bell.Ring}
}

// depths counts the tasks in the queue by state.
func (a *App) depths(ctx context.Context) ([]metrics.Depth, error) {
	queues, err := a.queue.Stats(ctx)
	var depths []metrics.Depth
	for _, q := range queues {
		depths = append(depths,
			metrics.Depth{Queue: q.Queue, State: "pending", Tasks: q.Pending},
			metrics.Depth{Queue: q.Queue, State: "active", Tasks: q.Active},
			metrics.Depth{Queue: q.Queue, State: "scheduled", Tasks: q.Scheduled},
			metrics.Depth{Queue: q.Queue, State: "retry", Tasks: q.Retry},
			metrics.Depth{Queue: q.Queue, State: "archived", Tasks: q.Archived})
	}
	return depths, err
}
