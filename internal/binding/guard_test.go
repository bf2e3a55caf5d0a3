package binding_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/store/storetest"
)

// key is a simulated key of an account.
type key struct {
	account string
	live    bool
	err     error
	asked   int
	has     []string // the objects that its account has
	fetch   error    // how fetching one fails, if it does
}

// PaymentIntent fetches one of the account's.
func (k *key) PaymentIntent(_ context.Context, id string) (billing.PaymentIntent, error) {
	return billing.PaymentIntent{ID: id}, k.find(id)
}

// PaymentMethod fetches one of the account's.
func (k *key) PaymentMethod(_ context.Context, id string) (billing.PaymentMethod, error) {
	return billing.PaymentMethod{ID: id}, k.find(id)
}

func (k *key) find(id string) error {
	if k.fetch != nil || slices.Contains(k.has, id) {
		return k.fetch
	}
	return &billing.GatewayError{Kind: billing.GatewayNotFound, HTTPStatus: 404}
}

// Account returns the account, or the error that the test sets.
func (k *key) Account(context.Context) (string, error) {
	k.asked++
	return k.account, k.err
}

// Livemode returns the mode.
func (k *key) Livemode() bool { return k.live }

// elsewhere is a copy of a database in another place.
type elsewhere struct{ billing.BindingStore }

// Home is another place.
func (elsewhere) Home(context.Context) (string, error) { return "postgres 42 staging", nil }

// now is a clock that advances by three seconds at each reading.
var now = clock.New(time.Time{}, 0, func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }).
	WithMonotonic(func() time.Duration { return time.Duration(looks.Add(1)) * 3 * time.Second })

var looks atomic.Int64

func TestADatabaseStaysWithItsAccountModeAndPlace(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		store, ok := s.(billing.BindingStore)
		require.True(t, ok)
		mine := &key{account: "acct_mine"}
		require.NoError(t, binding.New(store, mine, now).Check(t.Context()), "the first use binds")
		require.NoError(t, binding.New(store, mine, now).Check(t.Context()))

		for why, tc := range map[string]struct {
			store billing.BindingStore
			key   *key
			says  string
		}{
			"another account":  {store, &key{account: "acct_other"}, "acct_other"},
			"another mode":     {store, &key{account: "acct_mine", live: true}, "live key"},
			"a copy elsewhere": {elsewhere{store}, mine, "copy"},
		} {
			err := binding.New(tc.store, tc.key, now).Check(t.Context())
			var mismatch *binding.MismatchError
			require.ErrorAs(t, err, &mismatch, why)
			require.ErrorContains(t, err, tc.says, why)
			require.ErrorContains(t, err, "tranche bind", why)
		}

		other := binding.New(store, &key{account: "acct_other"}, now)
		require.NoError(t, other.Rebind(t.Context()), "on purpose")
		require.NoError(t, other.Check(t.Context()))
		require.Error(t, binding.New(store, mine, now).Check(t.Context()))
	})
}

func TestWhatCanNotBeFoundOutIsNotTakenForAgreement(t *testing.T) {
	t.Parallel()
	store := storetest.SQLite(t)
	away := &key{err: &billing.GatewayError{Kind: billing.GatewayUnknown}}
	guard := binding.New(store, away, now)
	require.ErrorIs(t, guard.Check(t.Context()), billing.ErrUnavailable)
	_, err := store.Binding(t.Context())
	require.ErrorIs(t, err, billing.ErrNotFound, "nothing was bound")
	away.err, away.account = nil, "acct_mine"
	require.NoError(t, guard.Check(t.Context()))
	asked := away.asked
	require.NoError(t, guard.Check(t.Context()))
	require.Equal(t, asked, away.asked, "asked once")
}

// unnamed returns the errors with which Stripe may refuse to name a key's account.
func unnamed() map[string]*billing.GatewayError {
	return map[string]*billing.GatewayError{
		"a restricted key":                   {Kind: billing.GatewayUnauthorized, HTTPStatus: 403},
		"a server without accounts":          {Kind: billing.GatewayNotFound, HTTPStatus: 404},
		"a server that answers with a page":  {Kind: billing.GatewayUnknown, HTTPStatus: 404},
		"a proxy that allows no GET":         {Kind: billing.GatewayUnknown, HTTPStatus: 405},
		"a proxy that forbids the path":      {Kind: billing.GatewayUnknown, HTTPStatus: 403},
		"a server that refuses the question": {Kind: billing.GatewayRejected, HTTPStatus: 400},
	}
}

