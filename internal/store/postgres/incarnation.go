package postgres

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The parts of an incarnation. A restored table has another oid, a restored database too. A standby
// that is promoted, and a recovery to a point in time, begin a timeline. A server that begins again
// may have been restored from a snapshot of its volume.
const (
	tableSQL    = "SELECT d.oid::text || ' ' || 'attempts'::regclass::oid::text FROM pg_database d WHERE d.datname = current_database()"
	timelineSQL = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
	serverSQL   = "SELECT extract(epoch FROM pg_postmaster_start_time())::bigint::text"
)

// incarnation joins what the server knows of it. A server without one of the functions
// (CockroachDB), or that does not let this user call it, is known by the rest.
func incarnation(ctx context.Context, db *sql.DB) (string, error) {
	parts := []string{"postgres"}
	for _, query := range []string{tableSQL, timelineSQL} {
		var part string
		err := db.QueryRowContext(ctx, query).Scan(&part)
		if _, answered := errors.AsType[*pgconn.PgError](err); answered {
			part = "?"
		} else if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "), nil
}

// servers counts the servers that connections lead to. A lost connection comes back on the same
// one, or on a standby that was promoted, which may lack the last commits.
type servers struct {
	moves atomic.Int64
	mu    sync.Mutex
	seen  map[string]bool
}

// connected checks each new connection before it is used, so that no statement runs on a server
// that was not counted.
func (s *servers) connected(ctx context.Context, c *pgx.Conn) error {
	var parts []string
	for _, query := range []string{serverSQL, timelineSQL} {
		part := "?"
		if err := c.QueryRow(ctx, query, pgx.QueryExecModeSimpleProtocol).Scan(&part); err != nil && c.IsClosed() {
			return err
		}
		parts = append(parts, part)
	}
	name := strings.Join(parts, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if !s.seen[name] {
		s.seen[name] = true
		s.moves.Add(1)
	}
	return nil
}
