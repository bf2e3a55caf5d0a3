package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) customerUpdateCommand() *cobra.Command {
	var email, name, locale, zone, stripeCustomer string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "update CUSTOMER", Short: "Change address, name, locale, time zone or Stripe customer", Args: oneArg("customer"),
		Long: `Change a customer, by id or by your reference. Another time zone moves charges that were not tried yet to the same
date and time of day there, and asks for confirmation. A flag with an empty value clears the field.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var change operator.CustomerChange
			for _, f := range []struct {
				flag string
				from *string
				to   **string
			}{
				{"email", &email, &change.Email}, {"name", &name, &change.Name}, {"locale", &locale, &change.Locale},
				{"timezone", &zone, &change.TimeZone}, {"stripe-customer", &stripeCustomer, &change.StripeCustomer},
			} {
				if cmd.Flags().Changed(f.flag) {
					*f.to = f.from
				}
			}
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				return c.updateCustomer(cmd.Context(), o, customer, change, yes, dryRun)
			})
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "`ADDRESS` for mails")
	cmd.Flags().StringVar(&name, "name", "", "`NAME`")
	cmd.Flags().StringVar(&locale, "locale", "", "`LOCALE`, such as en-GB")
	cmd.Flags().StringVar(&zone, "timezone", "", "`ZONE`, such as Europe/London")
	cmd.Flags().StringVar(&stripeCustomer, "stripe-customer", "", "the Stripe customer (`cus_…`) that takes new cards")
	cmd.MarkFlagsOneRequired("email", "name", "locale", "timezone", "stripe-customer")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the change and the charges that would move; change nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (c *cli) updateCustomer(ctx context.Context, o *operator.Operator, customer billing.Customer, change operator.CustomerChange, yes, dryRun bool) error {
	if dryRun || !yes {
		would, err := o.With(operator.Options{DryRun: true}).ChangeCustomer(ctx, customer.ID, change)
		if err != nil {
			return err
		}
		if dryRun {
			fmt.Fprintln(c.talk, "dry run: nothing was changed")
			return c.printUpdate(would, true)
		}
		if len(would.Moved) > 0 {
			c.printMoved(would)
			if !c.confirmed(fmt.Sprintf("%d charges are moved. Type move to do it: ", len(would.Moved)), "move") {
				return errors.New("nothing was changed")
			}
		}
	}
	done, err := o.ChangeCustomer(ctx, customer.ID, change)
	if err != nil {
		return err
	}
	return c.printUpdate(done, false)
}

func (c *cli) printUpdate(u operator.CustomerUpdate, dryRun bool) error {
	if c.json {
		return c.printJSON(view.NewCustomerUpdate(u, dryRun))
	}
	fmt.Fprintln(c.out, u.Message)
	if len(u.Moved) > 0 {
		fmt.Fprintf(c.out, "charges moved: %d\n", len(u.Moved))
		tab := newTable("PLAN", "CHARGE", "WAS", "IS")
		for _, m := range u.Moved {
			tab.add(string(m.Plan), string(m.Charge), localTime(m.Was, ""), localTime(m.DueAt, u.Customer.TimeZone))
		}
		tab.print(c.out)
	}
	return nil
}

// printMoved lists the charges that will move, before the confirmation.
func (c *cli) printMoved(u operator.CustomerUpdate) {
	for _, m := range u.Moved {
		fmt.Fprintf(c.talk, "charge %s moves from %s to %s\n", m.Charge, localTime(m.Was, ""), localTime(m.DueAt, u.Customer.TimeZone))
	}
}
