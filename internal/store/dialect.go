package store

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Fault sorts a driver's error by what follows from it.
type Fault int

const (
	// FaultOther is none of those below: a defect, or a rule of the schema that was broken.
	FaultOther Fault = iota
	// FaultDuplicate: a unique key is taken.
	FaultDuplicate
	// FaultMissing: a foreign key names a row that does not exist.
	FaultMissing
	// FaultSerialization: the transaction lost against another and can be run again from its start.
	FaultSerialization
	// FaultUnavailable: the database can't be reached, or can't take the statement now.
	FaultUnavailable
	// FaultCanceled: the caller gave up. No Dialect reports it: it is read off the context.
	FaultCanceled
)

// Dialect holds the differences between the engines in statements and in handling.
type Dialect struct {
	// Name of the engine, such as sqlite.
	Name string
	// RowLock ends a SELECT that locks its rows until the transaction ends; empty where a
	// transaction locks the whole database.
	RowLock string
	// SkipLocked is like RowLock, but skips rows that another transaction has locked.
	SkipLocked string
	// ReturnsJoined reports whether UPDATE … FROM … RETURNING may return columns of the joined table.
	ReturnsJoined bool
	// MaxParams is the most parameters one statement takes.
	MaxParams int
	// Begin are the options of a writing transaction; nil means the driver's own.
	Begin *sql.TxOptions
	// HasTable counts the tables with the name $1, and must not change anything.
	HasTable string
	// Fault sorts a driver's error by its code, never by its text.
	Fault func(error) Fault
	// ServerTime selects the time of the server's clock, in UTC milliseconds; empty where the database
	// runs in this process.
	ServerTime string
	// Home identifies the database, so that a copy of it has another Home; nil, or an empty
	// result, where the engine cannot distinguish them.
	Home func(context.Context, *sql.DB) (string, error)
	// Incarnation and Moves implement billing.RewindStore; nil where an engine has none.
	Incarnation func(context.Context, *sql.DB) (string, error)
	Moves       func() int64
}

// Migrations are the steps that bring an engine's schema up to date.
type Migrations struct {
	// Files holds the steps, as goose reads them.
	Files fs.FS
	// Dialect is goose's name for the engine.
	Dialect goose.Dialect
	// Locker makes a lock that keeps all other processes from migrating at the same time.
	Locker func() (lock.Locker, error)
	// Tune is run after steps were applied, for settings that not every server takes; may be nil.
	Tune func(context.Context, *sql.DB) error
}
