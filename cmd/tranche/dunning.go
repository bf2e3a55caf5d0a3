package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/money"
	"tranche/internal/store"
)

func (c *cli) dunningCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dunning", Short: "Show decline codes and policies, and explain a charge", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.dunningTableCommand(), c.dunningPoliciesCommand(), c.dunningExplainCommand())
	return cmd
}

func (c *cli) dunningTableCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "table", Short: "Show every decline code with its action and notices", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case markdown && c.json:
				return usageError{errors.New("--markdown and --json don't go together")}
			case markdown:
				dunning.Document(c.out)
				return nil
			case c.json:
				return c.printJSON(map[string]any{
					"object": "decline_table", "codes": dunning.Lines(), "advice": adviceLines(), "caps": capLines(),
				})
			}
			tab := newTable("CODE", "CLASS", "ACTION", "CUSTOMER NOTICE", "SHOWN", "MERCHANT SEES")
			for _, l := range dunning.Lines() {
				notice, shown := "-", "no"
				if l.CustomerNotice != "" {
					notice = string(l.CustomerNotice) + ": " + string(l.CustomerReason)
				}
				if l.ReasonShown {
					shown = "yes"
				}
				tab.add(l.Code, string(l.Class), string(l.Action), notice, shown, l.Merchant)
			}
			tab.print(c.out)
			return nil
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print Markdown, with advice codes and the networks' caps: docs/declines.md")
	return cmd
}

type adviceLine struct {
	Field   string        `json:"field"`
	Value   string        `json:"value"`
	Means   string        `json:"means"`
	Becomes dunning.Class `json:"becomes,omitempty"`
	After   string        `json:"after,omitempty"` // the time between the decline and the retry
}

func adviceLines() []adviceLine {
	var lines []adviceLine
	add := func(field string, list []dunning.Advice) {
		for _, a := range list {
			line := adviceLine{Field: field, Value: a.Code, Means: a.Means, Becomes: a.Class}
			if a.After > 0 {
				line.After = a.After.String()
			}
			lines = append(lines, line)
		}
	}
	add("advice_code", dunning.StripeAdvice())
	add("network_advice_code", dunning.NetworkAdvice())
	return lines
}

type capLine struct {
	Network string `json:"network,omitempty"` // empty: all others
	Most    int    `json:"declines"`
	Window  string `json:"window"`
	Source  string `json:"source"`
}

func capLines() []capLine {
	var lines []capLine
	for _, limit := range dunning.Caps() {
		lines = append(lines, capLine{limit.Network, limit.Most, limit.Window.String(), limit.Source})
	}
	return lines
}

func (c *cli) dunningPoliciesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "policies [NAME]", Short: "Check the dunning policies, and show the steps of each",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("give one policy, or none for all")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.config(nil, config.Needs{})
			if err != nil {
				return err
			}
			policies, err := app.Policies(cfg)
			if err != nil {
				return err
			}
			names := policies.Names()
			if len(args) == 1 {
				if _, ok := policies.Get(args[0]); !ok {
					return usageError{fmt.Errorf("%q is not a dunning policy; use one of: %s", args[0], strings.Join(names, ", "))}
				}
				names = args
			}
			return c.printPolicies(policies, names)
		},
	}
}

func (c *cli) printPolicies(policies dunning.Policies, names []string) error {
	list := make([]dunning.Policy, len(names))
	for i, name := range names {
		list[i], _ = policies.Get(name)
	}
	if c.json {
		return c.printJSON(map[string]any{"object": "list", "data": list})
	}
	for i, p := range list {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		for _, line := range p.Describe() {
			fmt.Fprintln(c.out, line)
		}
	}
	return nil
}

func (c *cli) dunningExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain CHARGE", Short: "Explain what happened to a charge, why, and what comes next", Args: oneArg("charge"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(cfg config.Config, s *store.Store) error {
				clk, err := clock.Parse(cfg.Clock)
				if err != nil {
					return err
				}
				known, err := loadCase(cmd.Context(), s, billing.ChargeID(args[0]))
				if err != nil {
					return err
				}
				known.Now = clk.Now()
				if known.Card.ID != "" {
					if known.CardDeclines, err = cardDeclines(cmd.Context(), s, known); err != nil {
						return err
					}
				}
				return c.printExplanation(known, dunning.Explain(known))
			})
		},
	}
}

