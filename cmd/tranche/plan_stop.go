package main

import (
	"context"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
)

func (c *cli) planPauseCommand() *cobra.Command {
	var reason string
	var quiet bool
	cmd := &cobra.Command{
		Use: "pause PLAN", Short: "Stop all charges of a plan until it is resumed", Args: oneArg("plan"),
		Long: `Pause a plan, by id or by your reference. Queued charges are not made: the worker checks the plan immediately before it
calls Stripe. If a call to Stripe is already in flight, its result is recorded.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				plan, err := billing.FindPlan(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				if plan, err = o.With(operator.Options{Quiet: quiet}).Pause(cmd.Context(), plan.ID, reason); err != nil {
					return err
				}
				details, err := billing.LoadDetails(cmd.Context(), s, plan.ID)
				if err != nil {
					return err
				}
				return c.showPlan(details)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not mail the customer")
	return cmd
}

func (c *cli) planResumeCommand() *cobra.Command {
	var missed string
	var shift bool
	cmd := c.change(changeCommand{
		use: "resume PLAN", short: "Resume the charges of a paused plan", noun: "plan",
		long: `Resume a paused plan, by id or by your reference. With --shift later charges move by the days of the pause. Without it
dates stay: a single charge that fell due during the pause is made at once, and more than one need --missed.`,
		do: func(ctx context.Context, o *operator.Operator, id string) (operator.Result, error) {
			how := operator.CatchUp
			if shift {
				how = operator.Shift
			}
			return o.Resume(ctx, billing.PlanID(id), how, operator.Missed(missed))
		},
	})
	cmd.Flags().BoolVar(&shift, "shift", false, "move later charges by the days of the pause")
	missedFlag(cmd, &missed)
	return cmd
}

// missedFlag adds the flag for charges that fell due while a plan did not collect.
func missedFlag(cmd *cobra.Command, missed *string) {
	cmd.Flags().StringVar(missed, "missed", "", "`WHICH` charges that fell due meanwhile are made: all, daily, latest or none")
}
