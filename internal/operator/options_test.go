package operator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// TestWith_KeepsWhatWasWished adds options in several orders: none replaces one that was there.
func TestWith_KeepsWhatWasWished(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		added  []operator.Options
		stored bool
	}{
		"quiet, then none":           {[]operator.Options{{Quiet: true}, {}}, true},
		"quiet, then a key":          {[]operator.Options{{Quiet: true}, {Request: &billing.Request{Key: "k", Fingerprint: "f"}}}, true},
		"a dry run, then quiet":      {[]operator.Options{{DryRun: true}, {Quiet: true}}, false},
		"quiet and a dry run, a key": {[]operator.Options{{Quiet: true, DryRun: true}, {Request: &billing.Request{Key: "k", Fingerprint: "f"}}}, false},
		"a key, then quiet":          {[]operator.Options{{Request: &billing.Request{Key: "k", Fingerprint: "f"}}, {Quiet: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.SQLite(t)
			plan, _, _ := threeCharges(t, s, cell{billing.PlanActive, billing.ChargeScheduled})
			address(t, s, plan.CustomerID)
			o := newOperator(s)
			keyed := false
			for _, more := range tc.added {
				if more.Request != nil {
					keyed = true
					more.Request.PlanID, more.Request.CreatedAt = plan.ID, plan.CreatedAt
				}
				o = o.With(more)
			}
			_, err := o.Pause(t.Context(), plan.ID, "")
			require.NoError(t, err)
			after, err := s.Plan(t.Context(), plan.ID)
			require.NoError(t, err)
			require.Equal(t, tc.stored, after.Status == billing.PlanPaused)
			require.Empty(t, told(t, s, plan.ID))
			if _, err := s.Request(t.Context(), "k"); keyed && tc.stored {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, billing.ErrNotFound)
			}
		})
	}
}