// loadCase reads all rows about a charge.
func loadCase(ctx context.Context, s *store.Store, id billing.ChargeID) (dunning.Facts, error) {
	charge, err := s.Charge(ctx, id)
	if err != nil {
		return dunning.Facts{}, err
	}
	details, err := billing.LoadDetails(ctx, s, charge.PlanID)
	if err != nil {
		return dunning.Facts{}, err
	}
	known := dunning.Facts{Plan: details.Plan, Customer: details.Customer, Charge: charge, Attempts: details.Attempts[id]}
	known.Dunning, err = s.Dunning(ctx, id)
	switch {
	case errors.Is(err, billing.ErrNotFound):
	case err != nil:
		return known, err
	default:
		kept, err := s.PinnedPolicy(ctx, known.Dunning.Policy)
		if err != nil {
			return known, err
		}
		if known.Policy, err = dunning.ReadPolicy(kept.Content); err != nil {
			return known, err
		}
	}
	if known.Backup, err = backupCard(ctx, s, known.Dunning.CardID); err != nil {
		return known, err
	}
	known.Card, err = lastCard(ctx, s, known)
	return known, err
}

// backupCard reads the backup card that dunning chose; zero if there is none.
func backupCard(ctx context.Context, s *store.Store, id billing.CardID) (billing.Card, error) {
	if id == "" {
		return billing.Card{}, nil
	}
	return s.Card(ctx, id)
}

// lastCard returns the card of the last attempt, or the plan's card if there was no attempt.
func lastCard(ctx context.Context, s *store.Store, known dunning.Facts) (billing.Card, error) {
	var card billing.Card
	var err error
	if n := len(known.Attempts); n > 0 && known.Attempts[n-1].Params.PaymentMethod != "" {
		card, err = s.CardByPaymentMethod(ctx, known.Attempts[n-1].Params.PaymentMethod)
	} else if known.Plan.CardID != "" {
		card, err = s.Card(ctx, known.Plan.CardID)
	}
	if errors.Is(err, billing.ErrNotFound) {
		return billing.Card{}, nil
	}
	return card, err
}

// cardDeclines lists the declines of the charge's amount on the card of the last attempt.
func cardDeclines(ctx context.Context, s *store.Store, known dunning.Facts) ([]time.Time, error) {
	for _, a := range slices.Backward(known.Attempts) {
		if a.Fingerprint != "" {
			return s.CardDeclines(ctx, known.Charge.On(a.Fingerprint), known.Now.Add(-dunning.CapWindow))
		}
	}
	return nil, nil
}

func (c *cli) printExplanation(known dunning.Facts, e dunning.Explanation) error {
	if c.json {
		return c.printJSON(e)
	}
	fmt.Fprintf(c.out, "%s  charge %d of plan %s, %s, is %s.\n", e.Charge, known.Charge.Sequence, known.Plan.Reference,
		money.FormatAmount(known.Charge.Amount, known.Charge.Currency), strings.ReplaceAll(string(e.Status), "_", " "))
	c.printSteps("What happened", e.Happened, "Nothing yet.")
	fmt.Fprintf(c.out, "\nWhy\n  %s\n", e.Why)
	c.printSteps("What comes next", e.Next, "Nothing by itself.")
	if len(e.Caps) > 0 {
		fmt.Fprintf(c.out, "\nAt this amount on the card ending %s, over all plans\n", known.Card.Last4)
		for _, u := range e.Caps {
			fmt.Fprintf(c.out, "  %s\n", u.Text)
		}
	}
	return nil
}

func (c *cli) printSteps(title string, steps []dunning.Step, none string) {
	fmt.Fprintf(c.out, "\n%s\n", title)
	if len(steps) == 0 {
		fmt.Fprintf(c.out, "  %s\n", none)
	}
	for _, s := range steps {
		fmt.Fprintf(c.out, "  %s  %s\n", s.When, s.Text)
	}
}
