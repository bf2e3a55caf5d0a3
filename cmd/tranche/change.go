package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

// changeText is the help of a command that changes a plan or a charge.
type changeText struct{ short, long string }

// changePlan returns the command of an operation on a plan.
func (c *cli) changePlan(op operator.Operation, in operator.Input, text changeText) *cobra.Command {
	return c.change(operator.Find(operator.NounPlan, op), in, text)
}

// changeCharge returns the command of an operation on a charge.
func (c *cli) changeCharge(op operator.Operation, in operator.Input, text changeText) *cobra.Command {
	return c.change(operator.Find(operator.NounCharge, op), in, text)
}

// change returns the command of an operation, which makes the change with the input as the flags
// have set it. Every such command has a dry run; a dangerous operation asks for confirmation.
func (c *cli) change(spec operator.Spec, in operator.Input, text changeText) *cobra.Command {
	var yes, dryRun, quiet bool
	noun := string(spec.Noun)
	cmd := &cobra.Command{
		Use: spec.Name + " " + strings.ToUpper(noun), Short: text.short, Long: text.long, Args: oneArg(noun),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				o = o.With(operator.Options{Quiet: quiet})
				id := args[0]
				if spec.Noun == operator.NounPlan {
					plan, err := billing.FindPlan(cmd.Context(), s, id)
					if err != nil {
						return err
					}
					id = string(plan.ID)
				}
				if !dryRun && (yes || !spec.Dangerous()) {
					return c.changed(cmd.Context(), s, o, in, id)
				}
				return c.rehearsed(cmd.Context(), s, o, spec.Confirm, in, id, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the changed plan; change nothing")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not mail the customer")
	if spec.Dangerous() {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	}
	return cmd
}

// rehearsed shows the changed plan, and makes the change if the operator confirms it.
func (c *cli) rehearsed(ctx context.Context, s *store.Store, o *operator.Operator, ask operator.Confirmation, in operator.Input, id string, dryRun bool) error {
	would, err := in.Make(ctx, o.With(operator.Options{DryRun: true}), id)
	if err != nil {
		return err
	}
	is, err := billing.LoadDetails(ctx, s, would.Plan.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.talk, would.Message)
	if would.Next != "" {
		fmt.Fprintln(c.talk, would.Next)
	}
	switch more := uncollected(would.Charges) - uncollected(is.Charges); {
	case more > 0:
		fmt.Fprintf(c.talk, "%s more would be collected\n", money.FormatAmount(more, would.Plan.Currency))
	case more < 0:
		fmt.Fprintf(c.talk, "%s would not be collected\n", money.FormatAmount(-more, would.Plan.Currency))
	}
	if dryRun {
		fmt.Fprintln(c.talk, "dry run: nothing was changed")
		is.Plan, is.Charges = would.Plan, would.Charges
		return c.showPlan(is)
	}
	if !c.confirmed(ask.Question, ask.Word) {
		return errors.New("nothing was changed")
	}
	return c.changed(ctx, s, o, in, id)
}

// uncollected returns the sum of the charges that are still to be collected.
func uncollected(charges []billing.Charge) (sum int64) {
	for _, ch := range charges {
		if !ch.Status.Ended() {
			sum += ch.Amount
		}
	}
	return sum
}

// changed makes the change and shows the plan.
func (c *cli) changed(ctx context.Context, s *store.Store, o *operator.Operator, in operator.Input, id string) error {
	result, err := in.Make(ctx, o, id)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.talk, result.Message)
	if result.Next != "" {
		fmt.Fprintln(c.talk, result.Next)
	}
	details, err := billing.LoadDetails(ctx, s, result.Plan.ID)
	if err != nil {
		return err
	}
	return c.showPlan(details)
}

func (c *cli) showPlan(d billing.Details) error {
	if c.json {
		return c.printJSON(view.NewPlan(d))
	}
	c.printPlan(d)
	return nil
}

func (c *cli) planVersionsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "versions PLAN", Short: "List a plan's agreement and each change of it", Args: oneArg("plan"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plan, err := billing.FindPlan(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				versions, err := billing.PlanVersions(cmd.Context(), s, plan.ID)
				if err != nil {
					return err
				}
				if c.json {
					views := make([]view.Version, len(versions))
					for i, v := range versions {
						views[i] = view.NewVersion(v)
					}
					return c.printJSON(view.List[view.Version]{Object: "list", Data: views})
				}
				customer, err := s.Customer(cmd.Context(), plan.CustomerID)
				if err != nil {
					return err
				}
				return c.printVersions(plan, customer, versions)
			})
		},
	}
}

func (c *cli) printVersions(plan billing.Plan, customer billing.Customer, versions []billing.PlanVersion) error {
	for _, v := range versions {
		fmt.Fprintf(c.out, "Version %d  %s  %s  %s\n%s\n", v.Number, localTime(v.At, customer.TimeZone), v.Actor, money.FormatAmount(v.Total, plan.Currency), v.What)
		charges, err := v.List()
		if err != nil {
			return err
		}
		tab := newTable("#", "CHARGE", "AMOUNT", "DUE")
		for _, a := range charges {
			tab.add(strconv.Itoa(a.Sequence), string(a.Charge), money.FormatAmount(a.Amount, plan.Currency), dueTime(a.DueAt, customer.TimeZone))
		}
		tab.print(c.out)
		fmt.Fprintln(c.out)
	}
	return nil
}
