// Package store keeps everything Tranche knows in SQL. It implements billing.Store for SQLite and PostgreSQL.
//
// Every statement is written once, with $1 placeholders, in the part of SQL that both engines and the databases that
// speak PostgreSQL's protocol (Citus, CockroachDB, YugabyteDB) take: no triggers, no procedures, no advisory locks.
// What differs is a Dialect, made by the packages sqlite and postgres, which also hold the migrations and the
// settings of each engine. Package open chooses between them by the database URL.
//
// Times are stored as whole milliseconds since 1970 in UTC, and a zero time as NULL: numbers sort in the order of
// time whatever zone they came from, which texts do not. Optional names of things at Stripe are NULL when empty, so
// that a unique index takes any number of them.
package store
