package postgres_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/postgres"
)

var now = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func TestOpenDoesNotRepeatThePassword(t *testing.T) {
	t.Parallel()
	for _, databaseURL := range []string{
		"postgres://tranche:hunter2@host:port/db",
		"postgres://tranche:hunter2%@host/db",
		"postgres://tranche:hunter2@host:5432/db?sslmode=perhaps",
		"postgres://tranche:hunter2/@host/db",
		"postgres://tranche@host:5432/db?password=hunter2&connect_timeout=soon",
		"postgres://tranche:hunter2@127.0.0.1:1/db?sslmode=disable",
		"postgres://tranche:hunter2@[::1/db",
	} {
		_, err := postgres.Open(t.Context(), databaseURL, postgres.Options{})
		require.Error(t, err, databaseURL)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestOpenOfAServerThatIsDown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = postgres.Open(t.Context(), "postgres://tranche@"+address+"/db?sslmode=disable", postgres.Options{})
	require.ErrorIs(t, err, billing.ErrUnavailable)
}
