package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func changeTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"charges are added to a plan":             addCharges,
		"charges take other places in their plan": renumberCharges,
		"versions of a plan are added and kept":   planVersions,
		"a refund is ordered and followed":        refunds,
		"a plan is deleted with its versions":     deletedWithVersions,
	}
}

func addCharges(t *testing.T, f *fixture) {
	p, charges := f.plan(2)
	_, more := f.newPlan(p.CustomerID, 3)
	added := more[2]
	added.PlanID, added.Dropped = p.ID, true
	f.update(func(tx billing.Tx) error { return tx.InsertCharges(t.Context(), added) })
	same(t, append(charges, added))(f.PlanCharges(t.Context(), p.ID))
	more[1].PlanID = p.ID // its sequence is taken
	err := f.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertCharges(t.Context(), more[1]) })
	require.ErrorIs(t, err, billing.ErrExists)
}

// renumberCharges makes room in the middle: from the last one down, no number is taken twice.
func renumberCharges(t *testing.T, f *fixture) {
	p, charges := f.plan(3)
	f.update(func(tx billing.Tx) error {
		for i := 2; i > 0; i-- {
			charges[i].Sequence++
			if err := tx.UpdateCharge(t.Context(), charges[i]); err != nil {
				return err
			}
			charges[i].Version++
		}
		return nil
	})
	same(t, charges)(f.PlanCharges(t.Context(), p.ID))
}

func planVersions(t *testing.T, f *fixture) {
	p, _ := f.plan(1)
	other, _ := f.plan(1)
	_, err := f.LastPlanVersion(t.Context(), p.ID)
	require.ErrorIs(t, err, billing.ErrNotFound)
	list := make([]billing.PlanVersion, 3)
	for i := range list {
		fill(&list[i], i+1)
		list[i].PlanID, list[i].Number = p.ID, i+1
		f.update(func(tx billing.Tx) error { return tx.InsertPlanVersion(t.Context(), list[i]) })
	}
	same(t, list)(f.PlanVersions(t.Context(), p.ID, 0))
	same(t, list[2:])(f.PlanVersions(t.Context(), p.ID, 2))
	same(t, list[2])(f.LastPlanVersion(t.Context(), p.ID))
	none, err := f.PlanVersions(t.Context(), other.ID, 0)
	require.NoError(t, err)
	require.Empty(t, none)
	f.refused("plan_versions.number", func(tx billing.Tx) error { return tx.InsertPlanVersion(t.Context(), list[1]) })
	orphan := list[0]
	orphan.PlanID = "plan_none"
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertPlanVersion(t.Context(), orphan) }), billing.ErrNotFound)
}

func refunds(t *testing.T, f *fixture) {
	p, charges := f.plan(2)
	made := func(seed int, c billing.Charge) billing.Refund {
		var r billing.Refund
		fill(&r, seed)
		r.PlanID, r.ChargeID, r.Status = p.ID, c.ID, billing.RefundOpen
		return r
	}
	r, changed := made(1, charges[0]), made(2, charges[0])
	r.StripeRefund = ""
	f.update(func(tx billing.Tx) error { return tx.InsertRefund(t.Context(), r) })
	same(t, []billing.Refund{r})(f.Refunds(t.Context(), charges[0].ID, charges[1].ID))
	f.refused("one open refund at a time", func(tx billing.Tx) error { return tx.InsertRefund(t.Context(), made(3, charges[0])) })
	second := made(4, charges[1])
	second.IdempotencyKey = r.IdempotencyKey
	f.refused("refunds.idempotency_key", func(tx billing.Tx) error { return tx.InsertRefund(t.Context(), second) })

	r.Amount, r.Status, r.StripeRefund, r.Failure, r.UpdatedAt = changed.Amount, billing.RefundMade, changed.StripeRefund, changed.Failure, changed.UpdatedAt
	f.update(func(tx billing.Tx) error { return tx.UpdateRefund(t.Context(), r) })
	same(t, []billing.Refund{r})(f.Refunds(t.Context(), charges[0].ID))
	f.update(func(tx billing.Tx) error { return tx.InsertRefund(t.Context(), changed) })
	missing := made(5, charges[0])
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateRefund(t.Context(), missing) }), billing.ErrNotFound)
}

func deletedWithVersions(t *testing.T, f *fixture) {
	p, _ := f.plan(1)
	f.update(func(tx billing.Tx) error {
		return tx.InsertPlanVersion(t.Context(), billing.PlanVersion{PlanID: p.ID, Number: 1, At: f.now, Charges: []byte("[]")})
	})
	f.update(func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), p.ID) })
	left, err := f.PlanVersions(t.Context(), p.ID, 0)
	require.NoError(t, err)
	require.Empty(t, left)
}
