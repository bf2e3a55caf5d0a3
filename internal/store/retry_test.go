package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/store"
)

func TestRetryEnds(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	synctest.Test(t, func(t *testing.T) {
		tries, began := 0, time.Now()
		err := store.Retry(t.Context(), func() (store.Fault, error) { tries++; return store.FaultSerialization, lost })
		require.ErrorIs(t, err, lost)
		require.Equal(t, 10, tries)
		require.Less(t, time.Since(began), 2*time.Second, "nobody waits for long")
		require.Greater(t, time.Since(began), 200*time.Millisecond, "nor hammers on the server")

		tries = 0
		require.NoError(t, store.Retry(t.Context(), func() (store.Fault, error) {
			if tries++; tries < 3 {
				return store.FaultSerialization, lost
			}
			return store.FaultOther, nil
		}))
		require.Equal(t, 3, tries)

		tries = 0
		for _, fault := range []store.Fault{store.FaultOther, store.FaultDuplicate, store.FaultUnavailable, store.FaultCanceled} {
			require.ErrorIs(t, store.Retry(t.Context(), func() (store.Fault, error) { tries++; return fault, lost }), lost)
		}
		require.Equal(t, 4, tries, "only a lost transaction is run again")

		tries = 0
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, store.Retry(ctx, func() (store.Fault, error) { tries++; cancel(); return store.FaultSerialization, lost }), lost)
		require.Equal(t, 1, tries, "who gave up is not kept waiting")
	})
}
