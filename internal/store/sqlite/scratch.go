package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3/lock"

	"tranche/internal/store"
)

// Scratch is a store in memory for temporary calculations. Its content is lost with Close. It has
// one connection, so a caller that reads outside its transaction during Update deadlocks.
type Scratch struct {
	*store.Store
	db *sql.DB
}

// imaging is what the driver's connections can do beside SQL.
type imaging interface {
	Serialize() ([]byte, error)
	Deserialize(image []byte) error
}

// NewScratch opens an empty store in memory, with the schema of this program.
func NewScratch(ctx context.Context) (*Scratch, error) {
	s, err := openScratch()
	if err != nil {
		return nil, err
	}
	if _, _, err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ScratchOf opens a store in memory that holds what the one had whose image it is.
func ScratchOf(ctx context.Context, image []byte) (*Scratch, error) {
	s, err := openScratch()
	if err != nil {
		return nil, err
	}
	if err := s.raw(ctx, func(c imaging) error { return c.Deserialize(image) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Image is all that the store holds at the moment.
func (s *Scratch) Image(ctx context.Context) ([]byte, error) {
	var image []byte
	err := s.raw(ctx, func(c imaging) (err error) {
		image, err = c.Serialize()
		return err
	})
	return image, err
}

func openScratch() (*Scratch, error) {
	db, err := sql.Open("sqlite", "file::memory:?_foreign_keys=on&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open a database in memory: %w", err)
	}
	db.SetMaxOpenConns(1) // each connection would be a database of its own
	d := dialect("memory")
	d.Home = func(context.Context, *sql.DB) (string, error) { return "memory", nil }
	m := steps("memory")
	m.Locker = func() (lock.Locker, error) { return alone{}, nil }
	return &Scratch{store.New(db, db, d, m), db}, nil
}

// raw runs fn on the driver's connection.
func (s *Scratch) raw(ctx context.Context, fn func(c imaging) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy a database in memory: %w", err)
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	err = conn.Raw(func(c any) error {
		i, ok := c.(imaging)
		if !ok {
			return errors.New("the driver can't copy a database")
		}
		return fn(i)
	})
	if err != nil {
		return fmt.Errorf("copy a database in memory: %w", err)
	}
	return nil
}

// alone is the lock of a database that no other process can open.
type alone struct{}

// Lock does nothing.
func (alone) Lock(context.Context, *sql.DB) error { return nil }

// Unlock does nothing.
func (alone) Unlock(context.Context, *sql.DB) error { return nil }
