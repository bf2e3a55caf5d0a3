package main

import (
	"context"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// planChangeCommands returns the commands that change a running plan as a whole.
func (c *cli) planChangeCommands() []*cobra.Command {
	return []*cobra.Command{
		c.planRemainingCommand(), c.planFeeCommand(), c.planExtendCommand(), c.planPayAllCommand(), c.planRestartCommand(), c.planCardCommand(),
		c.planCatchUpCommand(), c.planVersionsCommand(),
	}
}

func (c *cli) planRemainingCommand() *cobra.Command {
	var total, amount int64
	cmd := c.change(changeCommand{
		use: "remaining PLAN", short: "Change the amount that is left to pay", noun: "plan",
		long: `Re-split the unpaid charges evenly so that they add up to --total. The first charge takes the remainder of the division.
With --amount, each unpaid charge gets that amount; in a recurring plan, so do the charges that are still to come. The change is
refused if an unpaid charge was tried before, or if a part would be less than Stripe's minimum.`,
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			if amount != 0 {
				return o.SetRemainingAmount(ctx, billing.PlanID(id), amount)
			}
			return o.SetRemaining(ctx, billing.PlanID(id), total)
		},
	})
	cmd.Flags().Int64Var(&total, "total", 0, "`AMOUNT` of all unpaid charges together, in minor units")
	cmd.Flags().Int64Var(&amount, "amount", 0, "`AMOUNT` of each unpaid charge, instead of a total")
	cmd.MarkFlagsOneRequired("total", "amount")
	cmd.MarkFlagsMutuallyExclusive("total", "amount")
	return cmd
}

func (c *cli) planFeeCommand() *cobra.Command {
	var amount int64
	var due, reason string
	cmd := c.change(changeCommand{
		use: "fee PLAN", short: "Add one more charge at a date", noun: "plan",
		question: "The customer is charged more than agreed.", word: "fee",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.AddFee(ctx, billing.PlanID(id), amount, due, reason)
		},
	})
	cmd.Flags().Int64Var(&amount, "amount", 0, "`AMOUNT` in minor units")
	cmd.Flags().StringVar(&due, "due", "", "`DATE` of the charge, or an instant")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	_ = cmd.MarkFlagRequired("amount")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) planExtendCommand() *cobra.Command {
	var e operator.ExtendInput
	cmd := c.change(changeCommand{
		use: "extend PLAN", short: "Add more parts at the end, at the plan's interval", noun: "plan",
		question: "The customer is charged more than agreed.", word: "extend",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Extend(ctx, billing.PlanID(id), e)
		},
	})
	cmd.Flags().IntVar(&e.Parts, "parts", 1, "`NUMBER` of parts to add")
	cmd.Flags().Int64Var(&e.Amount, "amount", 0, "`AMOUNT` of each part; default: the amount of the last part")
	cmd.Flags().StringVar(&e.Every, "every", "", "`INTERVAL`, such as \"1 month\", if the plan has none of its own")
	return cmd
}

func (c *cli) planPayAllCommand() *cobra.Command {
	var discount int64
	cmd := c.change(changeCommand{
		use: "pay-all PLAN", short: "Collect everything unpaid now, in one charge", noun: "plan",
		question: "The saved card is charged at once.", word: "pay",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.PayAll(ctx, billing.PlanID(id), discount)
		},
	})
	cmd.Flags().Int64Var(&discount, "discount", 0, "`AMOUNT` to deduct")
	return cmd
}

func (c *cli) planRestartCommand() *cobra.Command {
	var missed string
	cmd := c.change(changeCommand{
		use: "restart PLAN", short: "Resume the charges of a defaulted plan", noun: "plan",
		question: "Unpaid charges of the plan are made.", word: "restart",
		long: `Restart a defaulted plan, by id or by your reference. A single due charge is made at once; more than one need --missed.
--dry-run shows the charges and their times.`,
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Restart(ctx, billing.PlanID(id), operator.Missed(missed))
		},
	})
	missedFlag(cmd, &missed)
	return cmd
}

func (c *cli) planCardCommand() *cobra.Command {
	var card string
	cmd := c.change(changeCommand{
		use: "card PLAN", short: "Charge another saved card of the customer from now on", noun: "plan",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.UseCard(ctx, billing.PlanID(id), billing.CardID(card))
		},
	})
	cmd.Flags().StringVar(&card, "card", "", "`CARD` to charge: Tranche's id or Stripe's (pm_…)")
	_ = cmd.MarkFlagRequired("card")
	return cmd
}

func (c *cli) planCatchUpCommand() *cobra.Command {
	var choice string
	cmd := c.change(changeCommand{
		use: "catch-up PLAN", short: "Choose how charges that an outage misses are made", noun: "plan",
		long: `Choose how charges that an outage misses are made: "daily" charges a customer once a day, "all" makes all missed charges at
once, "latest" charges only the last period, and "none" skips all missed charges. "latest" and "none" are for recurring plans.`,
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.SetCatchUp(ctx, billing.PlanID(id), billing.CatchUpOf(choice))
		},
	})
	cmd.Flags().StringVar(&choice, "catch-up", "", "`HOW` missed charges are made: daily, all, latest or none")
	_ = cmd.MarkFlagRequired("catch-up")
	return cmd
}

func (c *cli) planCancelCommand() *cobra.Command {
	var reason string
	var refund bool
	cmd := c.change(changeCommand{
		use: "cancel PLAN", short: "End a plan: nothing more is charged", noun: "plan",
		long: `Cancel a plan, by id or by your reference. Payments already made are kept; with --refund all payments made through
Stripe are refunded. A running serve cancels open PaymentIntents at Stripe and requests the refunds. A canceled plan can't be
resumed; to stop it temporarily, pause it.`,
		question: "Cancel the plan permanently?", word: "cancel",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			if refund {
				return o.CancelAndRefund(ctx, billing.PlanID(id), reason)
			}
			return o.Cancel(ctx, billing.PlanID(id), reason)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&refund, "refund", false, "refund all payments made through Stripe")
	return cmd
}
