package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/clockguard"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/store/sqlite"
)

// OpenStore opens and migrates the database of a configuration, for commands that need nothing
// else.
func OpenStore(ctx context.Context, cfg config.Config, log zerolog.Logger) (*store.Store, error) {
	s, err := open.Store(ctx, cfg.DatabaseURL, open.Options{Connections: cfg.DatabaseConnections})
	if err != nil {
		return nil, err
	}
	from, to, err := s.Migrate(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if from != to {
		log.Info().Int64("from", from).Int64("to", to).Msg("database migrated")
	}
	return s, nil
}

// OpenToRead opens the database of a configuration for a command that changes nothing: it does not
// migrate the database, and if there is none, it uses an empty one in memory. Errors:
// billing.ErrUnavailable; a database of another version.
func OpenToRead(ctx context.Context, cfg config.Config) (*store.Store, error) {
	if open.Missing(cfg.DatabaseURL) {
		empty, err := sqlite.NewScratch(ctx)
		if err != nil {
			return nil, err
		}
		return empty.Store, nil
	}
	s, err := open.Store(ctx, cfg.DatabaseURL, open.Options{Connections: cfg.DatabaseConnections})
	if err != nil {
		return nil, err
	}
	current, wanted, err := s.Version(ctx)
	if err == nil {
		err = s.CheckVersion(ctx)
	}
	if err == nil && current != wanted {
		err = fmt.Errorf("it is at version %d and this program needs %d: run `tranche migrate` first", current, wanted)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// CheckClock compares this machine's clock with the database's, for a command that is about to
// write times. Errors: *clockguard.WrongClockError.
func CheckClock(ctx context.Context, s *store.Store) error {
	if !s.HasClock() {
		return nil
	}
	g := clockguard.New(clockguard.Config{Database: s.ServerTime, Log: zerolog.Nop()})
	g.Measure(ctx)
	return g.Wrong()
}
