package app

import (
	"context"
	"sync"
	"time"

	"tranche/config"
	"tranche/internal/alarm"
	"tranche/internal/metrics"
	"tranche/scheduler"
)

// watch shows how a process is doing: alarms, metrics and readiness.
type watch struct {
	*services
	own    *ownAlarms
	sched  *scheduler.Scheduler // nil without the scheduler role
	alarms alarm.Checker
}

// newWatch makes the alarms and fills the metrics, which every process has.
func newWatch(p *parts, sched *scheduler.Scheduler) *watch {
	w := &watch{services: p.services, own: &ownAlarms{services: p.services, gate: p.gate}, sched: sched}
	w.alarms = alarm.Cached(alarm.New(w.alarmConfig()), w.clock.Wall)
	sources := metrics.Sources{Alarms: w.alarms, Depths: w.depths, Pending: w.pendingDeliveries()}
	if sched != nil {
		sources.LastTick = sched.LastTick
	}
	w.metrics.Watch(sources)
	return w
}

// alarmConfig returns the sources of alarms: the database, and this process for alarms about
// itself.
func (w *watch) alarmConfig() alarm.Config {
	return alarm.Config{
		Store: w.store, Clock: w.clock, Lease: w.cfg.Lease, Archived: w.queue.Archived, Queue: w.queue.CheckWrite, Own: w.own.all(),
	}
}

// heartbeat returns the periodic job that shows that a scheduler runs, and logs the alarms.
func (w *watch) heartbeat() scheduler.PeriodicJob {
	made := w.clock.Wall()
	ticking := func() bool { return w.tickedSince(made) }
	logger := &alarm.AlarmLogger{
		Checker: alarm.New(w.alarmConfig()),
		Clock:   w.clock, Ticking: ticking, Log: w.roleLog(config.RoleScheduler),
	}
	return scheduler.PeriodicJob{Name: alarm.Heartbeat, Every: alarm.HeartbeatEvery, Pause: alarm.HeartbeatEvery, Run: logger.Heartbeat}
}

// depths counts the tasks in the queue by state. A queue that takes no tasks is counted too, and
// reported as an error.
func (w *watch) depths(ctx context.Context) ([]metrics.Depth, error) {
	queues, err := w.queue.Stats(ctx)
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
		err = w.queue.CheckWrite(ctx)
	}
	return depths, err
}

// pendingDeliveries counts the messages that endpoints have not accepted. It caches the count,
// because the metrics page needs no key and may be read at any rate.
func (w *watch) pendingDeliveries() func(ctx context.Context) (int, error) {
	var mu sync.Mutex
	var last time.Time
	var n int
	return func(ctx context.Context) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := w.clock.Wall(); last.IsZero() || now.Sub(last) >= alarm.MinAge {
			fresh, err := w.store.PendingDeliveries(ctx)
			if err != nil {
				return 0, err
			}
			n, last = fresh, now
		}
		return n, nil
	}
}
