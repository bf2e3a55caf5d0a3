package main

import (
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
	in := &operator.RemainingInput{}
	cmd := c.changePlan(operator.OpRemaining, in, changeText{
		short: "Change the amount that is left to pay",
		long: `Re-split the unpaid charges evenly so that they add up to --total. The first charge takes the remainder of the division.
With --amount, each unpaid charge gets that amount; in a recurring plan, so do the charges that are still to come. The change is
refused if an unpaid charge was tried before, or if a part would be less than Stripe's minimum.`,
	})
	cmd.Flags().Int64Var(&in.Total, "total", 0, "`AMOUNT` of all unpaid charges together, in minor units")
	cmd.Flags().Int64Var(&in.Amount, "amount", 0, "`AMOUNT` of each unpaid charge, instead of a total")
	cmd.MarkFlagsOneRequired("total", "amount")
	cmd.MarkFlagsMutuallyExclusive("total", "amount")
	return cmd
}

func (c *cli) planFeeCommand() *cobra.Command {
	in := &operator.FeeInput{}
	cmd := c.changePlan(operator.OpFee, in, changeText{short: "Add one more charge at a date"})
	cmd.Flags().Int64Var(&in.Amount, "amount", 0, "`AMOUNT` in minor units")
	cmd.Flags().StringVar(&in.Due, "due", "", "`DATE` of the charge, or an instant")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "`WHY`, for the record")
	_ = cmd.MarkFlagRequired("amount")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) planExtendCommand() *cobra.Command {
	in := &operator.ExtendInput{}
	cmd := c.changePlan(operator.OpExtend, in, changeText{short: "Add more parts at the end, at the plan's interval"})
	cmd.Flags().IntVar(&in.Parts, "parts", 1, "`NUMBER` of parts to add")
	cmd.Flags().Int64Var(&in.Amount, "amount", 0, "`AMOUNT` of each part; default: the amount of the last part")
	cmd.Flags().StringVar(&in.Every, "every", "", "`INTERVAL`, such as \"1 month\", if the plan has none of its own")
	return cmd
}

func (c *cli) planPayAllCommand() *cobra.Command {
	in := &operator.PayAllInput{}
	cmd := c.changePlan(operator.OpPayAll, in, changeText{short: "Collect everything unpaid now, in one charge"})
	cmd.Flags().Int64Var(&in.Discount, "discount", 0, "`AMOUNT` to deduct")
	return cmd
}

func (c *cli) planRestartCommand() *cobra.Command {
	in := &operator.RestartInput{}
	cmd := c.changePlan(operator.OpRestart, in, changeText{
		short: "Resume the charges of a defaulted plan",
		long: `Restart a defaulted plan, by id or by your reference. A single due charge is made at once; more than one need --missed.
--dry-run shows the charges and their times.`,
	})
	missedFlag(cmd, &in.Missed)
	return cmd
}

func (c *cli) planCardCommand() *cobra.Command {
	in := &operator.CardInput{}
	cmd := c.changePlan(operator.OpCard, in, changeText{short: "Charge another saved card of the customer from now on"})
	cmd.Flags().StringVar((*string)(&in.Card), "card", "", "`CARD` to charge: Tranche's id or Stripe's (pm_…)")
	_ = cmd.MarkFlagRequired("card")
	return cmd
}

func (c *cli) planCatchUpCommand() *cobra.Command {
	var choice string
	in := &operator.CatchUpInput{}
	cmd := c.changePlan(operator.OpCatchUp, in, changeText{
		short: "Choose how charges that an outage misses are made",
		long: `Choose how charges that an outage misses are made: "daily" charges a customer once a day, "all" makes all missed charges at
once, "latest" charges only the last period, and "none" skips all missed charges. "latest" and "none" are for recurring plans.`,
	})
	cmd.PreRun = func(*cobra.Command, []string) {
		how := billing.CatchUpOf(choice)
		in.CatchUp = &how
	}
	cmd.Flags().StringVar(&choice, "catch-up", "", "`HOW` missed charges are made: daily, all, latest or none")
	_ = cmd.MarkFlagRequired("catch-up")
	return cmd
}

func (c *cli) planCancelCommand() *cobra.Command {
	in := &operator.CancelInput{}
	cmd := c.changePlan(operator.OpCancel, in, changeText{
		short: "End a plan: nothing more is charged",
		long: `Cancel a plan, by id or by your reference. Payments already made are kept; with --refund all payments made through
Stripe are refunded. A running serve cancels open PaymentIntents at Stripe and requests the refunds. A canceled plan can't be
resumed; to stop it temporarily, pause it.`,
	})
	cmd.Flags().StringVar(&in.Reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&in.Refund, "refund", false, "refund all payments made through Stripe")
	return cmd
}