// charged stores a plan whose first charge has a PaymentIntent.
func charged(t *testing.T, s billing.Store, intent string) {
	t.Helper()
	ctx, at := t.Context(), now.Now().Add(time.Hour)
	customer := billing.Customer{ID: billing.NewCustomerID(at), Reference: "ada", CreatedAt: at, UpdatedAt: at}
	plan := billing.Plan{
		ID: billing.NewPlanID(at), Reference: "order-1", CustomerID: customer.ID, Kind: billing.KindInstallments, Currency: "usd", Total: 2,
		Status: billing.PlanActive, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	charge := billing.Charge{
		ID: billing.NewChargeID(at), PlanID: plan.ID, CustomerID: customer.ID, Sequence: 1, Amount: 2, Currency: "usd", Status: billing.ChargeSucceeded,
		DueAt: at, PaymentIntent: intent, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	require.NoError(t, s.Update(ctx, func(tx billing.Tx) error {
		if err := tx.InsertCustomer(ctx, customer); err != nil {
			return err
		}
		return tx.InsertPlan(ctx, plan, []billing.Charge{charge})
	}))
}

// TestCheck_AccountNotTold proves the account by an object of the database, on both engines.
func TestCheck_AccountNotTold(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		store, ok := s.(billing.BindingStore)
		require.True(t, ok)
		mine := &key{err: unnamed()["a restricted key"], has: []string{"pi_1"}}
		guard := binding.New(store, mine, now)
		require.NoError(t, guard.Check(t.Context()), "there is nothing yet that could be charged wrongly")
		require.NoError(t, binding.New(store, &key{err: mine.err}, now).Check(t.Context()))
		charged(t, s, "pi_1")
		for why, unreadable := range unnamed() {
			mine.err = unreadable
			require.NoError(t, binding.New(store, mine, now).Check(t.Context()), why)
			other := binding.New(store, &key{err: unreadable, has: []string{"pi_2"}}, now)
			var mismatch *binding.MismatchError
			require.ErrorAs(t, other.Check(t.Context()), &mismatch, why)
			require.ErrorContains(t, mismatch, "pi_1", why)
			require.NotEmpty(t, other.Mismatch(), "for the alarm")
		}
		asked := mine.asked
		for range 3 {
			require.NoError(t, guard.Check(t.Context()))
		}
		require.Equal(t, asked+1, mine.asked, "asked until it is proved, and then no more")

		blind := &key{err: mine.err, fetch: &billing.GatewayError{Kind: billing.GatewayUnauthorized, HTTPStatus: 403}}
		require.ErrorContains(t, binding.New(store, blind, now).Check(t.Context()), "give it the permission")
		away := &key{err: mine.err, fetch: &billing.GatewayError{Kind: billing.GatewayUnknown}}
		require.ErrorIs(t, binding.New(store, away, now).Check(t.Context()), billing.ErrUnavailable)

		held, err := store.Binding(t.Context())
		require.NoError(t, err)
		require.Equal(t, billing.Anchor{ID: "pi_1"}, held.Anchor)
		require.Empty(t, held.Account)
		require.NoError(t, binding.New(store, &key{account: "acct_mine", has: []string{"pi_1"}}, now).Check(t.Context()))
		require.ErrorContains(t, binding.New(store, &key{account: "acct_other", has: []string{"pi_1"}}, now).Check(t.Context()), "acct_mine",
			"the account is remembered once Stripe names it and an object proves it")
	})
}

func TestSuspect_ChecksAgain(t *testing.T) {
	t.Parallel()
	store := storetest.SQLite(t)
	mine := &key{account: "acct_mine"}
	guard := binding.New(store, mine, now)
	require.NoError(t, guard.Check(t.Context()))
	mine.account = "acct_other"
	require.NoError(t, guard.Check(t.Context()), "it is asked once")
	guard.Suspect()
	require.Error(t, guard.Check(t.Context()))
	mine.account = "acct_mine"
	require.NoError(t, guard.Check(t.Context()))
	require.Empty(t, guard.Mismatch())
}

// TestConfirms requires that Stripe names the account now: neither an earlier answer nor the mode
// is enough.
func TestConfirms(t *testing.T) {
	t.Parallel()
	mine := &key{account: "acct_mine"}
	guard := binding.New(storetest.SQLite(t), mine, now)
	require.True(t, guard.Confirms(t.Context()))
	mine.account = "acct_other"
	require.False(t, guard.Confirms(t.Context()))
	require.NotEmpty(t, guard.Mismatch())
	mine.account = "acct_mine"
	require.True(t, guard.Confirms(t.Context()))
	for name, unnamed := range unnamed() {
		mine.account, mine.err = "", unnamed
		require.False(t, guard.Confirms(t.Context()), name)
	}
	mine.err = &billing.GatewayError{Kind: billing.GatewayUnknown}
	require.False(t, guard.Confirms(t.Context()))
}

func TestRebind_KeepsTheProof(t *testing.T) {
	t.Parallel()
	store := storetest.SQLite(t)
	unreadable := unnamed()["a restricted key"]
	mine := &key{err: unreadable, has: []string{"pi_1"}}
	require.NoError(t, binding.New(store, mine, now).Check(t.Context()))
	charged(t, store, "pi_1")
	for _, tc := range []struct {
		has    string
		anchor string
	}{{"pi_1", "pi_1"}, {"pi_2", ""}} {
		again := binding.New(store, &key{err: unreadable, has: []string{tc.has}}, now)
		require.NoError(t, again.Rebind(t.Context()))
		held, err := store.Binding(t.Context())
		require.NoError(t, err)
		require.Equal(t, tc.anchor, held.Anchor.ID)
	}
}

// TestCheck_Clock requires that a process with another clock than the database's is refused.
func TestCheck_Clock(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		store, ok := s.(billing.BindingStore)
		require.True(t, ok)
		lives := func(setting string) error {
			clk, err := clock.Parse(setting)
			require.NoError(t, err)
			return binding.New(store, &key{account: "acct_mine"}, clk).Check(t.Context())
		}
		const fast = "2026-01-01T00:00:00Z@86400"
		require.NoError(t, lives(fast))
		require.NoError(t, lives(fast))
		for _, other := range []string{"", "2026-01-01T00:00:00Z@3600", "2026-01-02T00:00:00Z@86400"} {
			require.ErrorContains(t, lives(other), fmt.Sprintf("the clock %s", fast))
		}
	})
}

func TestCheck_WrongKey(t *testing.T) {
	t.Parallel()
	store := storetest.SQLite(t)
	require.NoError(t, binding.New(store, &key{err: unnamed()["a restricted key"]}, now).Check(t.Context()))
	require.Error(t, binding.New(store, &key{account: "acct_any", live: true}, now).Check(t.Context()))
	wrong := &key{err: &billing.GatewayError{Kind: billing.GatewayUnauthorized, HTTPStatus: 401}}
	require.Error(t, binding.New(store, wrong, now).Check(t.Context()))
}
