package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// planChangeCommands change a whole plan that is under way.
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
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			if amount != 0 {
				return operator.SetRemainingAmount(ctx, s, billing.PlanID(id), amount, now)
			}
			return operator.SetRemaining(ctx, s, billing.PlanID(id), total, now)
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
		question: "The customer is charged more than was agreed.", word: "fee",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.AddFee(ctx, s, billing.PlanID(id), amount, due, reason, now)
		},
	})
	cmd.Flags().Int64Var(&amount, "amount", 0, "`AMOUNT` in minor units")
	cmd.Flags().StringVar(&due, "due", "", "`DATE` on which it is charged, or an instant")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	_ = cmd.MarkFlagRequired("amount")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) planExtendCommand() *cobra.Command {
	var e operator.Extension
	cmd := c.change(changeCommand{
		use: "extend PLAN", short: "Add more parts at the end, at the plan's interval", noun: "plan",
		question: "The customer is charged more than was agreed.", word: "extend",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Extend(ctx, s, billing.PlanID(id), e, now)
		},
	})
	cmd.Flags().IntVar(&e.Parts, "parts", 1, "`NUMBER` of parts to add")
	cmd.Flags().Int64Var(&e.Amount, "amount", 0, "`AMOUNT` of each; that of the last one if left out")
	cmd.Flags().StringVar(&e.Every, "every", "", "`INTERVAL`, such as \"1 month\", where the plan has none of its own")
	return cmd
}

func (c *cli) planPayAllCommand() *cobra.Command {
	var discount int64
	cmd := c.change(changeCommand{
		use: "pay-all PLAN", short: "Have all that is left paid now, in one charge", noun: "plan",
		question: "The saved card is charged at once.", word: "pay",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.PayAll(ctx, s, billing.PlanID(id), discount, now)
		},
	})
	cmd.Flags().Int64Var(&discount, "discount", 0, "`AMOUNT` that is taken off")
	return cmd
}

func (c *cli) planRestartCommand() *cobra.Command {
	var missed string
	cmd := c.change(changeCommand{
		use: "restart PLAN", short: "Let a defaulted plan collect again", noun: "plan",
		question: "What was given up is charged.", word: "restart",
		long: `Restart a plan that was given up, by id or by your reference. One charge that is due is made at once; more than one need
--missed. --dry-run shows what would be charged, and when.`,
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Restart(ctx, s, billing.PlanID(id), operator.Missed(missed), now)
		},
	})
	missedFlag(cmd, &missed)
	return cmd
}

func (c *cli) planCardCommand() *cobra.Command {
	var card string
	cmd := c.change(changeCommand{
		use: "card PLAN", short: "Charge another saved card of the customer from now on", noun: "plan",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.UseCard(ctx, s, billing.PlanID(id), billing.CardID(card), now)
		},
	})
	cmd.Flags().StringVar(&card, "card", "", "`CARD` that is charged: our id or Stripe's (pm_…)")
	_ = cmd.MarkFlagRequired("card")
	return cmd
}

func (c *cli) planCatchUpCommand() *cobra.Command {
	var choice string
	cmd := c.change(changeCommand{
		use: "catch-up PLAN", short: "Choose what becomes of charges that an outage misses", noun: "plan",
		long: `Choose what becomes of charges that an outage misses: daily charges a customer once a day, all charges everything at once,
latest charges the last period only, and none skips what was missed. latest and none are for recurring plans.`,
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.SetCatchUp(ctx, s, billing.PlanID(id), billing.CatchUpOf(choice), now)
		},
	})
	cmd.Flags().StringVar(&choice, "catch-up", "", "`WHAT` becomes of missed charges: daily, all, latest or none")
	_ = cmd.MarkFlagRequired("catch-up")
	return cmd
}

func (c *cli) planCancelCommand() *cobra.Command {
	var reason string
	var refund bool
	cmd := c.change(changeCommand{
		use: "cancel PLAN", short: "End a plan: nothing more is charged", noun: "plan",
		long: `Cancel a plan, by id or by your reference. What was paid stays paid; with --refund all that was paid through Stripe is
given back. Open PaymentIntents are canceled at Stripe, and refunds made, by a running serve. A canceled plan can't be
resumed; to stop for a while, pause it.`,
		question: "Cancel it for good?", word: "cancel",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			if refund {
				return operator.CancelAndRefund(ctx, s, billing.PlanID(id), reason, now)
			}
			return operator.End(ctx, s, billing.PlanID(id), reason, now)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&refund, "refund", false, "give back what was paid through Stripe")
	return cmd
}
