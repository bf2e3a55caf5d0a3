package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/store/storetest"
)

func TestServerTime(t *testing.T) {
	t.Parallel()
	require.False(t, storetest.SQLite(t).HasClock(), "it runs in this process")
	s := storetest.Postgres(t)
	require.True(t, s.HasClock())
	now, err := s.ServerTime(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, 30*time.Second)
}
