package binding_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/store/storetest"
)

// key is a key of some account.
type key struct {
	account string
	live    bool
	err     error
	asked   int
}

// Account tells the account, or fails as told.
func (k *key) Account(context.Context) (string, error) {
	k.asked++
	return k.account, k.err
}

// Livemode tells the mode.
func (k *key) Livemode() bool { return k.live }

// elsewhere is a copy of a database in another place.
type elsewhere struct{ billing.BindingStore }

// Home is another place.
func (elsewhere) Home(context.Context) (string, error) { return "postgres 42 staging", nil }

func now() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

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

func TestAKeyThatMayNotReadItsAccountIsKnownByItsMode(t *testing.T) {
	t.Parallel()
	store := storetest.SQLite(t)
	restricted := &key{err: &billing.GatewayError{Kind: billing.GatewayUnauthorized, HTTPStatus: 403}}
	require.NoError(t, binding.New(store, restricted, now).Check(t.Context()))
	require.NoError(t, binding.New(store, &key{account: "acct_any"}, now).Check(t.Context()))
	require.Error(t, binding.New(store, &key{account: "acct_any", live: true}, now).Check(t.Context()))
	wrong := &key{err: &billing.GatewayError{Kind: billing.GatewayUnauthorized, HTTPStatus: 401}}
	require.Error(t, binding.New(store, wrong, now).Check(t.Context()))
}
