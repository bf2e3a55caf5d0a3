package app

import (
	"context"
	"slices"

	"tranche/config"
	"tranche/internal/queue"
	"tranche/internal/task"
	"tranche/scheduler"
)

// newScheduler makes the loop that claims due rows and enqueues tasks.
func newScheduler(p *parts) *scheduler.Scheduler {
	return scheduler.New(scheduler.Config{
		TakePart: p.permits.takePart, Calendar: p.store, Dunnings: p.store, Queue: p.queue, Clock: p.clock, Tick: p.cfg.Tick, Lease: p.cfg.Lease,
		Waiting: waiting(p.queue, queue.Charges, queue.Retries), WaitingDeliveries: waiting(p.queue, queue.Webhooks),
		Tasks: scheduler.Tasks{
			Charge: task.ForCharge, Event: task.ForEvent, Notice: task.ForNotice, Dunning: task.ForDunning, Delivery: task.ForDelivery,
		},
		Log: p.roleLog(config.RoleScheduler),
	})
}

// waiting returns a function that counts the tasks of some queues that wait for a worker.
func waiting(q *queue.Queue, queues ...string) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		depths, err := q.Stats(ctx)
		total := 0
		for _, d := range depths {
			if slices.Contains(queues, d.Queue) {
				total += d.Pending
			}
		}
		return total, err
	}
}
