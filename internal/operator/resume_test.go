package operator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// TestResume_ShiftedAndStillOverdue resumes a plan whose charges are overdue even after their dates
// moved by the pause: each is shifted first and then made up for, in one change.
func TestResume_ShiftedAndStillOverdue(t *testing.T) {
	for _, missed := range []operator.Missed{operator.MissedAll, operator.MissedDaily} {
		t.Run(string(missed), func(t *testing.T) {
			eachWallet(t, func(w wallet) {
				ctx := w.t.Context()
				plan, charges, _ := threeCharges(w.t, w, cell{billing.PlanPaused, billing.ChargeScheduled})
				plan, err := w.Plan(ctx, plan.ID)
				require.NoError(w.t, err)
				require.NoError(w.t, w.Update(ctx, func(tx billing.Tx) error {
					for i := 1; i < 3; i++ {
						charges[i].DueAt = plan.PausedAt.Add(time.Duration(i) * time.Minute)
						charges[i].NextAttemptAt, charges[i].ClaimAfter = charges[i].DueAt, charges[i].DueAt
						if err := tx.UpdateCharge(ctx, charges[i]); err != nil {
							return err
						}
					}
					return nil
				}))
				later := now.Add(time.Hour)
				resumed, err := operator.New(w, func() time.Time { return later }, billing.Rules{}).Resume(ctx, plan.ID, operator.Shift, missed)
				require.NoError(w.t, err)
				for _, c := range resumed.Charges[1:] {
					require.True(w.t, c.DueAt.After(plan.PausedAt.Add(time.Hour)), "charge %d is shifted", c.Sequence)
					require.False(w.t, c.NextAttemptAt.Before(later), "charge %d is made up for", c.Sequence)
				}
				stored, err := w.PlanCharges(ctx, plan.ID)
				require.NoError(w.t, err)
				require.Equal(w.t, stored, resumed.Charges)
			})
		})
	}
}
