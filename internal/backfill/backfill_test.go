package backfill_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/backfill"
	"tranche/internal/billing"
)

// TestSince requires that a sweep overlaps the last one, and reads nothing older than Stripe keeps.
func TestSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cursor := now.Add(-15 * time.Minute)
	require.Equal(t, cursor.Add(-time.Hour), backfill.Since(cursor, time.Time{}, now))
	require.Equal(t, now.Add(-3*time.Hour), backfill.Since(time.Time{}, now.Add(-2*time.Hour), now))
	require.Equal(t, now.Add(-billing.EventHistory), backfill.Since(time.Time{}, time.Time{}, now))
}

// list is Stripe's list of one account's events.
type list struct {
	billing.Record
	events []billing.Event
}

// Events implements billing.Record.
func (l list) Events(_ context.Context, _ time.Time, _ []string, fn func([]billing.Event) error) error {
	return fn(slices.Clone(l.events))
}

// inbox stores events in memory, with one connected account.
type inbox struct {
	backfill.Inbox
	stored []billing.Event
}

// InsertEvents implements billing.Inbox.
func (i *inbox) InsertEvents(_ context.Context, events []billing.Event) ([]string, error) {
	i.stored = append(i.stored, events...)
	return nil, nil
}

// PlanAccounts implements backfill.Inbox.
func (i *inbox) PlanAccounts(context.Context) ([]string, error) { return []string{"acct_villa"}, nil }

// TestRun_AccountOfAnEvent requires that an event without an account gets the list's account, and
// that an event's own account is kept: the account decides what the event may change.
func TestRun_AccountOfAnEvent(t *testing.T) {
	t.Parallel()
	in := &inbox{}
	record := list{events: []billing.Event{{ID: "evt_1"}, {ID: "evt_2", Account: "acct_other"}}}
	_, err := backfill.Run(t.Context(), record, in, backfill.Options{Now: time.Now, Types: []string{"customer.deleted"}})
	require.NoError(t, err)
	accounts := make([]string, 0, len(in.stored))
	for _, e := range in.stored {
		accounts = append(accounts, e.ID+" "+e.Account)
	}
	require.Equal(t, []string{"evt_1 ", "evt_2 acct_other", "evt_1 acct_villa", "evt_2 acct_other"}, accounts)
}
