package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) endpointCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "endpoint", Short: "Manage your endpoints for messages about plans and charges", Args: noArgs,
		Long: `An endpoint is a URL on your server. Tranche posts a signed message to it for every change of a plan, a charge, a card or a
notice. docs/webhooks.md lists the messages and shows how to verify them.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.endpointAddCommand(), c.endpointListCommand(), c.endpointRotateCommand(), c.endpointDeleteCommand(),
		c.endpointStatusCommand("enable", "Enable an endpoint", billing.EndpointEnabled,
			"Send messages to an endpoint again. To resend missed messages, use tranche delivery replay --endpoint ID --since TIME."),
		c.endpointStatusCommand("disable", "Disable an endpoint", billing.EndpointDisabled,
			"Stop sending messages to an endpoint. Pending deliveries fail when they fall due, and can be replayed for 30 days."))
	return cmd
}

// withEndpoints runs fn with the service that manages endpoints.
func (c *cli) withEndpoints(ctx context.Context, need config.Needs, fn func(o *operator.Endpoints, now time.Time) error) error {
	cfg, err := c.config(nil, need)
	if err != nil {
		return err
	}
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		o, err := app.NewEndpoints(cfg, s, clk)
		if err != nil {
			return err
		}
		return fn(o, clk.Now())
	})
}

func (c *cli) endpointAddCommand() *cobra.Command {
	var types []string
	cmd := &cobra.Command{
		Use: "add URL", Short: "Add an endpoint, and print its secret", Args: oneArg("URL"),
		Long: `Add an endpoint. The secret that verifies its messages is printed once, and can't be read again: give it to your receiver.
The command needs TRANCHE_SECRET_KEY, which seals secrets in the database.`,
		Example: `  tranche endpoint add https://shop.example/hooks/tranche
  tranche endpoint add https://shop.example/hooks/tranche --types 'charge.*,plan.completed'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withEndpoints(cmd.Context(), config.NeedsSeal, func(o *operator.Endpoints, now time.Time) error {
				e, secret, err := o.Add(cmd.Context(), args[0], types)
				if err != nil {
					return err
				}
				return c.printSecret(e, secret, now)
			})
		},
	}
	cmd.Flags().StringSliceVar(&types, "types", nil, "only messages of these `TYPES`, separated by commas, such as charge.* or plan.completed")
	return cmd
}

// printSecret prints an endpoint with its new secret, which can't be read later.
func (c *cli) printSecret(e billing.Endpoint, secret billing.Secret, now time.Time) error {
	if c.json {
		v := view.NewEndpoint(e, now)
		v.Secret = secret.Reveal()
		return c.printJSON(v)
	}
	fmt.Fprintf(c.out, "%s  %s\n%s\n", e.ID, e.URL, secret.Reveal())
	fmt.Fprintln(c.talk, "keep the secret: it can't be read again")
	switch {
	case e.OldSecret != "":
		fmt.Fprintf(c.talk, "the old secret also signs until %s\n", localTime(e.OldUntil, ""))
	case e.Version > 1:
		fmt.Fprintln(c.talk, "no key opens the old secret, so it no longer signs: give the new one to your receiver now")
	}
	return nil
}

func (c *cli) endpointListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List endpoints, with the reason if one was disabled", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, now time.Time) error {
				endpoints, err := o.Store.Endpoints(cmd.Context())
				if err != nil {
					return err
				}
				return c.printEndpoints(endpoints, now)
			})
		},
	}
}

func (c *cli) printEndpoints(endpoints []billing.Endpoint, now time.Time) error {
	if c.json {
		views := make([]view.Endpoint, len(endpoints))
		for i, e := range endpoints {
			views[i] = view.NewEndpoint(e, now)
		}
		return c.printJSON(view.List[view.Endpoint]{Object: "list", Data: views})
	}
	tab := newTable("ENDPOINT", "URL", "TYPES", "STATUS", "FAILING SINCE", "WHY")
	for _, e := range endpoints {
		types := strings.Join(e.Types, ",")
		if types == "" {
			types = "all"
		}
		tab.add(string(e.ID), e.URL, types, string(e.Status), localTime(e.FailingSince, ""), e.Reason)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) endpointRotateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rotate ENDPOINT", Short: "Give an endpoint a new secret, and print it", Args: oneArg("endpoint"),
		Long: `Create a new secret for an endpoint. For 24 hours messages are signed with both secrets, so that a receiver with either
one can verify them; install the new secret in that time. Another rotation ends the older secret at once.
An old secret that no key in TRANCHE_SECRET_KEY opens is dropped.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withEndpoints(cmd.Context(), config.NeedsSeal, func(o *operator.Endpoints, now time.Time) error {
				e, secret, err := o.Rotate(cmd.Context(), billing.EndpointID(args[0]))
				if err != nil {
					return err
				}
				return c.printSecret(e, secret, now)
			})
		},
	}
}

func (c *cli) endpointStatusCommand(verb, short string, status billing.EndpointStatus, long string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ENDPOINT", Short: short, Long: long, Args: oneArg("endpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, now time.Time) error {
				e, err := o.Change(cmd.Context(), billing.EndpointID(args[0]), operator.EndpointChange{Status: &status})
				if err != nil {
					return err
				}
				return c.printEndpoints([]billing.Endpoint{e}, now)
			})
		},
	}
}

func (c *cli) endpointDeleteCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ENDPOINT", Short: "Delete an endpoint and its deliveries", Args: oneArg("endpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, _ time.Time) error {
				e, err := o.Store.Endpoint(cmd.Context(), billing.EndpointID(args[0]))
				if err != nil {
					return err
				}
				if !yes && !c.confirmed(fmt.Sprintf("Delete %s and its deliveries, including pending ones? Type delete to do it: ", e.URL), "delete") {
					return errors.New("nothing was changed")
				}
				return o.Delete(cmd.Context(), e.ID)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
