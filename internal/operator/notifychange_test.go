package operator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// sentNotices returns the notices of a plan that were not muted.
func sentNotices(t *testing.T, s billing.Store, id billing.PlanID) []billing.Notice {
	t.Helper()
	list, err := s.Notices(t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(t, err)
	return slices.DeleteFunc(list, func(n billing.Notice) bool { return n.Status == billing.NoticeFailed }) // never sent
}

// address gives a customer an e-mail address.
func address(t *testing.T, s billing.Store, id billing.CustomerID) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		c, err := tx.Customer(t.Context(), id)
		require.NoError(t, err)
		c.Email = "ada@example.com"
		return tx.UpdateCustomer(t.Context(), c)
	}))
}

// TestChange_NotifiesOnce requires one notice of each change that the customer should know of, and
// none if the customer is not to be notified.
func TestChange_NotifiesOnce(t *testing.T) {
	t.Parallel()
	active, paused := cell{billing.PlanActive, billing.ChargeScheduled}, cell{billing.PlanPaused, billing.ChargeScheduled}
	tests := map[operator.Operation]struct {
		in   cell
		kind billing.NoticeKind // empty: no notice
	}{
		operator.OpPause: {active, billing.NoticePlanPaused}, operator.OpResume: {paused, billing.NoticePlanResumed},
		operator.OpCancel: {active, billing.NoticePlanCanceled}, operator.OpRefund: {active, billing.NoticePlanCanceled},
		operator.OpRemaining: {active, billing.NoticePlanChanged}, operator.OpFee: {active, billing.NoticePlanChanged},
		operator.OpExtend: {active, billing.NoticePlanChanged}, operator.OpSkip: {active, billing.NoticePlanChanged},
		operator.OpSkipToEnd: {active, billing.NoticePlanChanged}, operator.OpMove: {active, billing.NoticePlanChanged},
		operator.OpAmount: {active, billing.NoticePlanChanged}, operator.OpSplit: {active, billing.NoticePlanChanged},
		operator.OpRestart: {cell{billing.PlanDefaulted, billing.ChargeFailed}, billing.NoticePlanChanged},
		operator.OpPay:     {active, ""}, operator.OpPayAll: {active, ""}, operator.OpCard: {active, ""}, operator.OpCatchUp: {active, ""},
		operator.OpPaidOutside: {active, ""}, operator.OpWriteOff: {active, ""},
	}
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for op, tt := range tests {
			does := func(withAddress bool, o *operator.Operator) ([]billing.Notice, string) {
				plan, charges, card := threeCharges(t, s, tt.in)
				if withAddress {
					address(t, s, plan.CustomerID)
				}
				require.NoError(t, attempt(t, o, op, plan.ID, charges[1].ID, card), op)
				trail, err := s.AuditTrail(t.Context(), billing.AuditFilter{Plan: plan.ID})
				require.NoError(t, err)
				var said strings.Builder
				for _, e := range trail {
					said.WriteString(e.Next + "\n")
				}
				return sentNotices(t, s, plan.ID), said.String()
			}
			nobody, _ := does(false, newOperator(s))
			require.Empty(t, nobody, "%s: there is no address", op)
			rehearsed, _ := does(true, newOperator(s).With(operator.Options{DryRun: true}))
			require.Empty(t, rehearsed, "%s: it was only tried", op)
			quiet, said := does(true, newOperator(s).With(operator.Options{Quiet: true}))
			require.Empty(t, quiet, op)
			loud, _ := does(true, newOperator(s))
			if tt.kind == "" {
				require.Empty(t, loud, op)
				continue
			}
			require.Contains(t, said, "the customer is not notified", op)
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
				require.Zero(t, loud[0].Data.Amount, "a refund is promised only when Stripe has accepted it")
			}
		}
	})
}

// TestChange_NoNoticeBeforeFirstPayment: a customer who never paid has agreed to nothing.
func TestChange_NoNoticeBeforeFirstPayment(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	plan, _, _ := threeCharges(t, s, cell{billing.PlanAwaitingFirstPayment, billing.ChargeScheduled})
	address(t, s, plan.CustomerID)
	_, err := newOperator(s).Cancel(t.Context(), plan.ID, "")
	require.NoError(t, err)
	require.Empty(t, sentNotices(t, s, plan.ID))
}

// TestLastCharge_SkippedOrPaidElsewhere: the customer is notified that everything is paid.
func TestLastCharge_SkippedOrPaidElsewhere(t *testing.T) {
	t.Parallel()
	last := map[string]func(*operator.Operator, billing.ChargeID) error{
		"skip": func(o *operator.Operator, id billing.ChargeID) error {
			_, err := o.Skip(t.Context(), id, "")
			return err
		},
		"paid outside": func(o *operator.Operator, id billing.ChargeID) error {
			_, err := o.PaidOutside(t.Context(), id, "in cash")
			return err
		},
		"write off": func(o *operator.Operator, id billing.ChargeID) error {
			_, err := o.WriteOff(t.Context(), id, "")
			return err
		},
	}
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for name, end := range last {
			plan, charges, _ := threeCharges(t, s, cell{billing.PlanActive, billing.ChargeScheduled})
			address(t, s, plan.CustomerID)
			_, err := newOperator(s).With(operator.Options{Quiet: true}).PaidOutside(t.Context(), charges[1].ID, "")
			require.NoError(t, err, name)
			require.NoError(t, end(newOperator(s), charges[2].ID), name)
			after, err := s.Plan(t.Context(), plan.ID)
			require.NoError(t, err)
			require.Equal(t, billing.PlanCompleted, after.Status, name)
			list := sentNotices(t, s, plan.ID)
			if name == "write off" {
				require.Empty(t, list, "a charge that is written off is not paid")
				continue
			}
			require.Len(t, list, 1, name)
			require.Equal(t, billing.NoticePlanCompleted, list[0].Kind, name)
			paid := charges[0].Amount + charges[1].Amount
			if name == "paid outside" {
				paid += charges[2].Amount
			}
			require.Equal(t, paid, list[0].Data.Amount, name)
		}
	})
}
