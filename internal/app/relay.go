package app

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/task"
)

const (
	relayDepth   = 64
	relayTimeout = 5 * time.Second
)

// relay enqueues newly stored events after the webhook was answered, so that a slow or absent Redis
// does not keep Stripe waiting. It is best effort: the scheduler finds events that it drops.
type relay struct {
	queue   billing.Queue
	batches chan []billing.Task
	log     zerolog.Logger
	running sync.WaitGroup
}

func newRelay(q billing.Queue, log zerolog.Logger) *relay {
	r := &relay{queue: q, batches: make(chan []billing.Task, relayDepth), log: log}
	r.running.Go(r.run)
	return r
}

// events passes events to the relay without waiting.
func (r *relay) events(events []billing.Event) {
	select {
	case r.batches <- eventTasks(events):
	default:
	}
}

func (r *relay) run() {
	for tasks := range r.batches {
		ctx, cancel := context.WithTimeout(context.Background(), relayTimeout)
		if err := r.queue.Enqueue(ctx, tasks...); err != nil {
			r.log.Warn().Err(err).Int("events", len(tasks)).Msg("stored events not enqueued; the scheduler will find them")
		}
		cancel()
	}
}

// close waits until the relay has enqueued its events, and ends it.
func (r *relay) close() {
	close(r.batches)
	r.running.Wait()
}

// eventTasks returns the first task of each newly stored event.
func eventTasks(events []billing.Event) []billing.Task {
	tasks := make([]billing.Task, len(events))
	for i, e := range events {
		tasks[i] = task.ForEvent(billing.EventClaim{EventID: e.ID, Lease: e.Lease})
	}
	return tasks
}
