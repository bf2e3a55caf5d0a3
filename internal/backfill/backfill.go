// Package backfill adds events to the inbox that no webhook delivered: it reads Stripe's event list
// and stores the missing events. Events that are stored already are skipped, so it may run at any
// time, any number of times.
package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Overlap is how long before the start of the last sweep the next sweep begins to read, because
// clocks differ and Stripe's list may show an event late.
const Overlap = time.Hour

// Inbox is where events are stored.
type Inbox interface {
	billing.Inbox
	// KnownEvents returns the ids that are stored.
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)
	// PlanAccounts lists the connected accounts that plans name.
	PlanAccounts(ctx context.Context) ([]string, error)
}

// Options selects what to read. Now and Types are required.
type Options struct {
	Since  time.Time // read events created at or after it; Stripe has none older than billing.EventHistory
	Now    func() time.Time
	Types  []string            // the types of events to read
	DryRun bool                // count missing events and store nothing
	Page   func(counts Counts) // called after each page; may be nil
}

// Counts is the progress of a backfill.
type Counts struct {
	Seen  int       // events in Stripe's list
	New   int       // events that were missing
	Until time.Time // all events created after it were seen
	// Refused lists the connected accounts that Stripe gives no access to: their events were not read.
	Refused []string
}

// Run reads the list, newest events first, and stores missing events page by page. If it ends
// early, stored pages stay stored, and Counts has their number. After the platform's own list it
// reads the list of every connected account that a plan names. Errors: *billing.GatewayError,
// billing.ErrUnavailable.
func Run(ctx context.Context, record billing.Record, inbox Inbox, o Options) (Counts, error) {
	r := run{Options: o, inbox: inbox, counts: Counts{Until: o.Now()}}
	if oldest := r.counts.Until.Add(-billing.EventHistory); r.Since.Before(oldest) {
		r.Since = oldest
	}
	accounts, err := inbox.PlanAccounts(ctx)
	if err != nil {
		return r.counts, err
	}
	r.counts.Refused, err = billing.EachAccount(ctx, accounts, func(ctx context.Context) error { return r.read(ctx, record) })
	if err != nil {
		return r.counts, fmt.Errorf("read Stripe's events: %w", err)
	}
	return r.counts, nil
}

type run struct {
	Options
	inbox  Inbox
	counts Counts
}

// read reads the list of ctx's account.
func (r *run) read(ctx context.Context, record billing.Record) error {
	for types := range slices.Chunk(r.Types, billing.MaxEventTypes) {
		if err := record.Events(ctx, r.Since, types, func(page []billing.Event) error { return r.take(ctx, page) }); err != nil {
			return err
		}
	}
	return nil
}

// take stores the missing events of a page.
func (r *run) take(ctx context.Context, page []billing.Event) error {
	fresh, err := r.store(ctx, page)
	if err != nil {
		return err
	}
	r.counts.Seen += len(page)
	r.counts.New += fresh
	if n := len(page); n > 0 {
		r.counts.Until = page[n-1].CreatedAt
	}
	if r.Page != nil {
		r.Page(r.counts)
	}
	return nil
}

// store stores the missing events of a page and returns their number. They can be claimed at once,
// because their webhooks are overdue.
func (r *run) store(ctx context.Context, page []billing.Event) (int, error) {
	if r.DryRun {
		ids := make([]string, len(page))
		for i, e := range page {
			ids[i] = e.ID
		}
		known, err := r.inbox.KnownEvents(ctx, ids...)
		return len(page) - len(known), err
	}
	now := r.Now()
	for i := range page {
		if page[i].Account == "" { // Stripe's list may leave out the account
			page[i].Account = billing.AccountOf(ctx)
		}
		page[i].Status, page[i].ReceivedAt, page[i].ClaimAfter = billing.EventPending, now, now
	}
	fresh, err := r.inbox.InsertEvents(ctx, page)
	return len(fresh), err
}

// Since returns where a sweep begins to read: Overlap before cursor, the start of the last sweep,
// or before floor (which may be zero) if there was no sweep. It is never earlier than Stripe's
// event history.
func Since(cursor, floor, now time.Time) time.Time {
	since := floor
	if !cursor.IsZero() {
		since = cursor
	}
	since = since.Add(-Overlap)
	if oldest := now.Add(-billing.EventHistory); since.Before(oldest) {
		return oldest
	}
	return since
}
