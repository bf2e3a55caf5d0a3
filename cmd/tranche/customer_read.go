package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/money"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) customerListCommand() *cobra.Command {
	var limit int
	var cursor, stripeCustomer string
	cmd := &cobra.Command{
		Use: "list", Short: "List customers, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList[string](limit, ""); err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				customers, err := s.ListCustomers(cmd.Context(), billing.CustomerFilter{StripeCustomer: stripeCustomer, Before: billing.CustomerID(cursor), Limit: limit})
				if err != nil {
					return err
				}
				return c.printCustomers(customers, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most `N`")
	cmd.Flags().StringVar(&cursor, "cursor", "", "only customers older than this `ID`: the last one of the previous page")
	cmd.Flags().StringVar(&stripeCustomer, "stripe-customer", "", "only customers with this Stripe customer (`cus_…`)")
	return cmd
}

func (c *cli) printCustomers(customers []billing.Customer, limit int) error {
	if c.json {
		list := view.List[view.Customer]{Object: "list", Data: make([]view.Customer, len(customers))}
		for i, one := range customers {
			list.Data[i] = view.NewCustomer(one, nil)
		}
		if len(customers) == limit {
			list.HasMore, list.Next = true, string(customers[limit-1].ID)
		}
		return c.printJSON(list)
	}
	tab := newTable("CUSTOMER", "REFERENCE", "NAME", "E-MAIL", "TIME ZONE", "AT STRIPE")
	for _, one := range customers {
		tab.add(string(one.ID), one.Reference, one.Name, one.Email, one.TimeZone, one.StripeCustomer)
	}
	tab.print(c.out)
	if len(customers) == limit {
		fmt.Fprintf(c.talk, "there may be more: --cursor %s\n", customers[limit-1].ID)
	}
	return nil
}

func (c *cli) customerShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CUSTOMER", Short: "Show a customer, by id or by your reference, with cards and plans", Args: oneArg("customer"),
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
				return c.printWallet(wallet, clk.Now())
			})
		},
	}
}

func (c *cli) printWallet(w billing.Wallet, now time.Time) error {
	if c.json {
		return c.printJSON(view.NewWallet(w, now))
	}
	one := w.Customer
	for _, line := range [][2]string{
		{"Customer", string(one.ID)}, {"Reference", one.Reference}, {"Name", one.Name}, {"E-mail", one.Email}, {"Locale", one.Locale},
		{"Time zone", one.TimeZone}, {"At Stripe", one.StripeCustomer},
	} {
		if line[1] != "" {
			fmt.Fprintf(c.out, "%-10s %s\n", line[0], line[1])
		}
	}
	if !one.ErasedAt.IsZero() {
		fmt.Fprintf(c.out, "%-10s %s\n", "Erased", localTime(one.ErasedAt, ""))
	}
	for _, p := range w.Plans {
		fmt.Fprintf(c.out, "%-10s %s  %s  %s  %s\n", "Plan", p.Reference, p.Status, money.FormatAmount(p.Total, p.Currency), p.CardID)
	}
	if len(w.Cards) > 0 {
		fmt.Fprintln(c.out)
		c.printCards(w, now)
	}
	return nil
}

// printCards prints cards in order. A remark gives the reason why a card is not charged, or the
// first charge after its expiry.
func (c *cli) printCards(w billing.Wallet, now time.Time) {
	tab := newTable("PLACE", "CARD", "BRAND", "ENDS", "EXPIRES", "STATUS", "REMARK")
	for _, card := range w.Cards {
		place := ""
		if card.Position > 0 {
			place = fmt.Sprint(card.Position)
		}
		if card.Position == 1 {
			place = "default"
		}
		expires := ""
		if card.ExpYear > 0 {
			expires = fmt.Sprintf("%02d/%d", card.ExpMonth, card.ExpYear)
		}
		tab.add(place, string(card.ID), card.Brand, card.Last4, expires, string(card.Status), cardRemark(w, card, now))
	}
	tab.print(c.out)
}

func cardRemark(w billing.Wallet, card billing.Card, now time.Time) string {
	switch ch, ok := card.ExpiresBefore(w.Charges[card.ID], billing.LoadLocation(w.Customer.TimeZone)); {
	case !card.RemovedAt.IsZero():
		return "removed " + localTime(card.RemovedAt, w.Customer.TimeZone)
	case card.Hold != "":
		return "held: " + card.Hold
	case card.Status == billing.CardActive && card.Expired(now):
		return "expired"
	case card.Status == billing.CardActive && ok:
		return fmt.Sprintf("expires before charge %d, due %s", ch.Sequence, localTime(ch.DueAt, w.Customer.TimeZone))
	}
	return ""
}
