package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// chargeChangeCommands change one charge of a plan that is under way.
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
		question: "It is not collected at its date.", word: "skip",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			if toEnd {
				return operator.SkipToEnd(ctx, s, billing.ChargeID(id), every, reason, now)
			}
			return operator.Skip(ctx, s, billing.ChargeID(id), reason, now)
		},
	})
	cmd.Flags().BoolVar(&toEnd, "to-end", false, "collect it after the last one, instead of dropping its amount")
	cmd.Flags().StringVar(&every, "every", "", "with --to-end: `INTERVAL` after the last one, where the plan has none of its own")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeMoveCommand() *cobra.Command {
	var due string
	cmd := c.change(changeCommand{
		use: "move CHARGE", short: "Have one charge fall due at another date", noun: "charge",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Move(ctx, s, billing.ChargeID(id), due, now)
		},
	})
	cmd.Flags().StringVar(&due, "due", "", "`DATE`, at the time of day it had, or an instant")
	_ = cmd.MarkFlagRequired("due")
	return cmd
}

func (c *cli) chargeAmountCommand() *cobra.Command {
	var amount int64
	cmd := c.change(changeCommand{
		use: "amount CHARGE", short: "Change the amount of one charge, such as the balance after a deposit", noun: "charge",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.SetAmount(ctx, s, billing.ChargeID(id), amount, now)
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
		use: "split CHARGE", short: "Make two charges of one", noun: "charge",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Split(ctx, s, billing.ChargeID(id), first, due, now)
		},
	})
	cmd.Flags().Int64Var(&first, "first", 0, "`AMOUNT` that is collected at its date")
	cmd.Flags().StringVar(&due, "due", "", "`DATE` of the rest, or an instant; none where the charge waits for your word")
	_ = cmd.MarkFlagRequired("first")
	return cmd
}

func (c *cli) chargePayCommand() *cobra.Command {
	return c.change(changeCommand{
		use: "pay CHARGE", short: "Have one charge paid early: it is due now", noun: "charge",
		question: "The saved card is charged at once.", word: "pay",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Pay(ctx, s, billing.ChargeID(id), now)
		},
	})
}

func (c *cli) chargeCollectCommand() *cobra.Command {
	var due string
	cmd := c.change(changeCommand{
		use: "collect CHARGE", short: "Ask for a charge that waits for your word, now or at a date", noun: "charge",
		question: "The saved card is charged, at once or at the date.", word: "collect",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.Collect(ctx, s, billing.ChargeID(id), due, now)
		},
	})
	cmd.Flags().StringVar(&due, "due", "", "`DATE` on which it is charged, or an instant; without it, now")
	return cmd
}

func (c *cli) chargePaidOutsideCommand() *cobra.Command {
	var note string
	cmd := c.change(changeCommand{
		use: "paid-outside CHARGE", short: "Take a charge as paid without Stripe: in cash, by transfer", noun: "charge",
		question: "It is not collected through Stripe any more.", word: "paid",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.PaidOutside(ctx, s, billing.ChargeID(id), note, now)
		},
	})
	cmd.Flags().StringVar(&note, "note", "", "`HOW` it was paid, for the record")
	return cmd
}

func (c *cli) chargeWriteOffCommand() *cobra.Command {
	var reason string
	cmd := c.change(changeCommand{
		use: "write-off CHARGE", short: "Give one charge up; the plan goes on", noun: "charge",
		question: "It is not collected any more.", word: "write off",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.WriteOff(ctx, s, billing.ChargeID(id), reason, now)
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	return cmd
}

func (c *cli) chargeRefundDuplicateCommand() *cobra.Command {
	return c.change(changeCommand{
		use: "refund-duplicate CHARGE", short: "Refund the second payment of a charge that was paid twice", noun: "charge",
		long: `Refund the second payment of a charge that was paid twice, which an incident (paid_twice) names. A running serve asks Stripe for
it; once Stripe accepts the refund the incident is closed and the customer is notified. What was paid first stays paid.`,
		question: "The second payment is given back.", word: "refund",
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			return operator.RefundDuplicate(ctx, s, billing.ChargeID(id), now)
		},
	})
}
