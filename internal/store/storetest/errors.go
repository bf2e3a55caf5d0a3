package storetest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func errorTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"a missing row is ErrNotFound":             notFound,
		"a closed store is ErrUnavailable":         closedStore,
		"a deadline that passes is ErrUnavailable": deadline,
		"a canceled context is no outage":          canceledContext,
		"an open store answers":                    func(t *testing.T, f *fixture) { require.NoError(t, f.Ping(t.Context())) },
	}
}

// reads are all methods that look for one object.
func reads(r billing.Reader) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Plan":                  func(ctx context.Context) error { _, err := r.Plan(ctx, "none"); return err },
		"PlanByReference":       func(ctx context.Context) error { _, err := r.PlanByReference(ctx, "none"); return err },
		"Charge":                func(ctx context.Context) error { _, err := r.Charge(ctx, "none"); return err },
		"ChargeByPaymentIntent": func(ctx context.Context) error { _, err := r.ChargeByPaymentIntent(ctx, "none"); return err },
		"Customer":              func(ctx context.Context) error { _, err := r.Customer(ctx, "none"); return err },
		"CustomerByReference":   func(ctx context.Context) error { _, err := r.CustomerByReference(ctx, "none"); return err },
		"CustomerByStripe":      func(ctx context.Context) error { _, err := r.CustomerByStripe(ctx, "none"); return err },
		"Card":                  func(ctx context.Context) error { _, err := r.Card(ctx, "none"); return err },
		"CardByPaymentMethod":   func(ctx context.Context) error { _, err := r.CardByPaymentMethod(ctx, "none"); return err },
		"Notice":                func(ctx context.Context) error { _, err := r.Notice(ctx, "none"); return err },
		"Event":                 func(ctx context.Context) error { _, err := r.Event(ctx, "none"); return err },
		"Dunning":               func(ctx context.Context) error { _, err := r.Dunning(ctx, "none"); return err },
		"PinnedPolicy":          func(ctx context.Context) error { _, err := r.PinnedPolicy(ctx, "none"); return err },
		"Request":               func(ctx context.Context) error { _, err := r.Request(ctx, "none"); return err },
	}
}

// rest are the methods of a store that need no object.
func (f *fixture) rest() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Ping":        f.Ping,
		"Update":      func(ctx context.Context) error { return f.Update(ctx, func(billing.Tx) error { return nil }) },
		"Plans":       func(ctx context.Context) error { _, err := f.Plans(ctx, billing.PlanFilter{}); return err },
		"PlanCharges": func(ctx context.Context) error { _, err := f.PlanCharges(ctx, "none"); return err },
		"InsertEvents": func(ctx context.Context) error {
			_, err := f.InsertEvents(ctx, f.newEvents(1))
			return err
		},
		"ClaimCharges": func(ctx context.Context) error {
			_, err := f.ClaimCharges(ctx, f.now, f.now, 1)
			return err
		},
		"ClaimEvents": func(ctx context.Context) error {
			_, err := f.ClaimEvents(ctx, f.now, f.now, 1)
			return err
		},
		"ClaimNotices": func(ctx context.Context) error {
			_, err := f.ClaimNotices(ctx, f.now, f.now, 1)
			return err
		},
		"ClaimDunnings": func(ctx context.Context) error {
			_, err := f.ClaimDunnings(ctx, f.now, f.now, 1)
			return err
		},
		"ReleaseClaims": func(ctx context.Context) error { _, err := f.ReleaseClaims(ctx, f.now, f.now); return err },
	}
}

func notFound(t *testing.T, f *fixture) {
	for name, read := range reads(f.Store) {
		err := read(t.Context())
		require.ErrorIs(t, err, billing.ErrNotFound, name)
		require.NotErrorIs(t, err, sql.ErrNoRows, "the database must not leak")
		require.NotEqual(t, billing.ErrNotFound.Error(), err.Error(), "the error names the row")
	}
	f.update(func(tx billing.Tx) error {
		for name, read := range reads(tx) {
			require.ErrorIs(t, read(t.Context()), billing.ErrNotFound, name)
		}
		return nil // it is no failure: the transaction commits
	})
}

func closedStore(t *testing.T, f *fixture) {
	require.NoError(t, f.Close())
	for name, call := range reads(f.Store) {
		require.ErrorIs(t, call(t.Context()), billing.ErrUnavailable, name)
	}
	for name, call := range f.rest() {
		require.ErrorIs(t, call(t.Context()), billing.ErrUnavailable, name)
	}
	require.NoError(t, f.Close(), "closing it again does no harm")
}

func deadline(t *testing.T, f *fixture) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for name, call := range f.rest() {
		require.ErrorIs(t, call(ctx), billing.ErrUnavailable, name)
	}
	_, err := f.Plan(ctx, "none")
	require.ErrorIs(t, err, billing.ErrUnavailable)
}

func canceledContext(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range f.rest() {
		err := call(ctx)
		require.ErrorIs(t, err, context.Canceled, name)
		require.NotErrorIs(t, err, billing.ErrUnavailable, name)
	}
}
