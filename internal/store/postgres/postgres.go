// Package postgres opens a store in PostgreSQL, or in a database that speaks its protocol and
// shards (Citus, CockroachDB, YugabyteDB). Any number of processes may share it.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"tranche/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are the settings an operator may change. The zero value is good.
type Options struct {
	// Connections is the most this process opens; 0 means 20. All processes together must stay
	// under the server's max_connections.
	Connections int
}

// Open connects to the database that a postgres:// URL names. It does not migrate. The error of an
// unreadable URL does not repeat it, because it holds a password. Errors: ErrUnavailable when the
// server does not answer.
func Open(ctx context.Context, dsn string, o Options) (*store.Store, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the PostgreSQL URL can't be read: it must look like postgres://user:password@host:5432/database?sslmode=require, " +
			"with special characters in the password percent-encoded")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "tranche" // names us in pg_stat_activity
	}
	seen, between := &servers{}, newPooler(dsn)
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(between.beforeConnect), stdlib.OptionAfterConnect(
		func(ctx context.Context, c *pgx.Conn) error {
			return errors.Join(seen.connected(ctx, c), between.connected(ctx, c))
		}))
	connections := o.Connections
	if connections <= 0 {
		connections = 20
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)         // the default of 2 would reconnect all the time under load
	db.SetConnMaxIdleTime(5 * time.Minute)  // close what a busy hour opened
	db.SetConnMaxLifetime(30 * time.Minute) // follow a failover or a new address in the end
	engine := dialect()
	engine.Moves = seen.moves.Load
	s := store.New(db, db, engine, steps()) // readers don't wait for writers: one pool is enough
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	between.dropFirst(db, connections)
	return s, nil
}

func dialect() store.Dialect {
	return store.Dialect{
		Name:          "postgres",
		RowLock:       " FOR UPDATE",
		SkipLocked:    " FOR UPDATE SKIP LOCKED",
		ReturnsJoined: true,
		MaxParams:     65535, // a 16-bit count in the protocol
		// Row locks order the writers, so READ COMMITTED is enough. It is asked for, because some
		// servers have another default.
		Begin: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		HasTable: `SELECT count(*) FROM information_schema.tables
			WHERE table_schema = current_schema() AND table_name = $1`,
		ServerTime: "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
		Fault:      fault,
		Home:       home,

		Incarnation: incarnation,
	}
}

// home is the cluster's identity and the database's name. A replica that takes over has the same;
// what was restored from a dump has another. Servers without the function (CockroachDB) are known
// by nothing.
func home(ctx context.Context, db *sql.DB) (string, error) {
	var id, name string
	err := db.QueryRowContext(ctx, "SELECT system_identifier::text, current_database() FROM pg_control_system()").Scan(&id, &name)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == "42883" || e.Code == "42501") { // undefined function, not allowed
		return "", nil
	}
	return "postgres " + id + " " + name, err
}

func steps() store.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // a constant, valid name
	}
	return store.Migrations{Files: files, Dialect: goose.DialectPostgres, Locker: locker, Tune: tune}
}

// locker is a row with a lease in a table of its own. An advisory lock would be simpler, but
// CockroachDB has none, and a connection pooler in transaction mode loses it. A waiting process
// tries four times a second for ten minutes; the lease of a dead process ends after thirty seconds.
func locker() (lock.Locker, error) {
	return lock.NewPostgresTableLocker(
		lock.WithTableLockTimeout(250*time.Millisecond, 2400),
		lock.WithTableLeaseDuration(30*time.Second),
		lock.WithTableHeartbeatInterval(5*time.Second),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)), // errors are returned
	)
}

// tune turns off the compression of webhook bodies, which costs a sixth of the rate they come in
// at. It is no part of the migrations because CockroachDB has no such setting: a server that does
// not know it goes without.
func tune(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL")
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "0A000" || e.Code == "42601") { // not supported, or not even understood
		return nil
	}
	if err != nil {
		return fmt.Errorf("set the storage of webhook bodies: %w", err)
	}
	return nil
}
