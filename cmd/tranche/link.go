package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/recovery"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) linkCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "link", Short: "Create, list and revoke links to the recovery page", Args: noArgs,
		Long: `Links to the recovery page, where a customer pays, authenticates or changes the card without logging in. Mails hold such
links if TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are set.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.linkCreateCommand(), c.linkListCommand(), c.linkRevokeCommand())
	return cmd
}

// withLinks runs fn with the database and the service of links.
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
		Use: "create CHARGE|PLAN", Short: "Create a link for paying a charge or changing a plan's card", Args: oneArg("charge or plan"),
		Long: `Create a link and print it: for a charge (chg_…) to pay it, for a plan (plan_… or your reference) to change its card.
Anyone with the link can use it. It is shown once and not stored. It ends after TRANCHE_LINK_TTL, or when it is revoked.`,
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
					return c.printJSON(view.NewLink(link, url))
				}
				fmt.Fprintln(c.out, url)
				fmt.Fprintf(c.talk, "%s ends %s; `tranche link revoke %s` ends it before\n", link.ID, localTime(link.ExpiresAt, ""), link.ID)
				return nil
			})
		},
	}
}

// linkTarget finds the target of a link: a charge by id, or a plan by id or reference.
func linkTarget(ctx context.Context, s *store.Store, name string) (billing.Plan, billing.ChargeID, error) {
	charge, err := s.Charge(ctx, billing.ChargeID(name))
	if errors.Is(err, billing.ErrNotFound) && !strings.HasPrefix(name, "chg_") {
		plan, err := billing.FindPlan(ctx, s, name)
		return plan, "", err
	}
	if err != nil {
		return billing.Plan{}, "", err
	}
	plan, err := s.Plan(ctx, charge.PlanID)
	return plan, charge.ID, err
}

func (c *cli) linkListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list PLAN", Short: "List a plan's links, newest first; by the plan's id or your reference", Args: oneArg("plan"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plan, err := billing.FindPlan(cmd.Context(), s, args[0])
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
		views := make([]view.Link, len(links))
		for i, l := range links {
			views[i] = view.NewLink(l, "")
		}
		return c.printJSON(view.List[view.Link]{Object: "list", Data: views})
	}
	tab := newTable("LINK", "CHARGE", "MADE", "ENDS", "REVOKED", "MAILED WITH")
	for _, l := range links {
		tab.add(string(l.ID), string(l.ChargeID), localTime(l.CreatedAt, ""), localTime(l.ExpiresAt, ""), localTime(l.RevokedAt, ""), string(l.NoticeID))
	}
	tab.print(c.out)
	return nil
}

func (c *cli) linkRevokeCommand() *cobra.Command {
	var all revokeAll
	cmd := &cobra.Command{
		Use: "revoke LINK | --all", Short: "End a link early, or all links after an incident",
		Long: `End a link early. --all ends every open link of every customer, after a leak of links or of the database, and asks for
confirmation. New links can be created at once, and later mails hold new links. A revoked link can't be renewed on the page.`,
		Example: `  tranche link revoke link_…
  tranche link revoke --all --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case all.wanted:
				return noArgs(cmd, args)
			case all.yes || all.dryRun:
				return usageError{errors.New("--yes and --dry-run go with --all")}
			}
			return oneArg("link, or --all")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withLinks(cmd.Context(), func(l *recovery.Links, s *store.Store) error {
				if all.wanted {
					return c.revokeAllLinks(cmd.Context(), l, all)
				}
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
	cmd.Flags().BoolVar(&all.wanted, "all", false, "end every open link of every customer")
	cmd.Flags().BoolVar(&all.dryRun, "dry-run", false, "with --all: count the links and change nothing")
	cmd.Flags().BoolVar(&all.yes, "yes", false, "with --all: do not ask")
	return cmd
}

// revokeAll holds the flags for revoking all links.
type revokeAll struct{ wanted, dryRun, yes bool }

func (c *cli) revokeAllLinks(ctx context.Context, l *recovery.Links, o revokeAll) error {
	n, err := l.CountOpen(ctx)
	if err != nil {
		return err
	}
	if !o.dryRun {
		if !o.yes && !c.confirmed(fmt.Sprintf("Revoke all %d open links of all customers? Type revoke to do it: ", n), "revoke") {
			return errors.New("nothing was changed")
		}
		if n, err = l.RevokeAll(ctx); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(view.NewRevoked(n, o.dryRun))
	}
	verb := "revoked"
	if o.dryRun {
		verb = "would be revoked"
	}
	fmt.Fprintf(c.out, "%d links %s\n", n, verb)
	return nil
}
