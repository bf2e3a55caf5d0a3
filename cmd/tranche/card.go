package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) cardCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "card", Short: "List, order and remove cards, and show consents", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.cardListCommand(), c.cardShowCommand(), c.cardConsentCommand())
	cmd.AddCommand(c.cardChangeCommands()...)
	return cmd
}

func (c *cli) cardConsentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "consent CARD|CHARGE|CUSTOMER", Short: "Print the consent a card was saved with, as evidence", Args: oneArg("card, charge or customer"),
		Long: `Print the customer's consent to saving a card: the text as shown, the plans and payments that it listed, the time, the IP
address and the browser. Name the card (card_… or pm_…), a charge (chg_…) for the card of its plan, or a customer (cust_…) for all consents.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				filter, err := consentFilter(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				consents, err := billing.AllConsents(cmd.Context(), s, filter)
				if err != nil {
					return err
				}
				return c.printConsents(cmd.Context(), s, consents)
			})
		},
	}
}

// consentFilter returns the filter for the consents of a card, charge or customer. Errors:
// billing.ErrNotFound.
func consentFilter(ctx context.Context, s *store.Store, id string) (billing.ConsentFilter, error) {
	switch {
	case strings.HasPrefix(id, "cust_"):
		customer, err := s.Customer(ctx, billing.CustomerID(id))
		return billing.ConsentFilter{Customer: customer.ID}, err
	case strings.HasPrefix(id, "chg_"):
		charge, err := s.Charge(ctx, billing.ChargeID(id))
		if err != nil {
			return billing.ConsentFilter{}, err
		}
		plan, err := s.Plan(ctx, charge.PlanID)
		if err == nil && plan.CardID == "" {
			return billing.ConsentFilter{Charge: charge.ID}, nil
		}
		return billing.ConsentFilter{Card: plan.CardID}, err
	case strings.HasPrefix(id, "card_"), strings.HasPrefix(id, "pm_"):
		card, err := billing.FindCard(ctx, s, id)
		return billing.ConsentFilter{Card: card.ID}, err
	}
	return billing.ConsentFilter{}, usageError{fmt.Errorf("%q is not the id of a card (card_… or pm_…), a charge (chg_…) or a customer (cust_…)", id)}
}

func (c *cli) printConsents(ctx context.Context, s *store.Store, consents []billing.Consent) error {
	if c.json {
		views := make([]view.Consent, len(consents))
		for i, one := range consents {
			views[i] = view.NewConsent(one)
		}
		return c.printJSON(view.List[view.Consent]{Object: "list", Data: views})
	}
	if len(consents) == 0 {
		fmt.Fprintln(c.talk, "no consent is on record: the card was saved in a checkout that sent none")
	}
	for i, one := range consents {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		card, err := cardOf(ctx, s, one.CardID)
		if err != nil {
			return err
		}
		for _, line := range [][2]string{
			{"Consent", string(one.ID)}, {"Card", card}, {"Customer", string(one.CustomerID)}, {"Plan", string(one.PlanID)},
			{"Charge", string(one.ChargeID)}, {"At Stripe", one.Intent}, {"Given", one.AcceptedAt.UTC().Format(time.RFC3339)},
			{"On", consentPlace(one.Source)}, {"Address", one.Address}, {"Browser", one.UserAgent},
			{"Text", strings.TrimSpace(one.TextVersion + " " + one.Locale)}, {"", one.Text},
		} {
			if line[1] != "" {
				fmt.Fprintf(c.out, "%-10s %s\n", line[0], line[1])
			}
		}
		for _, p := range one.Listed {
			c.printListed(p)
		}
	}
	return nil
}

// printListed prints a plan that a consent listed, with its future payments.
func (c *cli) printListed(p billing.ListedPlan) {
	fmt.Fprintf(c.out, "%-10s %s\n", "Listed", strings.Join([]string{string(p.Plan), p.Reference, p.Text}, "  "))
	for _, payment := range p.Payments {
		due := "when the merchant asks for it"
		switch {
		case payment.Now:
			due = "at once"
		case !payment.DueAt.IsZero():
			due = payment.DueAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(c.out, "%-10s   %s  %s  %s\n", "", payment.Charge, money.FormatAmount(payment.Amount, payment.Currency), due)
	}
}

// cardOf describes a card by id, brand, last four digits and status.
func cardOf(ctx context.Context, s *store.Store, id billing.CardID) (string, error) {
	if id == "" {
		return "none was saved", nil
	}
	card, err := s.Card(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return string(id), nil
	}
	return fmt.Sprintf("%s  %s ending %s, %s", card.ID, card.Brand, card.Last4, card.Status), err
}

func consentPlace(s billing.ConsentSource) string {
	if s == billing.ConsentPage {
		return "the recovery page"
	}
	return "the merchant's checkout, as reported by the merchant"
}
