package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"tranche/internal/billing"
)

const (
	// maxBatch is the maximum number of events in a commit. A batch holds the events that arrived
	// during the previous commit; it is not held back until it is full.
	maxBatch = 100
	// writers is the number of concurrent commits: while one writer waits for the disk, the other
	// gathers events.
	writers = 2
	// storeTimeout bounds a commit. After a timeout Stripe sends the events again.
	storeTimeout = 10 * time.Second
)

// inbox stores events that arrive at the same time in one commit.
type inbox struct {
	events   billing.Inbox
	received func([]billing.Event)
	arrivals chan arrival
	writing  sync.WaitGroup
}

// arrival is an event, and the channel that its sender waits on.
type arrival struct {
	event billing.Event
	done  chan stored
}

type stored struct {
	fresh bool
	err   error
}

func newInbox(events billing.Inbox, received func([]billing.Event)) *inbox {
	if received == nil {
		received = func([]billing.Event) {}
	}
	b := &inbox{events: events, received: received, arrivals: make(chan arrival, maxBatch)}
	for range writers {
		b.writing.Go(b.write)
	}
	return b
}

// store returns once the event is durable, and reports whether it was new.
func (b *inbox) store(ctx context.Context, e billing.Event) (bool, error) {
	a := arrival{event: e, done: make(chan stored, 1)}
	select {
	case b.arrivals <- a:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case s := <-a.done:
		return s.fresh, s.err
	case <-ctx.Done(): // the event may still be stored; when Stripe sends it again it is a duplicate
		return false, ctx.Err()
	}
}

// close ends the writers once all accepted events are stored. store must not be called afterwards.
func (b *inbox) close() {
	close(b.arrivals)
	b.writing.Wait()
}

func (b *inbox) write() {
	for first := range b.arrivals {
		b.commit(b.gather(first))
	}
}

// gather returns the events that have arrived by now.
func (b *inbox) gather(first arrival) []arrival {
	batch := []arrival{first}
	for len(batch) < maxBatch {
		select {
		case a, open := <-b.arrivals:
			if !open {
				return batch
			}
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}

// commit stores a batch and answers every sender. If the batch fails, each event is stored by
// itself, so that an event that the database rejects does not affect others. If the database is
// unavailable, commit does not try again.
func (b *inbox) commit(batch []arrival) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	fresh, err := b.insert(ctx, batch)
	if err != nil && len(batch) > 1 && !errors.Is(err, billing.ErrUnavailable) {
		for _, a := range batch {
			one := []arrival{a}
			fresh, err := b.insert(ctx, one)
			b.answer(one, fresh, err)
		}
		return
	}
	b.answer(batch, fresh, err)
}

// insert stores a batch in one commit and returns the ids that are new.
func (b *inbox) insert(ctx context.Context, batch []arrival) (map[string]bool, error) {
	events := make([]billing.Event, len(batch))
	for i, a := range batch {
		events[i] = a.event
	}
	ids, err := b.events.InsertEvents(ctx, events)
	fresh := make(map[string]bool, len(ids))
	for _, id := range ids {
		fresh[id] = true
	}
	return fresh, err
}

// answer answers every sender of a batch. Of two copies of an event in one batch one is new.
func (b *inbox) answer(batch []arrival, fresh map[string]bool, err error) {
	var news []billing.Event
	for _, a := range batch {
		if fresh[a.event.ID] {
			news = append(news, a.event)
		}
		a.done <- stored{fresh: fresh[a.event.ID], err: err}
		delete(fresh, a.event.ID)
	}
	if len(news) > 0 {
		b.received(news)
	}
}
