package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// startForeign starts a Stripe account that Tranche's database does not belong to. Tranche must
// never create anything in it.
func (w *world) startForeign(ctx context.Context) error {
	port, err := (&ports{taken: map[int]bool{}}).next(ctx)
	if err != nil {
		return err
	}
	w.foreign = newStripe("http://127.0.0.1:" + port)
	w.middle.start(w.simulator("stripe-foreign", "127.0.0.1:"+port, ^w.settings.Seed, "--account", "acct_1Foreign"))
	return nil
}

// useForeignKey runs a process with a key of the foreign account for a while. The key is
// restricted: Tranche cannot read the account's id with it.
func (b *breaker) useForeignKey(ctx context.Context, s *service, within time.Duration) error {
	if !s.take() {
		return fmt.Errorf("%s already has a fault", s.name)
	}
	defer s.release()
	if err := s.restartWith(ctx, "STRIPE_API_BASE="+b.world.foreign.base); err != nil {
		return err
	}
	pause(ctx, within)
	return s.restartWith(context.WithoutCancel(ctx))
}

// restartWith restarts the process with changed settings, or with its own settings if none are
// given.
func (s *service) restartWith(ctx context.Context, changed ...string) error {
	return s.whileDown(ctx, syscall.SIGKILL, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed = changed
		return nil
	})
}
