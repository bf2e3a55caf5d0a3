package billing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
)

var chargeStatuses = []billing.ChargeStatus{
	billing.ChargeScheduled, billing.ChargeCollecting, billing.ChargeRetrying, billing.ChargeRequiresAction,
	billing.ChargeRequiresPaymentMethod, billing.ChargeSucceeded, billing.ChargeFailed, billing.ChargeCanceled,
	billing.ChargeRefunded, billing.ChargeDisputed,
}

func TestAPaidChargeIsNeverOwedAgain(t *testing.T) {
	t.Parallel()
	for _, to := range chargeStatuses {
		allowed := to == billing.ChargeRefunded || to == billing.ChargeDisputed
		require.Equal(t, allowed, billing.ChargeSucceeded.CanBecome(to), to)
	}
}

func TestAnUnpaidChargeCanAlwaysBePaid(t *testing.T) {
	t.Parallel()
	for _, from := range chargeStatuses {
		if from != billing.ChargeSucceeded && from != billing.ChargeRefunded {
			require.True(t, from.CanBecome(billing.ChargeSucceeded), from)
		}
	}
}

func TestMoveRefusesWhatIsNotATransition(t *testing.T) {
	t.Parallel()
	c := billing.Charge{ID: "chg_1", Status: billing.ChargeSucceeded}
	require.ErrorIs(t, c.Move(billing.ChargeRetrying, "", now), billing.ErrConflict)
	require.Equal(t, billing.ChargeSucceeded, c.Status)
	require.True(t, c.ClaimAfter.IsZero())

	c.Status = billing.ChargeCollecting
	require.NoError(t, c.Move(billing.ChargeRetrying, "declined", now))
	require.Equal(t, now, c.ClaimAfter)
	require.NoError(t, c.Move(billing.ChargeSucceeded, "", time.Time{}))
	require.True(t, c.ClaimAfter.IsZero(), "nothing is planned for a paid charge")
}

func TestPlanFollowsItsCharges(t *testing.T) {
	t.Parallel()
	s, f, r, ok, x := billing.ChargeScheduled, billing.ChargeFailed, billing.ChargeRetrying, billing.ChargeSucceeded, billing.ChargeCanceled
	for _, tc := range []struct {
		plan    billing.PlanStatus
		charges []billing.ChargeStatus
		want    billing.PlanStatus
	}{
		{billing.PlanAwaitingFirstPayment, []billing.ChargeStatus{billing.ChargeRequiresPaymentMethod, s}, billing.PlanAwaitingFirstPayment},
		{billing.PlanActive, []billing.ChargeStatus{ok, s}, billing.PlanActive},
		{billing.PlanActive, []billing.ChargeStatus{ok, billing.ChargeCollecting}, billing.PlanActive},
		{billing.PlanActive, []billing.ChargeStatus{ok, r}, billing.PlanPastDue},
		{billing.PlanPastDue, []billing.ChargeStatus{ok, ok, s}, billing.PlanActive},
		{billing.PlanPastDue, []billing.ChargeStatus{ok, ok}, billing.PlanCompleted},
		{billing.PlanActive, []billing.ChargeStatus{ok, x}, billing.PlanCompleted},
		{billing.PlanActive, []billing.ChargeStatus{ok, f}, billing.PlanPastDue},
		{billing.PlanAwaitingFirstPayment, []billing.ChargeStatus{x, x}, billing.PlanCanceled},
		{billing.PlanPaused, []billing.ChargeStatus{ok, f}, billing.PlanPaused},
		{billing.PlanCanceled, []billing.ChargeStatus{ok, ok}, billing.PlanCanceled},
	} {
		charges := make([]billing.Charge, len(tc.charges))
		for i, status := range tc.charges {
			charges[i].Status = status
		}
		require.Equal(t, tc.want, billing.Plan{Status: tc.plan}.StatusAfter(charges), fmt.Sprint(tc.plan, tc.charges))
	}
}

func TestPlanOnlyMovesAlongItsTransitions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := billing.Plan{Status: rapid.SampledFrom([]billing.PlanStatus{
			billing.PlanAwaitingFirstPayment, billing.PlanActive, billing.PlanPastDue, billing.PlanPaused,
			billing.PlanCompleted, billing.PlanCanceled, billing.PlanDefaulted,
		}).Draw(t, "plan")}
		var charges []billing.Charge
		for _, s := range rapid.SliceOfN(rapid.SampledFrom(chargeStatuses), 1, 6).Draw(t, "charges") {
			charges = append(charges, billing.Charge{Status: s})
		}
		next := plan.StatusAfter(charges)
		require.True(t, next == plan.Status || plan.Status.CanBecome(next))
		if next == billing.PlanCompleted && plan.Status != billing.PlanCompleted {
			require.False(t, slices.ContainsFunc(charges, func(c billing.Charge) bool { return !c.Status.Ended() }))
		}
	})
}

func TestIDsSortByTimeAndNeverRepeat(t *testing.T) {
	t.Parallel()
	seen := map[billing.ChargeID]bool{}
	last := billing.ChargeID("")
	for i := range 1000 {
		id := billing.NewChargeID(now.Add(time.Duration(i) * time.Millisecond))
		require.Regexp(t, `^chg_[0-9a-z]{26}$`, id)
		require.False(t, seen[id])
		require.Greater(t, id, last)
		seen[id], last = true, id
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	pi := billing.PaymentIntent{ID: "pi_1", ClientSecret: "pi_1_secret_hush"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, pi), "hush")
	}
	require.Equal(t, "pi_1_secret_hush", pi.ClientSecret.Reveal())
}

func TestCancel_StaysDueWhileStripeMayTakeMoney(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		plan   billing.Plan
		charge billing.Charge
		due    bool
	}{
		"never tried":            {billing.Plan{}, billing.Charge{Status: billing.ChargeScheduled}, false},
		"PaymentIntent":          {billing.Plan{}, billing.Charge{Status: billing.ChargeScheduled, PaymentIntent: "pi_1"}, true},
		"attempt without one":    {billing.Plan{}, billing.Charge{Status: billing.ChargeRequiresPaymentMethod, AttemptCount: 1}, true},
		"SetupIntent":            {billing.Plan{SetupIntent: "seti_1"}, billing.Charge{Status: billing.ChargeScheduled, Sequence: 1}, true},
		"SetupIntent, activated": {billing.Plan{SetupIntent: "seti_1", ActivatedAt: now}, billing.Charge{Status: billing.ChargeScheduled, Sequence: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := tc.charge
			require.ErrorIs(t, c.Move(billing.ChargeCanceled, "", time.Time{}), billing.ErrConflict, "Cancel is the only way")
			require.NoError(t, c.Cancel(tc.plan, "skipped", now))
			require.Equal(t, billing.ChargeCanceled, c.Status)
			require.Equal(t, tc.due, !c.NextAttemptAt.IsZero())
			require.Equal(t, c.NextAttemptAt, c.ClaimAfter)
			c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
			c.NoteIntent("pi_late", now)
			require.Equal(t, now, c.ClaimAfter, "its PaymentIntent is canceled too")
		})
	}
	paid := billing.Charge{Status: billing.ChargeSucceeded}
	require.ErrorIs(t, paid.Cancel(billing.Plan{}, "", now), billing.ErrConflict)
}
