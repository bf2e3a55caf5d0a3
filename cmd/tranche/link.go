package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/recovery"
	"tranche/internal/store"
)

func (c *cli) linkCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "link", Short: "Make links to the recovery page, list and revoke them", Args: noArgs,
		Long: `Links to the recovery page, on which a customer pays, authenticates or changes the card without logging in. Mails hold them by
themselves when TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are set.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.linkCreateCommand(), c.linkListCommand(), c.linkRevokeCommand())
	return cmd
}

// withLinks runs fn with the database and what makes links.
func (c *cli) withLinks(ctx context.Context, fn func(l *recovery.Links, s *store.Store) error) error {
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		clk, err := clock.Parse(cfg.Clock)
		if err != nil {
			return err
		}
		links := app.NewLinks(cfg, s)
		links.Now = clk.Now
		return fn(links, s)
	})
}

func (c *cli) linkCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "create CHARGE|PLAN", Short: "Make a link by which a charge is paid, or a plan's card changed", Args: oneArg("charge or plan"),
		Long: `Make a link and print it: for a charge (chg_…) to pay it, for a plan (plan_…) to change its card. Whoever has the link can use it;
it is shown once and kept nowhere. It ends after TRANCHE_LINK_TTL, or when it is revoked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withLinks(cmd.Context(), func(l *recovery.Links, s *store.Store) error {
				plan, charge, err := linkTarget(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				if !l.Enabled() {
					return usageError{recovery.ErrNoLinks}
				}
				url, link, err := l.Create(cmd.Context(), plan, charge)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(handlers.ViewLink(link, url))
				}
				fmt.Fprintln(c.out, url)
				fmt.Fprintf(c.talk, "%s ends %s; `tranche link revoke %s` ends it before\n", link.ID, localTime(link.ExpiresAt, ""), link.ID)
				return nil
			})
		},
	}
}

// linkTarget finds what a link is to be about.
func linkTarget(ctx context.Context, s *store.Store, id string) (billing.Plan, billing.ChargeID, error) {
	if strings.HasPrefix(id, "plan_") {
		plan, err := s.Plan(ctx, billing.PlanID(id))
		return plan, "", err
	}
	charge, err := s.Charge(ctx, billing.ChargeID(id))
	if err != nil {
		return billing.Plan{}, "", err
	}
	plan, err := s.Plan(ctx, charge.PlanID)
	return plan, charge.ID, err
}

func (c *cli) linkListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list PLAN", Short: "List a plan's links, newest first", Args: oneArg("plan"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plan, err := s.Plan(cmd.Context(), billing.PlanID(args[0]))
				if err != nil {
					return err
				}
				links, err := s.PayLinks(cmd.Context(), plan.ID)
				if err != nil {
					return err
				}
				return c.printLinks(links)
			})
		},
	}
}

func (c *cli) printLinks(links []billing.PayLink) error {
	if c.json {
		views := make([]handlers.LinkView, len(links))
		for i, l := range links {
			views[i] = handlers.ViewLink(l, "")
		}
		return c.printJSON(handlers.ListView[handlers.LinkView]{Object: "list", Data: views})
	}
	tab := newTable("LINK", "CHARGE", "MADE", "ENDS", "REVOKED", "MAILED WITH")
	for _, l := range links {
		tab.add(string(l.ID), string(l.ChargeID), localTime(l.CreatedAt, ""), localTime(l.ExpiresAt, ""), localTime(l.RevokedAt, ""), string(l.NoticeID))
	}
	tab.print(c.out)
	return nil
}

func (c *cli) linkRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke LINK", Short: "End a link before its time", Args: oneArg("link"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withLinks(cmd.Context(), func(l *recovery.Links, s *store.Store) error {
				id := billing.LinkID(args[0])
				if err := l.Revoke(cmd.Context(), id); err != nil {
					return err
				}
				link, err := s.PayLinkByID(cmd.Context(), id)
				if err != nil {
					return err
				}
				return c.printLinks([]billing.PayLink{link})
			})
		},
	}
}
