package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/store"
)

func (c *cli) customerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "customer", Short: "List, show and change customers, and remove their personal data", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.customerListCommand(), c.customerShowCommand(), c.customerUpdateCommand(), c.customerEraseCommand())
	return cmd
}

// findCustomer finds a customer by id or by the merchant's reference.
func findCustomer(ctx context.Context, s *store.Store, name string) (billing.Customer, error) {
	customer, err := s.Customer(ctx, billing.CustomerID(name))
	if errors.Is(err, billing.ErrNotFound) {
		return s.CustomerByReference(ctx, name)
	}
	return customer, err
}

func (c *cli) customerListCommand() *cobra.Command {
	var limit int
	var before string
	cmd := &cobra.Command{
		Use: "list", Short: "List customers, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList[string](limit, ""); err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				list, err := s.ListCustomers(cmd.Context(), billing.CustomerFilter{Before: billing.CustomerID(before), Limit: limit})
				if err != nil {
					return err
				}
				return c.printCustomers(list)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	cmd.Flags().StringVar(&before, "before", "", "only customers older than this `ID`")
	return cmd
}

func (c *cli) printCustomers(list []billing.Customer) error {
	if c.json {
		views := make([]handlers.CustomerView, len(list))
		for i, customer := range list {
			views[i] = handlers.ViewCustomer(customer, nil)
		}
		return c.printJSON(handlers.ListView[handlers.CustomerView]{Object: "list", Data: views})
	}
	tab := newTable("CUSTOMER", "REFERENCE", "NAME", "EMAIL", "ZONE", "STRIPE")
	for _, customer := range list {
		tab.add(string(customer.ID), customer.Reference, customer.Name, customer.Email, customer.TimeZone, customer.StripeCustomer)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) customerShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CUSTOMER", Short: "Show a customer, by id or by your reference, with their cards", Args: oneArg("customer"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				return c.showCustomer(cmd.Context(), s, customer)
			})
		},
	}
}

func (c *cli) showCustomer(ctx context.Context, s *store.Store, customer billing.Customer) error {
	cards, err := s.Cards(ctx, customer.ID)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(handlers.ViewCustomer(customer, cards))
	}
	fmt.Fprintf(c.out, "%s  %s  %s  %s  %s  %s\n\n", customer.ID, customer.Reference, customer.Name, customer.Email, customer.TimeZone, customer.StripeCustomer)
	c.printCards(cards)
	return nil
}

func (c *cli) printCards(cards []billing.Card) {
	tab := newTable("CARD", "BRAND", "LAST4", "EXPIRES", "STATUS", "PLACE", "HELD")
	for _, card := range cards {
		place := ""
		if card.Position > 0 {
			place = strconv.Itoa(card.Position)
		}
		expires := ""
		if card.ExpYear > 0 {
			expires = fmt.Sprintf("%02d/%d", card.ExpMonth, card.ExpYear)
		}
		tab.add(string(card.ID), card.Brand, card.Last4, expires, string(card.Status), place, card.Hold)
	}
	tab.print(c.out)
}

func (c *cli) customerUpdateCommand() *cobra.Command {
	var change [4]string
	var dryRun bool
	names := [4]string{"email", "name", "locale", "timezone"}
	cmd := &cobra.Command{
		Use: "update CUSTOMER", Short: "Change a customer's address, name, language or time zone", Args: oneArg("customer"),
		Long: `Change what is known of a customer, by id or by your reference. In a new time zone the charges that are to come fall due on the same
dates, at the same time of day there; each plan gets a version for it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var ch billing.CustomerChange
			for i, to := range []**string{&ch.Email, &ch.Name, &ch.Locale, &ch.TimeZone} {
				if cmd.Flags().Changed(names[i]) {
					*to = &change[i]
				}
			}
			return c.withRules(cmd.Context(), func(s *store.Store, rules billing.Rules, now time.Time) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				done, err := operator.UpdateCustomer(cmd.Context(), rehearse(operator.Under(s, rules), dryRun), customer.ID, ch, now)
				if err != nil {
					return err
				}
				fmt.Fprintln(c.talk, done.Message)
				c.sayDryRun(dryRun)
				return c.showCustomer(cmd.Context(), s, done.Customer)
			})
		},
	}
	cmd.Flags().StringVar(&change[0], "email", "", "the customer's e-mail `ADDRESS`")
	cmd.Flags().StringVar(&change[1], "name", "", "the customer's `NAME`")
	cmd.Flags().StringVar(&change[2], "locale", "", "the customer's `LOCALE`, such as en-GB")
	cmd.Flags().StringVar(&change[3], "timezone", "", "the customer's time `ZONE`, such as Europe/London")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change; change nothing")
	return cmd
}

// withRules runs fn on the database, with what the settings say of all plans and the time of the clock.
func (c *cli) withRules(ctx context.Context, fn func(s *store.Store, rules billing.Rules, now time.Time) error) error {
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		clk, err := clock.Parse(cfg.Clock)
		if err != nil {
			return err
		}
		rules, err := app.Rules(cfg)
		if err != nil {
			return err
		}
		return fn(s, rules, clk.Now())
	})
}

// rehearse gives the store itself, or one on which nothing is kept.
func rehearse(s operator.Store, dryRun bool) operator.Store {
	if dryRun {
		return operator.Rehearse(s)
	}
	return s
}

func (c *cli) sayDryRun(dryRun bool) {
	if dryRun {
		fmt.Fprintln(c.talk, "dry run: nothing was changed")
	}
}
