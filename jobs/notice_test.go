package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

func (b *bench) onlyNotice(id billing.PlanID) billing.Notice {
	b.t.Helper()
	all, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(b.t, err)
	require.Len(b.t, all, 1)
	return all[0]
}

func TestANoticeIsSentAndItsTextKept(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		n := b.onlyNotice(p.Plan.ID)
		require.Equal(b.t, billing.NoticeSent, n.Status)
		require.Equal(b.t, "ada@example.com", b.Mails.Mails[0].To)
		require.Equal(b.t, b.Mails.Mails[0].Text, n.Body)
		require.Equal(b.t, n.MailID("shop.example"), b.Mails.Mails[0].MessageID)
		require.False(b.t, n.SentAt.IsZero())
	})
}

func TestAMailServerThatIsAwayIsTriedAgain(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Mails.Fail = &billing.MailError{Err: errors.New("connection refused")}
		p := b.Started(good, nil)
		n := b.onlyNotice(p.Plan.ID)
		require.Equal(b.t, billing.NoticePending, n.Status)
		require.Contains(b.t, n.Reason, "connection refused")
		b.Mails.Fail = nil
		b.SetNow(b.Now().Add(time.Minute))
		b.Settle()
		require.Equal(b.t, billing.NoticeSent, b.onlyNotice(p.Plan.ID).Status)
		require.Len(b.t, b.Mails.Mails, 1)
	})
}

func TestARefusedAddressIsRecorded(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Mails.Fail = &billing.MailError{Permanent: true, Err: errors.New("550 no such user")}
		p := b.Started(good, nil)
		n := b.onlyNotice(p.Plan.ID)
		require.Equal(b.t, billing.NoticeFailed, n.Status)
		require.Contains(b.t, n.Reason, "550")
		require.True(b.t, n.ClaimAfter.IsZero())
	})
}

func TestACustomerWithoutAnAddressIsNotForgotten(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Customer.Email = "" })
		n := b.onlyNotice(p.Plan.ID)
		require.Equal(b.t, billing.NoticeFailed, n.Status)
		require.Contains(b.t, n.Reason, "no e-mail")
	})
}
