package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/clockguard"
	"tranche/internal/metrics"
	"tranche/internal/queue"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/stripegw"
	"tranche/jobs"
)

// services are what a process connects to: the database, the queue and Stripe. The guards check
// that they belong together.
type services struct {
	cfg     config.Config
	clock   clock.Clock
	log     zerolog.Logger
	metrics *metrics.Metrics

	store   *store.Store
	redis   asynq.RedisConnOpt
	queue   *queue.Queue
	gateway *stripegw.Gateway
	times   *clockguard.Guard
	guard   *binding.Guard

	opened opened
}

// open connects to all services and migrates the database.
func (s *services) open(ctx context.Context) error {
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.openQueue(ctx); err != nil {
		return err
	}
	s.openClockGuard()
	if err := s.openGateway(); err != nil {
		return err
	}
	s.times.Measure(ctx)
	s.guard = binding.New(s.store, s.gateway, s.clock)
	return s.checkBinding(ctx)
}

// openStore opens the database.
func (s *services) openStore(ctx context.Context) error {
	db, err := OpenStore(ctx, s.cfg, s.log)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.store = db
	s.opened.add("database", db.Close)
	if path := open.Exposed(s.cfg.DatabaseURL); path != "" {
		s.log.Warn().Str("path", path).Msg("other users of this machine may read the database: run chmod o-rwx on it")
	}
	if !s.cfg.Embedded() {
		return nil
	}
	// The embedded queue lost its tasks when the previous process ended, and no other process can be
	// working.
	now := s.clock.Now()
	_, err = s.store.ReleaseClaims(ctx, now, now)
	return err
}

// openQueue opens the queue, and starts Redis if it is embedded.
func (s *services) openQueue(ctx context.Context) error {
	err := s.openRedis()
	if err != nil {
		return err
	}
	if s.queue, err = queue.New(s.redis, jobs.Routes(), s.clock.Until); err != nil {
		return err
	}
	s.opened.add("queue", s.queue.Close)
	if err := s.queue.Ping(ctx); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// checkBinding refuses to start on a database that belongs to another account or place. While
// Stripe does not answer, the process starts and charges nothing. A process with a wrong clock asks
// later, because the binding stores the time when it was made.
func (s *services) checkBinding(ctx context.Context) error {
	if s.times.Wrong() != nil {
		return nil //nolint:nilerr // the clock guard reports it
	}
	err := s.guard.Check(ctx)
	if errors.Is(err, billing.ErrUnavailable) {
		s.log.Warn().Err(err).Msg("nothing is charged until it is known which account the key belongs to")
		return nil
	}
	return err
}

// roleLog returns the log of a role.
func (s *services) roleLog(role config.Role) zerolog.Logger {
	return s.log.With().Str("role", string(role)).Logger()
}
