//go:build !race

package operator_test

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator/operatortest"
	"tranche/internal/store/storetest"
)

// TestEveryOperationInEveryState tries every operation in every pair of states, impossible pairs
// included. Its results are the page docs/changes.md, so that a change of the rules shows as a
// diff; the rules that no page may break are checked here.
func TestEveryOperationInEveryState(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	page := newPage()
	for _, op := range operatortest.Operations() {
		for _, plan := range billing.PlanStatuses() {
			for _, charge := range chargeStatuses() {
				in := cell{plan, charge}
				stored, charges, card := threeCharges(t, s, in)
				err := attempt(t, newOperator(s), op, stored.ID, charges[1].ID, card)
				page.add(t, op, in, stored, err)
				after, loadErr := s.PlanCharges(t.Context(), stored.ID)
				require.NoError(t, loadErr)
				planAfter, loadErr := s.Plan(t.Context(), stored.ID)
				require.NoError(t, loadErr)
				if err != nil {
					require.Equal(t, charges, after, "%s of %v was refused and changed something", op, in)
					require.Equal(t, stored, planAfter)
					continue
				}
				require.NotContains(t, []billing.PlanStatus{billing.PlanCompleted, billing.PlanCanceled}, plan, "%s of a plan that is over", op)
				require.Equal(t, billing.SumOf(after), planAfter.Total, "%s of %v", op, in)
				second := after[slices.IndexFunc(after, func(c billing.Charge) bool { return c.ID == charges[1].ID })]
				if charge == billing.ChargeCollecting {
					require.Equal(t, charges[1], second, "%s changed a charge with an attempt in flight", op)
				}
				if charges[1].Status.Ended() {
					require.Equal(t, charges[1].Status, second.Status, "%s", op)
					require.Equal(t, charges[1].Amount, second.Amount)
				}
				if charges[1].PaymentIntent != "" {
					require.Equal(t, charges[1].Amount, second.Amount, "%s: Stripe has it for another amount", op)
				}
				if second.Status == billing.ChargeCanceled && !charges[1].Status.Ended() {
					require.Equal(t, second.PaymentIntent != "", !second.NextAttemptAt.IsZero(), "%s: its PaymentIntent is to be canceled", op)
				}
			}
		}
	}
	if *update {
		require.NoError(t, os.MkdirAll("../../docs", 0o750))
		require.NoError(t, os.WriteFile(changesPage, []byte(page.String()), 0o600))
	}
	want, err := os.ReadFile(changesPage)
	require.NoError(t, err)
	require.Equal(t, string(want), page.String(), "go test ./internal/operator -run EveryOperation -update writes it")
}
