package main

import (
	"github.com/spf13/cobra"

	"tranche/internal/operator"
)

// chargeChangeCommands returns the commands that change one charge of a running plan.
func (c *cli) chargeChangeCommands() []*cobra.Command {
	return []*cobra.Command{
		c.chargeSkipCommand(), c.chargeMoveCommand(), c.chargeAmountCommand(), c.chargeSplitCommand(), c.chargePayCommand(), c.chargeCollectCommand(),
		c.chargePaidOutsideCommand(), c.chargeWriteOffCommand(), c.chargeRefundDuplicateCommand(),
	}
}

func (c *cli) chargeSkipCommand() *cobra.Command {
	in := &operator.SkipInput{}
	cmd := c.changeCharge(operator.OpSkip, in, changeText{short: "Leave one charge out: drop its amount, or move it to the end"})
	cmd.Flags().BoolVar(&in.ToEnd, "to-end", false, "collect it after the last charge instead of dropping its amount")
	cmd.Flags().StringVar(&in.Every, "every", "", "with --to-end: `INTERVAL` after the last charge, if the plan has none")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeMoveCommand() *cobra.Command {
	in := &operator.MoveInput{}
	cmd := c.changeCharge(operator.OpMove, in, changeText{short: "Move one charge to another date"})
	cmd.Flags().StringVar(&in.Due, "due", "", "`DATE`, keeping the charge's time of day, or an instant")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) chargeAmountCommand() *cobra.Command {
	in := &operator.AmountInput{}
	cmd := c.changeCharge(operator.OpAmount, in, changeText{short: "Change the amount of one charge, such as the balance after a deposit"})
	cmd.Flags().Int64Var(&in.Amount, "amount", 0, "`AMOUNT` in minor units")
	_ = cmd.MarkFlagRequired("amount")
	return cmd
}

func (c *cli) chargeSplitCommand() *cobra.Command {
	in := &operator.SplitInput{}
	cmd := c.changeCharge(operator.OpSplit, in, changeText{short: "Split one charge into two"})
	cmd.Flags().Int64Var(&in.First, "first", 0, "`AMOUNT` that stays due on the present date")
	cmd.Flags().StringVar(&in.Due, "due", "", "`DATE` of the second part, or an instant; none if the charge is due on request")
	_ = cmd.MarkFlagRequired("first")
	return cmd
}

func (c *cli) chargePayCommand() *cobra.Command {
	return c.changeCharge(operator.OpPay, &operator.PayInput{}, changeText{short: "Make one charge early: it is due now"})
}

func (c *cli) chargeCollectCommand() *cobra.Command {
	in := &operator.CollectInput{}
	cmd := c.changeCharge(operator.OpCollect, in, changeText{short: "Collect a charge that is due on request, now or on a date"})
	cmd.Flags().StringVar(&in.Due, "due", "", "`DATE` of the charge, or an instant; default: now")
	return cmd
}

func (c *cli) chargePaidOutsideCommand() *cobra.Command {
	in := &operator.PaidOutsideInput{}
	cmd := c.changeCharge(operator.OpPaidOutside, in, changeText{short: "Record a charge as paid without Stripe: in cash, by transfer"})
	cmd.Flags().StringVar(&in.Note, "note", "", "`HOW` it was paid, for the record")
	return cmd
}

func (c *cli) chargeWriteOffCommand() *cobra.Command {
	in := &operator.WriteOffInput{}
	cmd := c.changeCharge(operator.OpWriteOff, in, changeText{short: "Write one charge off; the plan continues"})
	cmd.Flags().StringVar(&in.Reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeRefundDuplicateCommand() *cobra.Command {
	return c.changeCharge(operator.OpRefundDuplicate, &operator.RefundDuplicateInput{}, changeText{
		short: "Refund the second payment of a charge that was paid twice",
		long: `Refund the second payment of a charge that was paid twice; an incident (paid_twice) names it. A running serve requests the
refund at Stripe. Once Stripe accepts it, the incident is closed and the customer is notified. The first payment is kept.`,
	})
}
