package main

import (
	"context"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/store"
	"tranche/internal/stripegw"
)

// books are the two records to compare: the database and Stripe's.
type books struct {
	cfg    config.Config
	clock  clock.Clock
	store  *store.Store
	record *stripegw.Record
}

// withBooks runs fn on the database and Stripe's record, if both belong to the same account.
func (c *cli) withBooks(ctx context.Context, fn func(b books) error) error {
	cfg, err := c.config(nil, config.NeedsStripe)
	if err != nil {
		return err
	}
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	gateway, done, err := app.OpenGateway(cfg, clk, zerolog.Nop())
	if err != nil {
		return err
	}
	defer done()
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		if err := binding.New(s, gateway, clk).Check(ctx); err != nil {
			return err
		}
		return fn(books{cfg: cfg, clock: clk, store: s, record: stripegw.NewRecord(gateway, 0)})
	})
}
