package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) cardListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list CUSTOMER", Short: "List a customer's cards in the order of charging", Args: oneArg("customer"),
		Long: `List the cards of a customer, by id or by your reference: the default card, its backups in order, cards without a place by age,
and then cards that can't be charged, with the reason. A card that expires before one of its charges is marked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(cfg config.Config, s *store.Store) error {
				clk, err := clock.Parse(cfg.Clock)
				if err != nil {
					return err
				}
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				wallet, err := billing.LoadWallet(cmd.Context(), s, customer, clk.Now())
				if err != nil {
					return err
				}
				if c.json {
					cards := append([]view.Card{}, view.NewWallet(wallet, clk.Now()).Cards...)
					return c.printJSON(view.List[view.Card]{Object: "list", Data: cards})
				}
				c.printCards(wallet, clk.Now())
				return nil
			})
		},
	}
}

func (c *cli) cardShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CARD", Short: "Show a card, by id or by Stripe's (pm_…)", Args: oneArg("card"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				card, err := billing.FindCard(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(view.NewCard(card))
				}
				for _, line := range [][2]string{
					{"Card", string(card.ID)}, {"Customer", string(card.CustomerID)}, {"At Stripe", card.PaymentMethod}, {"Account", card.Account},
					{"Brand", card.Brand}, {"Ends", card.Last4}, {"Expires", fmt.Sprintf("%02d/%d", card.ExpMonth, card.ExpYear)},
					{"Status", string(card.Status)}, {"Held", card.Hold}, {"Removed", localTime(card.RemovedAt, "")},
				} {
					if line[1] != "" {
						fmt.Fprintf(c.out, "%-10s %s\n", line[0], line[1])
					}
				}
				return nil
			})
		},
	}
}

// cardChangeCommand is a command that changes a customer's cards. Every such command has a dry run;
// a dangerous operation asks for confirmation.
type cardChangeCommand struct {
	op          operator.Operation
	args        string // in the usage
	short, long string
	check       cobra.PositionalArgs
	do          func(ctx context.Context, s *store.Store, o *operator.Operator, args []string) (operator.CardChange, error)
}

func (c *cli) cardChange(change cardChangeCommand) *cobra.Command {
	var yes, dryRun bool
	spec := operator.Find(operator.NounCard, change.op)
	cmd := &cobra.Command{
		Use: spec.Name + " " + change.args, Short: change.short, Long: change.long, Args: change.check,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperatorAt(cmd.Context(), func(s *store.Store, o *operator.Operator, clk clock.Clock) error {
				if dryRun || spec.Dangerous() && !yes {
					would, err := change.do(cmd.Context(), s, o.With(operator.Options{DryRun: true}), args)
					if err != nil {
						return err
					}
					if dryRun {
						fmt.Fprintln(c.talk, "dry run: nothing was changed")
						return c.printCardChange(would, clk.Now(), true)
					}
					c.printReplacement(would)
					if !c.confirmed(spec.Confirm.Question, spec.Confirm.Word) {
						return errors.New("nothing was changed")
					}
				}
				done, err := change.do(cmd.Context(), s, o, args)
				if err != nil {
					return err
				}
				return c.printCardChange(done, clk.Now(), false)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what the cards would be; change nothing")
	if spec.Dangerous() {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	}
	return cmd
}

// printReplacement prints which card each plan of a removed card is charged on next, and the
// reason.
func (c *cli) printReplacement(d operator.CardChange) {
	for _, p := range d.Plans {
		if p.Card == "" {
			fmt.Fprintf(c.talk, "plan %s: its next charge asks the customer for a card: %s\n", p.Reference, p.Why)
			continue
		}
		fmt.Fprintf(c.talk, "plan %s: %s is charged from now on: %s\n", p.Reference, p.Card, p.Why)
	}
}

func (c *cli) printCardChange(d operator.CardChange, now time.Time, dryRun bool) error {
	if c.json {
		return c.printJSON(view.NewCardChange(d, dryRun))
	}
	fmt.Fprintln(c.talk, d.Message)
	c.printReplacement(d)
	c.printCards(billing.Wallet{Customer: d.Customer, Cards: d.Cards}, now)
	return nil
}

func (c *cli) cardChangeCommands() []*cobra.Command {
	return []*cobra.Command{c.cardOrderCommand(), c.cardDefaultCommand(), c.cardReleaseCommand(), c.cardRemoveCommand()}
}

func (c *cli) cardOrderCommand() *cobra.Command {
	return c.cardChange(cardChangeCommand{
		op: operator.OpOrder, args: "CUSTOMER CARD...", short: "Put a customer's cards in order: the default card, then its backups",
		check: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{errors.New("tranche card order needs a customer and at least one card")}
			}
			return nil
		},
		do: func(ctx context.Context, s *store.Store, o *operator.Operator, args []string) (operator.CardChange, error) {
			customer, err := findCustomer(ctx, s, args[0])
			if err != nil {
				return operator.CardChange{}, err
			}
			ids := make([]billing.CardID, len(args)-1)
			for i, name := range args[1:] {
				ids[i] = billing.CardID(name)
			}
			return o.OrderCards(ctx, customer.ID, ids)
		},
	})
}

// oneCardChange returns the command of an operation on one card.
func (c *cli) oneCardChange(op operator.Operation, in *operator.CardOptions, short, long string) *cobra.Command {
	change := operator.Find(operator.NounCard, op).Card
	return c.cardChange(cardChangeCommand{
		op: op, args: "CARD", short: short, long: long, check: oneArg("card"),
		do: func(ctx context.Context, _ *store.Store, o *operator.Operator, args []string) (operator.CardChange, error) {
			return change(ctx, o, billing.CardID(args[0]), *in)
		},
	})
}

func (c *cli) cardDefaultCommand() *cobra.Command {
	return c.oneCardChange(operator.OpDefault, &operator.CardOptions{}, "Make a card its customer's default card",
		"Make a card its customer's default card: new plans are charged on it. Existing plans keep their card; `tranche plan card` changes it.")
}

func (c *cli) cardReleaseCommand() *cobra.Command {
	in := &operator.CardOptions{}
	cmd := c.oneCardChange(operator.OpRelease, in, "Release a held card, so that it is charged again", "")
	cmd.Flags().StringVar(&in.Note, "note", "", "`WHO` agreed and how, for the record")
	return cmd
}

func (c *cli) cardRemoveCommand() *cobra.Command {
	in := &operator.CardOptions{}
	cmd := c.oneCardChange(operator.OpRemove, in, "Remove a card permanently, here and at Stripe",
		`Remove a card: nothing more is charged on it, and a running serve detaches it at Stripe and retries until that succeeds.
Its plans are charged on the card in --to from now on. Without --to they are charged on the customer's next card if the
customer agreed to it; otherwise their next charge asks for a card. Removal can't be undone.`)
	cmd.Flags().StringVar((*string)(&in.To), "to", "", "the replacement `CARD`: Tranche's id or Stripe's (pm_…)")
	return cmd
}
