package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"tranche/internal/billing"
)

const (
	// maxBatch is how many events share a commit at most. A batch is whatever has come while the
	// one before was committed; nobody waits for it to fill.
	maxBatch = 100
	// writers commit at the same time: while one waits for the disk the other takes in.
	writers = 2
	// storeTimeout bounds a commit; Stripe sends the events again.
	storeTimeout = 10 * time.Second
)

// inbox stores events that arrive together in one commit.
type inbox struct {
	events   billing.Inbox
	received func([]billing.Event)
	arrivals chan arrival
	writing  sync.WaitGroup
}

// arrival is an event and where its sender waits.
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

// store returns once the event is durable, and says whether it was new.
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
	case <-ctx.Done(): // it may still be stored; Stripe sends it again and it is a duplicate then
		return false, ctx.Err()
	}
}

// close ends the writers once everything taken in is stored. Nothing may be stored after.
func (b *inbox) close() {
	close(b.arrivals)
	b.writing.Wait()
}

func (b *inbox) write() {
	for first := range b.arrivals {
		b.commit(b.gather(first))
	}
}

// gather takes what has arrived by now.
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

// commit stores a batch and tells every sender. If the batch is refused, each event is stored by
// itself, so that one event that the database does not take fails no other. A database that is away
// is not asked again.
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

// answer tells every sender of a batch. Of two copies of an event in one batch one is new.
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
