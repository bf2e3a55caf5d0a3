package main

import (
	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
)

func (c *cli) planPauseCommand() *cobra.Command {
	var quiet bool
	in := &operator.PauseInput{}
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
				if _, err := in.Make(cmd.Context(), o.With(operator.Options{Quiet: quiet}), string(plan.ID)); err != nil {
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
	cmd.Flags().StringVar(&in.Reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not mail the customer")
	return cmd
}

func (c *cli) planResumeCommand() *cobra.Command {
	var shift bool
	in := &operator.ResumeInput{Dates: operator.CatchUp}
	cmd := c.changePlan(operator.OpResume, in, changeText{
		short: "Resume the charges of a paused plan",
		long: `Resume a paused plan, by id or by your reference. With --shift later charges move by the days of the pause. Without it
dates stay: a single charge that fell due during the pause is made at once, and more than one need --missed.`,
	})
	cmd.PreRun = func(*cobra.Command, []string) {
		if shift {
			in.Dates = operator.Shift
		}
	}
	cmd.Flags().BoolVar(&shift, "shift", false, "move later charges by the days of the pause")
	missedFlag(cmd, &in.Missed)
	return cmd
}

// missedFlag adds the flag for charges that fell due while a plan did not collect.
func missedFlag(cmd *cobra.Command, missed *operator.Missed) {
	cmd.Flags().StringVar((*string)(missed), "missed", "", "`WHICH` charges that fell due meanwhile are made: all, daily, latest or none")
}
