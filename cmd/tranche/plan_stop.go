package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
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
			return c.changePlan(cmd.Context(), args[0], func(s *store.Store, plan billing.Plan, now time.Time) (billing.Plan, error) {
				return operator.Pause(cmd.Context(), telling(s, quiet), plan.ID, reason, now)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the customer")
	return cmd
}

func (c *cli) planResumeCommand() *cobra.Command {
	how := operator.CatchUp
	var shift, quiet bool
	cmd := &cobra.Command{
		Use: "resume PLAN", Short: "Let a paused plan collect again", Args: oneArg("plan"),
		Long: `Resume a plan that was paused, by id or by your reference. What fell due in the meantime is charged at once; with --shift
the later charges move by as many days as the plan was paused.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if shift {
				how = operator.Shift
			}
			return c.changePlan(cmd.Context(), args[0], func(s *store.Store, plan billing.Plan, now time.Time) (billing.Plan, error) {
				return operator.Resume(cmd.Context(), telling(s, quiet), plan.ID, how, now)
			})
		},
	}
	cmd.Flags().BoolVar(&shift, "shift", false, "move the later charges by the days of the pause")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the customer")
	return cmd
}

// telling is the database on which the customer is told of changes, or is not.
func telling(s operator.Store, quiet bool) operator.Store {
	if quiet {
		return operator.Quietly(s)
	}
	return s
}

// changePlan finds a plan by id or reference, changes it and shows it.
func (c *cli) changePlan(ctx context.Context, name string, change func(*store.Store, billing.Plan, time.Time) (billing.Plan, error)) error {
	return c.withStore(ctx, func(cfg config.Config, s *store.Store) error {
		clk, err := clock.Parse(cfg.Clock)
		if err != nil {
			return err
		}
		plan, err := findPlan(ctx, s, name)
		if err != nil {
			return err
		}
		if plan, err = change(s, plan, clk.Now()); err != nil {
			return err
		}
		details, err := billing.LoadDetails(ctx, s, plan.ID)
		if err != nil {
			return err
		}
		return c.showPlan(details)
	})
}

// findPlan finds a plan by its id or by the merchant's reference.
func findPlan(ctx context.Context, s *store.Store, name string) (billing.Plan, error) {
	plan, err := s.Plan(ctx, billing.PlanID(name))
	if errors.Is(err, billing.ErrNotFound) {
		return s.PlanByReference(ctx, name)
	}
	return plan, err
}
