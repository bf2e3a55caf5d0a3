package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/store"
	"tranche/internal/stripegw"
)

func (c *cli) bindCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "bind",
		Short: "Bind the database to the Stripe account of the key",
		Long: `A database belongs to the Stripe account and mode it was first used with, and to the server or file it was created in. With
another key nothing is charged. Tranche detects a copy only if it is a SQLite file with another inode, or a PostgreSQL
database of another server or name. This command binds the database to the current key and place. Run it after a restore
or a move, and never on a copy while the original still charges. Afterwards nothing is charged until all payments at
Stripe since the last sweep are compared; tranche restore-check shows the progress.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGuard(cmd.Context(), func(g *binding.Guard, s *store.Store) error { return c.bind(cmd.Context(), g, s, yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (c *cli) withGuard(ctx context.Context, fn func(g *binding.Guard, s *store.Store) error) error {
	cfg, err := c.config(nil, config.NeedsStripe)
	if err != nil {
		return err
	}
	gateway, err := stripegw.New(stripegw.Config{SecretKey: cfg.StripeSecretKey, APIBase: cfg.StripeAPIBase, HTTPTimeout: cfg.StripeTimeout})
	if err != nil {
		return err
	}
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	return c.withStore(ctx, func(_ config.Config, s *store.Store) error { return fn(binding.New(s, gateway, clk), s) })
}

// bind shows the present and the new binding, asks for confirmation, and binds the database.
func (c *cli) bind(ctx context.Context, g *binding.Guard, s *store.Store, yes bool) error {
	held, present, err := g.State(ctx)
	if err != nil {
		return err
	}
	why, err := g.Differs(ctx, held, present)
	if err != nil {
		return err
	}
	if !held.BoundAt.IsZero() && why == "" {
		fmt.Fprintln(c.talk, "the database belongs here already; nothing to do")
		return c.printBinding(held)
	}
	if !held.BoundAt.IsZero() {
		fmt.Fprintf(c.talk, "now:  %s\nthen: %s\n%s\n", held, present, why)
		if !yes && !c.confirmed("Charge what is due in this database on that account? Type bind to do it: ", "bind") {
			return errors.New("nothing was changed")
		}
	}
	if err := catchup.CompareAfterBind(ctx, s, held); err != nil {
		return err
	}
	if err := g.Rebind(ctx); err != nil {
		return err
	}
	return c.printBinding(present)
}

// confirmed asks a question and reports whether the answer was the given word.
func (c *cli) confirmed(question, want string) bool {
	fmt.Fprint(c.talk, question)
	line, err := bufio.NewReader(c.in).ReadString('\n')
	return (err == nil || line != "") && strings.TrimSpace(line) == want
}

func (c *cli) printBinding(b billing.Binding) error {
	if c.json {
		return c.printJSON(map[string]any{"account": b.Account, "livemode": b.Livemode, "home": b.Home})
	}
	_, err := fmt.Fprintln(c.out, b)
	return err
}
