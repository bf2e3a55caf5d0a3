package app

import (
	"context"

	"tranche/internal/alarm"
	"tranche/internal/metrics"
	"tranche/scheduler"
)

// buildWatch makes the alarms and metrics, which every process has.
func (a *App) buildWatch() {
	a.alarms = alarm.Cached(alarm.New(a.alarmConfig()), a.clock.Wall)
	sources := metrics.Sources{Alarms: a.alarms, Depths: a.depths, Pending: a.pendingDeliveries()}
	if a.sched != nil {
		sources.LastTick = a.sched.LastTick
	}
	a.metrics.Watch(sources)
}

// alarmConfig returns the sources of alarms: the database, and this process for alarms about
// itself.
func (a *App) alarmConfig() alarm.Config {
	return alarm.Config{
		Store: a.store, Clock: a.clock, Lease: a.cfg.Lease, Archived: a.queue.Archived, Queue: a.queue.CheckWrite,
		Own: []func(context.Context) *alarm.Alarm{a.clockAlarm, a.accountAlarm, a.permissionAlarm, a.keyAlarm, a.heldAlarm, a.proxyAlarm, a.unsignedAlarm},
	}
}

// proxyAlarm is raised by a process that is reached through a proxy which it does not trust.
func (a *App) proxyAlarm(context.Context) *alarm.Alarm {
	if a.surface == nil { // the process is still being built
		return nil
	}
	peer := a.surface.UntrustedProxy()
	if peer == "" {
		return nil
	}
	raised := alarm.ProxyUntrusted()
	raised.Count, raised.Reason = 1, "requests from "+peer+" have X-Forwarded-For or Forwarded"
	return &raised
}

// heartbeat returns the periodic job that shows that a scheduler runs, and logs the alarms.
func (a *App) heartbeat() scheduler.PeriodicJob {
	made := a.clock.Wall()
	ticking := func() bool { return a.tickedSince(made) }
	logger := &alarm.AlarmLogger{
		Checker: alarm.New(a.alarmConfig()),
		Clock:   a.clock, Ticking: ticking, Log: a.log.With().Str("role", "scheduler").Logger(),
	}
	return scheduler.PeriodicJob{Name: alarm.Heartbeat, Every: alarm.HeartbeatEvery, Pause: alarm.HeartbeatEvery, Run: logger.Heartbeat}
}

// depths counts the tasks in the queue by state. A queue that takes no tasks is counted too, and
// reported as an error.
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
	if err == nil {
		err = a.queue.CheckWrite(ctx)
	}
	return depths, err
}
