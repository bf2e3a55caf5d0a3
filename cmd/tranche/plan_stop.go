package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
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
			return c.changePlan(cmd.Context(), args[0], func(s operator.Store, plan billing.Plan, now time.Time) (billing.Plan, error) {
				return operator.Pause(cmd.Context(), operator.With(s, operator.Options{Quiet: quiet}), plan.ID, reason, now)
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
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			how := operator.CatchUp
			if shift {
				how = operator.Shift
			}
			return operator.Resume(ctx, s, billing.PlanID(id), how, operator.Missed(missed), now)
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

// changePlan finds a plan by id or reference, changes it and prints it.
func (c *cli) changePlan(ctx context.Context, name string, change func(operator.Store, billing.Plan, time.Time) (billing.Plan, error)) error {
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		clk, err := clock.Parse(cfg.Clock)
		if err != nil {
			return err
		}
		rules, err := app.Rules(cfg)
		if err != nil {
			return err
		}
		plan, err := billing.FindPlan(ctx, s, name)
		if err != nil {
			return err
		}
		if plan, err = change(operator.With(s, operator.Options{Rules: &rules}), plan, clk.Now()); err != nil {
			return err
		}
		details, err := billing.LoadDetails(ctx, s, plan.ID)
		if err != nil {
			return err
		}
		return c.showPlan(details)
	})
}
