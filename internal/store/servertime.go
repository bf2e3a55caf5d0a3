package store

import (
	"context"
	"time"
)

// HasClock reports whether the database has a clock of its own: it runs on a server.
func (s *Store) HasClock() bool { return s.dialect.ServerTime != "" }

// ServerTime returns the time of the database's server, in UTC. Call it only where HasClock.
// Errors: ErrUnavailable.
func (s *Store) ServerTime(ctx context.Context) (time.Time, error) {
	return one(ctx, s.conn, "read the database's clock", func(row scanner) (now time.Time, err error) {
		err = row.Scan(at(&now))
		return now, err
	}, s.dialect.ServerTime)
}
