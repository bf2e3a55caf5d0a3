package testenv

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestPostgresGivesEachTestItsOwnTables(t *testing.T) {
	t.Parallel()
	for range 2 {
		c, err := pgx.Connect(t.Context(), Postgres(t))
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		_, err = c.Exec(t.Context(), "CREATE TABLE here (id int)") // would fail the second time in a shared place
		require.NoError(t, err)
	}
}

func TestPostgresIsGoneAfterTheTest(t *testing.T) {
	t.Parallel()
	var databaseURL string
	t.Run("inner", func(t *testing.T) { databaseURL = Postgres(t) })
	if databaseURL == "" {
		missing(t, "PostgreSQL")
	}
	c, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = c.Close(context.Background()) }()
	var schema *string
	require.NoError(t, c.QueryRow(t.Context(), "SELECT current_schema()").Scan(&schema))
	require.Nil(t, schema)
}

func TestRedisGivesEachTestItsOwnKeys(t *testing.T) {
	t.Parallel()
	isolated(t, Redis)
}

func TestBorrowedRedisGivesEachTestItsOwnKeys(t *testing.T) {
	t.Parallel()
	server := Redis(t)
	isolated(t, func(t testing.TB) string { return borrowRedis(t, server) })
}

func isolated(t *testing.T, open func(testing.TB) string) {
	t.Helper()
	for range 2 {
		options, err := redis.ParseURL(open(t))
		require.NoError(t, err)
		c := redis.NewClient(options)
		t.Cleanup(func() { _ = c.Close() })
		fresh, err := c.SetNX(t.Context(), "key", "value", 0).Result()
		require.NoError(t, err)
		require.True(t, fresh)
	}
}
