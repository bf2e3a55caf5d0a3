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

func (c *cli) customerEraseCommand() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "erase CUSTOMER", Short: "Erase a customer's personal data, and keep the ledger", Args: oneArg("customer"),
		Long: `Erase the personal data of a customer, by id or by your reference: name, address, reference, cards' numbers and dates, mails, the bodies of
Stripe's events, IP addresses in the evidence of consent. Amounts, dates, states and ids are kept. Erasure can't be undone. All plans must
be finished and all cards removed first. Data at Stripe and in your backups is not affected: see docs/erasure.md.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				customer, err := findCustomer(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				return c.erase(cmd.Context(), o, customer, yes, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count the rows that would change; remove nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (c *cli) erase(ctx context.Context, o *operator.Operator, customer billing.Customer, yes, dryRun bool) error {
	if dryRun || !yes {
		would, err := o.With(operator.Options{DryRun: true}).ErasePersonalData(ctx, customer.ID)
		if err != nil {
			return err
		}
		if dryRun {
			fmt.Fprintln(c.talk, "dry run: nothing was removed")
			return c.printErasure(would, true)
		}
		fmt.Fprintf(c.talk, "customer %s (%s), with %d plans and %d notices\n", customer.Reference, customer.ID, would.Erased.Plans, would.Erased.Notices)
		if ask := operator.Find(operator.NounCustomer, operator.OpErase).Confirm; !c.confirmed(ask.Question, ask.Word) {
			return errors.New("nothing was removed")
		}
	}
	done, err := o.ErasePersonalData(ctx, customer.ID)
	if err != nil {
		return err
	}
	return c.printErasure(done, false)
}

func (c *cli) printErasure(e operator.Erasure, dryRun bool) error {
	if c.json {
		return c.printJSON(view.NewErasure(e, dryRun))
	}
	tab := newTable("FROM", "ROWS")
	for _, row := range []struct {
		what string
		n    int64
	}{
		{"plans", e.Erased.Plans}, {"cards", e.Erased.Cards}, {"notices", e.Erased.Notices}, {"consents", e.Erased.Consents},
		{"links", e.Erased.Links}, {"requests", e.Erased.Requests}, {"events", e.Erased.Events}, {"texts", e.Erased.Texts},
	} {
		tab.add(row.what, fmt.Sprint(row.n))
	}
	tab.print(c.out)
	return nil
}
