package operator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
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
			require.Empty(t, sentNotices(t, s, plan.ID))
			if _, err := s.Request(t.Context(), "k"); keyed && tc.stored {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, billing.ErrNotFound)
			}
		})
	}
}

// TestWith_EveryOperation makes each change with options: a dry run stores nothing, and a request
// is made once.
func TestWith_EveryOperation(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	states := map[operator.Operation]cell{
		operator.OpResume: {billing.PlanPaused, billing.ChargeScheduled}, operator.OpRestart: {billing.PlanDefaulted, billing.ChargeFailed},
		operator.OpRetry: {billing.PlanPastDue, billing.ChargeFailed},
	}
	for _, op := range operatortest.Operations() {
		if op == operator.OpCollect {
			continue // no charge of the plan is due on request
		}
		in, ok := states[op]
		if !ok {
			in = cell{billing.PlanActive, billing.ChargeScheduled}
		}
		plan, charges, card := threeCharges(t, s, in)
		before, err := billing.LoadDetails(t.Context(), s, plan.ID)
		require.NoError(t, err)
		request := billing.Request{Key: "key of " + string(op), Fingerprint: "f", PlanID: plan.ID, CreatedAt: now}
		once := newOperator(s).With(operator.Options{Request: &request})

		require.NoError(t, attempt(t, once.With(operator.Options{DryRun: true}), op, plan.ID, charges[1].ID, card), op)
		after, err := billing.LoadDetails(t.Context(), s, plan.ID)
		require.NoError(t, err)
		require.Equal(t, before, after, "%s: it was only tried", op)
		trail, err := billing.WholeTrail(t.Context(), s, plan.ID)
		require.NoError(t, err)
		require.Empty(t, trail, op)

		require.NoError(t, attempt(t, once, op, plan.ID, charges[1].ID, card), op)
		_, err = s.Request(t.Context(), request.Key)
		require.NoError(t, err, op)
		var done *operator.DoneError
		require.ErrorAs(t, attempt(t, once, op, plan.ID, charges[1].ID, card), &done, op)
		require.Equal(t, request.Key, done.Request.Key)
	}
}
