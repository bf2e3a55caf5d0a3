// Package backfill brings events into the inbox that no webhook brought: it reads Stripe's own
// event list and stores what is missing. Events that are known already change nothing, so it may
// run at any time, any number of times.
package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Overlap is how far back of where the last sweep began the next one reads: for clocks that differ,
// and for events that Stripe's list shows late.
const Overlap = time.Hour

// Inbox is where events are stored.
type Inbox interface {
	billing.Inbox
	// KnownEvents returns those of the ids that are stored.
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)
	// PlanAccounts lists the connected accounts that plans name.
	PlanAccounts(ctx context.Context) ([]string, error)
}

// Options say what to read. Now and Types are required.
type Options struct {
	Since  time.Time // read events created at or after it; Stripe has none older than billing.EventHistory
	Now    func() time.Time
	Types  []string            // of the events that are wanted
	DryRun bool                // count what is missing and store nothing
	Page   func(counts Counts) // called after each page; may be nil
}

// Counts is how far a backfill has come.
type Counts struct {
	Seen  int       // events in Stripe's list
	New   int       // those that were missing
	Until time.Time // everything created after it was seen
	// Refused are the connected accounts that Stripe gives no access to (any more): nothing was
	// read of them.
	Refused []string
}

// Run reads the list, newest events first, and stores what is missing, page by page: what was
// stored stays stored when it ends early, and Counts says how much that was. After the platform's
// own list it reads that of every connected account that a plan names. Errors:
// *billing.GatewayError, billing.ErrUnavailable.
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

// read reads the list of the account that ctx is for.
func (r *run) read(ctx context.Context, record billing.Record) error {
	for types := range slices.Chunk(r.Types, billing.MaxEventTypes) {
		if err := record.Events(ctx, r.Since, types, func(page []billing.Event) error { return r.take(ctx, page) }); err != nil {
			return err
		}
	}
	return nil
}

// take stores what is missing of a page.
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

// store returns how many events were missing. They wake at once: a webhook that should have come
// did not.
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
		if page[i].Account == "" { // the list need not repeat whose events it holds
			page[i].Account = billing.AccountOf(ctx)
		}
		page[i].Status, page[i].ReceivedAt, page[i].WakeAt = billing.EventPending, now, now
	}
	fresh, err := r.inbox.InsertEvents(ctx, page)
	return len(fresh), err
}

// Since is where a sweep begins to read: Overlap before the last one, whose cursor it is, and the
// first time at floor, which may be zero. Neither is earlier than what Stripe remembers.
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
