package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
)

// cardOperation does something to one card.
type cardOperation func(ctx context.Context, s operator.Store, id billing.CardID, now time.Time) (operator.CardResult, error)

func (c *cli) cardListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list CUSTOMER", Short: "List a customer's cards, oldest first", Args: oneArg("customer"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				cards, err := s.Cards(cmd.Context(), customer.ID)
				if err != nil {
					return err
				}
				return c.showCards(cards)
			})
		},
	}
}

func (c *cli) showCards(cards []billing.Card) error {
	if c.json {
		return c.printJSON(handlers.ViewCards(cards))
	}
	c.printCards(cards)
	return nil
}

func (c *cli) cardOrderCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "order CUSTOMER CARD...", Short: "Put a customer's cards in order: the default card, then its backups", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := make([]billing.CardID, len(args)-1)
			for i, id := range args[1:] {
				order[i] = billing.CardID(id)
			}
			return c.withRules(cmd.Context(), func(s *store.Store, rules billing.Rules, now time.Time) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				done, err := operator.OrderCards(cmd.Context(), rehearse(operator.Under(s, rules), dryRun), customer.ID, order, now)
				return c.cardsChanged(done, err, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the order; change nothing")
	return cmd
}

func (c *cli) cardsChanged(done operator.CardResult, err error, dryRun bool) error {
	if err != nil {
		return err
	}
	fmt.Fprintln(c.talk, done.Message)
	if done.Next != "" {
		fmt.Fprintln(c.talk, done.Next)
	}
	c.sayDryRun(dryRun)
	return c.showCards(done.Cards)
}

// cardChange is a command that does something to one card; with a word to type it asks first.
func (c *cli) cardChange(use, short, long, word string, do cardOperation) *cobra.Command {
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use: use + " CARD", Short: short, Long: long, Args: oneArg("card"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withRules(cmd.Context(), func(s *store.Store, rules billing.Rules, now time.Time) error {
				id, on := billing.CardID(args[0]), operator.Under(s, rules)
				if word != "" && !yes && !dryRun {
					would, err := do(cmd.Context(), operator.Rehearse(on), id, now)
					if err != nil {
						return err
					}
					fmt.Fprintln(c.talk, would.Message)
					if !c.confirmed(fmt.Sprintf("Type %s to do it: ", word), word) {
						return errors.New("nothing was changed")
					}
				}
				done, err := do(cmd.Context(), rehearse(on, dryRun), id, now)
				return c.cardsChanged(done, err, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would become of it; change nothing")
	if word != "" {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	}
	return cmd
}

func (c *cli) cardChangeCommands() []*cobra.Command {
	return []*cobra.Command{
		c.cardListCommand(), c.cardOrderCommand(),
		c.cardChange("default", "Make a card the customer's default card", "", "", operator.DefaultCard),
		c.cardChange("release", "Let a held card be charged again: the customer agreed",
			`Let a card be charged again that was held, such as one that the network replaced by a card of another brand. What waits for it is
tried at once.`, "release", operator.ReleaseCard),
		c.cardChange("remove", "Take a card out of use for good, here and at Stripe",
			`Take a card out of use: it is not charged any more, and Stripe is asked to detach it until it has. Plans that charged it go on with
the customer's next card where the customer agreed to backup cards; else what falls due asks for one.`, "remove", operator.RemoveCard),
	}
}
