// Package store keeps everything Tranche knows in SQL. It implements billing.Store for SQLite and
// PostgreSQL.
//
// Every statement is written once, with $1 placeholders, in the part of SQL that both engines and
// the databases that speak PostgreSQL's protocol (Citus, CockroachDB, YugabyteDB) take: no
// triggers, no procedures, no advisory locks. A Dialect holds the differences. The packages sqlite
// and postgres provide one each, with the migrations and the settings of the engine. Package open
// chooses between them by the database URL.
//
// Times are stored as whole milliseconds since 1970 in UTC, and a zero time as NULL: numbers sort
// by time in every time zone, and texts do not. Optional ids of Stripe objects are NULL when empty,
// so that a unique index accepts any number of them.
package store
