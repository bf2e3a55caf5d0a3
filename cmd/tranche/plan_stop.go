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
		Use: "pause PLAN", Short: "Keep a plan from charging anything until it is resumed", Args: oneArg("plan"),
		Long: `Pause a plan, by id or by your reference. What is queued already is not charged: each charge looks at its plan immediately
before Stripe is called. An attempt whose call was made before ends as Stripe says.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changePlan(cmd.Context(), args[0], func(s operator.Store, plan billing.Plan, now time.Time) (billing.Plan, error) {
				return operator.Pause(cmd.Context(), telling(s, quiet), plan.ID, reason, now)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the customer")
	return cmd
}

func (c *cli) planResumeCommand() *cobra.Command {
	var missed string
	var shift bool
	cmd := c.change(changeCommand{
		use: "resume PLAN", short: "Let a paused plan collect again", noun: "plan",
		long: `Resume a plan that was paused, by id or by your reference. With --shift the later charges move by as many days as the plan
was paused. Without it dates stay: one charge that fell due in the meantime is made at once, and more than one need --missed.`,
		do: func(ctx context.Context, s operator.Store, id string, now time.Time) (operator.Result, error) {
			how := operator.CatchUp
			if shift {
				how = operator.Shift
			}
			return operator.Resume(ctx, s, billing.PlanID(id), how, operator.Missed(missed), now)
		},
	})
	cmd.Flags().BoolVar(&shift, "shift", false, "move the later charges by the days of the pause")
	missedFlag(cmd, &missed)
	return cmd
}

// missedFlag asks what becomes of charges that fell due while a plan did not collect.
func missedFlag(cmd *cobra.Command, missed *string) {
	cmd.Flags().StringVar(missed, "missed", "", "`WHICH` charges that fell due meanwhile are made: all, daily, latest or none")
}

// telling is the database on which the customer is told of changes, or is not.
func telling(s operator.Store, quiet bool) operator.Store {
	if quiet {
		return operator.Quietly(s)
	}
	return s
}

// changePlan finds a plan by id or reference, changes it and shows it.
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
		if plan, err = change(operator.Under(s, rules), plan, clk.Now()); err != nil {
			return err
		}
		details, err := billing.LoadDetails(ctx, s, plan.ID)
		if err != nil {
			return err
		}
		return c.showPlan(details)
	})
}
