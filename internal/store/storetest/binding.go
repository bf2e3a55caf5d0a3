package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func bindingTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"the first binding holds":          firstBindingHolds,
		"a binding is replaced on purpose": bindingIsReplaced,
		"the database knows its home":      homeStays,
		"a binding is completed once":      bindingIsCompleted,
		"an anchor is a payment or a card": anchorIsFound,
	}
}

// bindings is the store as far as it keeps the binding; every store does.
func bindings(t *testing.T, f *fixture) billing.BindingStore {
	t.Helper()
	s, ok := f.Store.(billing.BindingStore)
	require.True(t, ok)
	return s
}

func firstBindingHolds(t *testing.T, f *fixture) {
	s := bindings(t, f)
	_, err := s.Binding(t.Context())
	require.ErrorIs(t, err, billing.ErrNotFound)
	held, faults := make([]billing.Binding, 8), make([]error, 8)
	var wg sync.WaitGroup
	for i := range held {
		wg.Go(func() {
			held[i], faults[i] = s.Bind(t.Context(), billing.Binding{
				Account: "acct_" + string(rune('a'+i)), Livemode: i%2 == 0, Home: "here", BoundAt: time.UnixMilli(int64(1000 + i)).UTC(),
			})
		})
	}
	wg.Wait()
	for i := range held {
		require.NoError(t, faults[i])
		require.Equal(t, held[0], held[i], "of many at once one wins")
	}
	same(t, held[0])(s.Binding(t.Context()))
}

func bindingIsReplaced(t *testing.T, f *fixture) {
	s := bindings(t, f)
	_, err := s.Bind(t.Context(), billing.Binding{Account: "acct_old", BoundAt: time.UnixMilli(1).UTC()})
	require.NoError(t, err)
	other := billing.Binding{Account: "acct_new", Livemode: true, Home: "there", BoundAt: time.UnixMilli(2).UTC()}
	require.NoError(t, s.Rebind(t.Context(), other))
	same(t, other)(s.Binding(t.Context()))
}

func homeStays(t *testing.T, f *fixture) {
	s := bindings(t, f)
	first, err := s.Home(t.Context())
	require.NoError(t, err)
	again, err := s.Home(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, first)
	require.Equal(t, first, again)
}

func bindingIsCompleted(t *testing.T, f *fixture) {
	s := bindings(t, f)
	at := time.UnixMilli(1).UTC()
	_, err := s.Bind(t.Context(), billing.Binding{Home: "here", BoundAt: at})
	require.NoError(t, err)
	known := billing.Binding{Account: "acct_1", Home: "here", BoundAt: at, Clock: billing.RealClock, Anchor: billing.Anchor{ID: "pi_1", Account: "acct_2"}}
	require.NoError(t, s.CompleteBinding(t.Context(), known))
	same(t, known)(s.Binding(t.Context()))
	require.NoError(t, s.CompleteBinding(t.Context(), billing.Binding{Account: "acct_3", Clock: "fast", Anchor: billing.Anchor{ID: "pi_3"}}))
	same(t, known)(s.Binding(t.Context()))
}

func anchorIsFound(t *testing.T, f *fixture) {
	s := bindings(t, f)
	_, err := s.Anchor(t.Context(), time.Time{})
	require.ErrorIs(t, err, billing.ErrNotFound)
	_, charges := f.plan(1)
	c := charges[0]
	c.PaymentIntent = "pi_anchor"
	f.update(func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), c) })
	same(t, billing.Anchor{ID: "pi_anchor"})(s.Anchor(t.Context(), time.Time{}))
	_, err = s.Anchor(t.Context(), f.now.AddDate(100, 0, 0))
	require.ErrorIs(t, err, billing.ErrNotFound, "what was there before a rebind proves nothing")
}
