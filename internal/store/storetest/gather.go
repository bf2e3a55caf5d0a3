package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// failuresFound checks that a customer's pending notices of failed charges in one account are
// found, and the charges that fall due near one of them.
func failuresFound(t *testing.T, f *fixture) {
	ctx := t.Context()
	customer := f.customer()
	add := func(account string) (billing.Plan, billing.Charge) {
		f.now = f.now.Add(time.Millisecond)
		p, charges := f.newPlan(customer.ID, 1)
		p.Account = account
		f.update(func(tx billing.Tx) error { return tx.InsertPlan(ctx, p, charges) })
		return p, charges[0]
	}
	_, one := add("")
	two, second := add("")
	_, elsewhere := add("acct_1")
	_, others := f.plan(1)
	first, later := f.newNotice(one, "payment_failed:1"), f.newNotice(second, "action_required:1")
	later.Kind, later.CreatedAt = billing.NoticeActionRequired, later.CreatedAt.Add(time.Second)
	later.Data.Others = []billing.GatheredNotice{{Notice: first.ID, Amount: 1900, DueAt: f.now.Truncate(time.Millisecond)}}
	receipt, done := f.newNotice(one, "payment_succeeded"), f.newNotice(one, "payment_failed:0")
	receipt.Kind, done.Status, done.ClaimAfter = billing.NoticePaymentSucceeded, billing.NoticeSent, time.Time{}
	for _, n := range []billing.Notice{later, first, receipt, done, f.newNotice(elsewhere, "payment_failed:1"), f.newNotice(others[0], "payment_failed:1")} {
		f.notice(n)
	}
	f.update(func(tx billing.Tx) error {
		require.NoError(t, tx.LockCustomer(ctx, customer.ID))
		require.ErrorIs(t, tx.LockCustomer(ctx, "cust_none"), billing.ErrNotFound)
		found, err := tx.WaitingFailures(ctx, customer.ID, "")
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, []billing.NoticeID{first.ID, later.ID}, []billing.NoticeID{found[0].ID, found[1].ID}, "oldest first")
		require.Equal(t, later.Data.Others, found[1].Data.Others)

		due := func(by time.Time) bool {
			ok, err := tx.DueBeside(ctx, one, "", by)
			require.NoError(t, err)
			return ok
		}
		require.True(t, due(second.NextAttemptAt))
		require.False(t, due(second.NextAttemptAt.Add(-time.Millisecond)), "neither the charge itself nor one of another account")
		two.Status = billing.PlanPaused
		require.NoError(t, tx.UpdatePlan(ctx, two))
		require.False(t, due(second.NextAttemptAt), "a paused plan charges nothing")
		return nil
	})
}
