package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	usualPostgres = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	schemaPrefix  = "tranche_test_"
	// staleAfter is the age at which a schema counts as left over from a killed test.
	staleAfter = 2 * time.Hour
)

// Postgres returns the URL of an empty database of the test's own, which is dropped at its end; see
// LastingPostgres.
func Postgres(t testing.TB) (databaseURL string) {
	t.Helper()
	databaseURL, drop := LastingPostgres(t)
	t.Cleanup(drop)
	return databaseURL
}

// LastingPostgres returns the URL of an empty database that exists until the returned function
// drops it. It is a schema in the server at $TEST_POSTGRES_URL, or at 127.0.0.1:5432 for user
// postgres without a password. Creating a schema takes a few milliseconds; CREATE DATABASE takes a
// tenth of a second.
func LastingPostgres(t testing.TB) (databaseURL string, done func()) {
	t.Helper()
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		server = usualPostgres
	}
	own, err := url.Parse(server)
	if err != nil {
		t.Fatal("TEST_POSTGRES_URL is not a URL")
	}
	name := schemaPrefix + strconv.FormatInt(time.Now().Unix(), 10) + "_" + random()
	err = withPostgres(server, func(ctx context.Context, c *pgx.Conn) error {
		dropStale(ctx, c)
		_, err := c.Exec(ctx, "CREATE SCHEMA "+name)
		return err
	})
	if err != nil {
		missing(t, fmt.Sprintf("PostgreSQL: start one on 127.0.0.1:5432 (user postgres, no password), or set TEST_POSTGRES_URL: %v", err))
	}
	done = func() {
		// A schema that can't be dropped is left to dropStale.
		_ = withPostgres(server, func(ctx context.Context, c *pgx.Conn) error { return drop(ctx, c, name) })
	}
	query := own.Query()
	query.Set("search_path", name)
	query.Set("application_name", name) // identifies this test's connections
	own.RawQuery = query.Encode()
	return own.String(), done
}

// withPostgres runs fn on a connection of its own.
func withPostgres(server string, fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return fn(ctx, c)
}

// drop removes a schema. It first ends connections that a failed test left open, because it would
// have to wait for them.
func drop(ctx context.Context, c *pgx.Conn, name string) error {
	_, _ = c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
	_, err := c.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE")
	return err
}

// dropStale removes schemas that killed tests left behind. Errors are ignored.
func dropStale(ctx context.Context, c *pgx.Conn) {
	rows, _ := c.Query(ctx, "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'tranche!_test!_%' ESCAPE '!'")
	names, _ := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		seconds, _, _ := strings.Cut(strings.TrimPrefix(name, schemaPrefix), "_")
		made, err := strconv.ParseInt(seconds, 10, 64)
		if err == nil && time.Since(time.Unix(made, 0)) > staleAfter {
			_ = drop(ctx, c, pgx.Identifier{name}.Sanitize())
		}
	}
}
