package app

import (
	"context"

	"tranche/internal/clockguard"
)

// openClockGuard makes the guard that compares this process's clock with the database's and
// Stripe's.
func (s *services) openClockGuard() {
	c := clockguard.Config{
		Clock: s.clock, Log: s.log,
		Stripe: func(ctx context.Context) error { _, err := s.gateway.Account(ctx); return err },
	}
	if s.store.HasClock() {
		c.Database = s.store.ServerTime
	}
	s.times = clockguard.New(c)
}
