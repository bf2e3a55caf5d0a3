package main

import (
	"context"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
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
	var toEnd bool
	var every, reason string
	cmd := c.change(changeCommand{
		use: "skip CHARGE", short: "Leave one charge out: drop its amount, or move it to the end", noun: "charge",
		question: "The charge is not collected on its date.", word: "skip",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			if toEnd {
				return o.SkipToEnd(ctx, billing.ChargeID(id), every, reason)
			}
			return o.Skip(ctx, billing.ChargeID(id), reason)
		},
	})
	cmd.Flags().BoolVar(&toEnd, "to-end", false, "collect it after the last charge instead of dropping its amount")
	cmd.Flags().StringVar(&every, "every", "", "with --to-end: `INTERVAL` after the last charge, if the plan has none")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeMoveCommand() *cobra.Command {
	var due string
	cmd := c.change(changeCommand{
		use: "move CHARGE", short: "Move one charge to another date", noun: "charge",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Move(ctx, billing.ChargeID(id), due)
		},
	})
	cmd.Flags().StringVar(&due, "due", "", "`DATE`, keeping the charge's time of day, or an instant")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) chargeAmountCommand() *cobra.Command {
	var amount int64
	cmd := c.change(changeCommand{
		use: "amount CHARGE", short: "Change the amount of one charge, such as the balance after a deposit", noun: "charge",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.SetAmount(ctx, billing.ChargeID(id), amount)
		},
	})
	cmd.Flags().Int64Var(&amount, "amount", 0, "`AMOUNT` in minor units")
	_ = cmd.MarkFlagRequired("amount")
	return cmd
}

func (c *cli) chargeSplitCommand() *cobra.Command {
	var first int64
	var due string
	cmd := c.change(changeCommand{
		use: "split CHARGE", short: "Split one charge into two", noun: "charge",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Split(ctx, billing.ChargeID(id), first, due)
		},
	})
	cmd.Flags().Int64Var(&first, "first", 0, "`AMOUNT` that stays due on the present date")
	cmd.Flags().StringVar(&due, "due", "", "`DATE` of the second part, or an instant; none if the charge is due on request")
	_ = cmd.MarkFlagRequired("first")
	return cmd
}

func (c *cli) chargePayCommand() *cobra.Command {
	return c.change(changeCommand{
		use: "pay CHARGE", short: "Make one charge early: it is due now", noun: "charge",
		question: "The saved card is charged at once.", word: "pay",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Pay(ctx, billing.ChargeID(id))
		},
	})
}

func (c *cli) chargeCollectCommand() *cobra.Command {
	var due string
	cmd := c.change(changeCommand{
		use: "collect CHARGE", short: "Collect a charge that is due on request, now or on a date", noun: "charge",
		question: "The saved card is charged, at once or on the date.", word: "collect",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.Collect(ctx, billing.ChargeID(id), due)
		},
	})
	cmd.Flags().StringVar(&due, "due", "", "`DATE` of the charge, or an instant; default: now")
	return cmd
}

func (c *cli) chargePaidOutsideCommand() *cobra.Command {
	var note string
	cmd := c.change(changeCommand{
		use: "paid-outside CHARGE", short: "Record a charge as paid without Stripe: in cash, by transfer", noun: "charge",
		question: "The charge is no longer collected through Stripe.", word: "paid",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.PaidOutside(ctx, billing.ChargeID(id), note)
		},
	})
	cmd.Flags().StringVar(&note, "note", "", "`HOW` it was paid, for the record")
	return cmd
}

func (c *cli) chargeWriteOffCommand() *cobra.Command {
	var reason string
	cmd := c.change(changeCommand{
		use: "write-off CHARGE", short: "Write one charge off; the plan continues", noun: "charge",
		question: "The charge is no longer collected.", word: "write off",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.WriteOff(ctx, billing.ChargeID(id), reason)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeRefundDuplicateCommand() *cobra.Command {
	return c.change(changeCommand{
		use: "refund-duplicate CHARGE", short: "Refund the second payment of a charge that was paid twice", noun: "charge",
		long: `Refund the second payment of a charge that was paid twice; an incident (paid_twice) names it. A running serve requests the
refund at Stripe. Once Stripe accepts it, the incident is closed and the customer is notified. The first payment is kept.`,
		question: "The second payment is refunded.", word: "refund",
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			return o.RefundDuplicate(ctx, billing.ChargeID(id))
		},
	})
}
