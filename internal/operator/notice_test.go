package operator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// owed stores a notice of a charge, and gives the customer an e-mail address.
func owed(t *testing.T, s billing.Store, status billing.NoticeStatus, address string) billing.Notice {
	t.Helper()
	c := stored(t, s, func(*story) {})
	n := billing.Notice{
		ID: billing.NewNoticeID(now), Kind: billing.NoticePaymentFailed, PlanID: c.PlanID, ChargeID: c.ID, CustomerID: c.CustomerID,
		Step: "payment_failed:1", Channel: billing.ChannelEmail, To: "old@example.com", Status: status, Reason: "550 no such user",
		Attempts: 3, CreatedAt: now,
	}
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		customer, err := tx.Customer(t.Context(), c.CustomerID)
		require.NoError(t, err)
		customer.Email = address
		require.NoError(t, tx.UpdateCustomer(t.Context(), customer))
		_, err = tx.InsertNotice(t.Context(), n)
		return err
	}))
	return n
}

func TestAFailedNoticeIsSentAgainToTheAddressOfNow(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		before := owed(t, s, billing.NoticeFailed, "new@example.com")
		_, err := newOperator(s).RetryNotice(t.Context(), before.ID)
		require.NoError(t, err)
		after, err := s.Notice(t.Context(), before.ID)
		require.NoError(t, err)
		want := before
		want.Status, want.Reason, want.ClaimAfter, want.Attempts, want.To = billing.NoticePending, "", now, 0, "new@example.com"
		require.Equal(t, want.ClaimAfter, after.ClaimAfter)
		want.ClaimAfter, after.ClaimAfter = time.Time{}, time.Time{}
		require.Equal(t, want, after)
		claims, err := s.ClaimNotices(t.Context(), now, now.Add(time.Minute), 10)
		require.NoError(t, err)
		require.Len(t, claims, 1, "the scheduler finds it")
		trail, err := s.AuditTrail(t.Context(), billing.AuditFilter{Plan: before.PlanID})
		require.NoError(t, err)
		require.Equal(t, "notice.retry_requested", trail[0].Action)
	})
}

func TestANoticeThatNeedNotBeSentAgainIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	for _, tt := range []struct {
		status       billing.NoticeStatus
		address, why string
	}{
		{billing.NoticeSent, "new@example.com", "it is sent"},
		{billing.NoticePending, "new@example.com", "it is pending"},
		{billing.NoticeFailed, "", "has no e-mail address"},
	} {
		before := owed(t, s, tt.status, tt.address)
		_, err := newOperator(s).RetryNotice(t.Context(), before.ID)
		var refused *operator.NoticeRefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, tt.why)
		after, err := s.Notice(t.Context(), before.ID)
		require.NoError(t, err)
		require.Equal(t, before.Status, after.Status)
	}
	_, err := newOperator(s).RetryNotice(t.Context(), "ntc_none")
	require.ErrorIs(t, err, billing.ErrNotFound)
}
