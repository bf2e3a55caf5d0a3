package operator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// told are the notices of a plan.
func told(t *testing.T, s billing.Store, id billing.PlanID) []billing.Notice {
	t.Helper()
	list, err := s.Notices(t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(t, err)
	return list
}

// address gives the customer of a plan an address.
func address(t *testing.T, s billing.Store, id billing.CustomerID) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		c, err := tx.Customer(t.Context(), id)
		require.NoError(t, err)
		c.Email = "ada@example.com"
		return tx.UpdateCustomer(t.Context(), c)
	}))
}

// TestEachChangeIsToldOnce, where it is one that the customer should know of, and not at all where nobody is to be told.
func TestEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	active, paused := cell{billing.PlanActive, billing.ChargeScheduled}, cell{billing.PlanPaused, billing.ChargeScheduled}
	tests := map[operator.Operation]struct {
		in   cell
		kind billing.NoticeKind // empty: the customer is not told
	}{
		operator.OpPause: {active, billing.NoticePlanPaused}, operator.OpResume: {paused, billing.NoticePlanResumed},
		operator.OpCancel: {active, billing.NoticePlanCanceled}, operator.OpRefund: {active, billing.NoticePlanCanceled},
		operator.OpRest: {active, billing.NoticePlanChanged}, operator.OpFee: {active, billing.NoticePlanChanged},
		operator.OpExtend: {active, billing.NoticePlanChanged}, operator.OpSkip: {active, billing.NoticePlanChanged},
		operator.OpSkipToEnd: {active, billing.NoticePlanChanged}, operator.OpMove: {active, billing.NoticePlanChanged},
		operator.OpAmount: {active, billing.NoticePlanChanged}, operator.OpSplit: {active, billing.NoticePlanChanged},
		operator.OpRestart: {cell{billing.PlanDefaulted, billing.ChargeFailed}, billing.NoticePlanChanged},
		operator.OpPay:     {active, ""}, operator.OpPayAll: {active, ""}, operator.OpCard: {active, ""},
		operator.OpPaidOutside: {active, ""}, operator.OpWriteOff: {active, ""},
	}
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for op, tt := range tests {
			does := func(withAddress bool, on operator.Store) ([]billing.Notice, string) {
				plan, charges, card := threeCharges(t, s, tt.in)
				if withAddress {
					address(t, s, plan.CustomerID)
				}
				require.NoError(t, attempt(t, on, op, plan.ID, charges[1].ID, card), op)
				trail, err := s.AuditTrail(t.Context(), billing.AuditFilter{Plan: plan.ID})
				require.NoError(t, err)
				var said strings.Builder
				for _, e := range trail {
					said.WriteString(e.Next + "\n")
				}
				return told(t, s, plan.ID), said.String()
			}
			nobody, _ := does(false, s)
			require.Empty(t, nobody, "%s: there is no address", op)
			rehearsed, _ := does(true, operator.Rehearse(s))
			require.Empty(t, rehearsed, "%s: it was only tried", op)
			quiet, said := does(true, operator.Quietly(s))
			require.Empty(t, quiet, op)
			loud, _ := does(true, s)
			if tt.kind == "" {
				require.Empty(t, loud, op)
				continue
			}
			require.Contains(t, said, "the customer is not told", op)
			require.Len(t, loud, 1, op)
			require.Equal(t, tt.kind, loud[0].Kind, op)
			require.Equal(t, "ada@example.com", loud[0].To)
			if op == operator.OpMove {
				require.Len(t, loud[0].Data.Schedule, 2)
				moved := loud[0].Data.Schedule[0]
				require.Equal(t, int64(1000), moved.WasAmount)
				require.NotEqual(t, moved.WasDue, moved.DueAt)
				require.Zero(t, loud[0].Data.Schedule[1].WasAmount, "the third stays as it was")
			}
			if op == operator.OpRefund {
				require.Equal(t, int64(1000), loud[0].Data.Amount, "the first payment is given back")
			}
		}
	})
}

// TestNobodyIsToldBeforeTheFirstPayment: who never paid has agreed to nothing.
func TestNobodyIsToldBeforeTheFirstPayment(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	plan, _, _ := threeCharges(t, s, cell{billing.PlanAwaitingFirstPayment, billing.ChargeScheduled})
	address(t, s, plan.CustomerID)
	_, err := operator.Cancel(t.Context(), s, plan.ID, "", now)
	require.NoError(t, err)
	require.Empty(t, told(t, s, plan.ID))
}
