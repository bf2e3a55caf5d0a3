package main

import (
	"context"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/store"
)

// withOperator runs fn on the database, with an operator at the clock and under the rules of the
// settings.
func (c *cli) withOperator(ctx context.Context, fn func(s *store.Store, o *operator.Operator) error) error {
	return c.withOperatorAt(ctx, func(s *store.Store, o *operator.Operator, _ clock.Clock) error { return fn(s, o) })
}

// withOperatorAt is withOperator for a command that also prints what depends on the time.
func (c *cli) withOperatorAt(ctx context.Context, fn func(s *store.Store, o *operator.Operator, clk clock.Clock) error) error {
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		clk, err := clock.Parse(cfg.Clock)
		if err != nil {
			return err
		}
		rules, err := app.Rules(cfg)
		if err != nil {
			return err
		}
		return fn(s, operator.New(s, clk.Now, rules), clk)
	})
}
