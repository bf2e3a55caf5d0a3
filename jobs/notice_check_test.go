package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/terms"
)

// TestSendNotice_HeldUp: a mail server is down for hours. Notices that are no longer true
// afterwards are not sent.
func TestSendNotice_HeldUp(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.Mails.Fail = &billing.MailError{Err: errors.New("the server is away")}
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-24 * time.Hour))
		b.remind(3)
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeRetrying, b.Charge(p.Plan.ID, 2).Status)
		b.SetNow(b.Now().Add(time.Hour))
		_, err := b.Operator().Cancel(b.t.Context(), p.Plan.ID, "sent back")
		require.NoError(b.t, err)
		b.Settle()
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		b.SetNow(b.Now().Add(2 * time.Hour))
		b.Settle()
		require.Len(b.t, b.Mails.Mails[sent:], 1)
		require.Contains(b.t, b.Mails.Mails[sent].Text, "canceled")
		for _, kind := range []billing.NoticeKind{billing.NoticeUpcomingCharge, billing.NoticePaymentFailed} {
			n := b.noticesOfKind(p.Plan.ID, kind)[0]
			require.Equal(b.t, billing.NoticeDropped, n.Status, kind)
			require.NotEmpty(b.t, n.Reason)
		}
		require.Equal(b.t, 2, b.audited(p.Plan.ID, "notice.dropped"))
	})
}

// TestSendNotice_Order: a customer's mails are sent in the order they were written, to the
// customer's address at that time.
func TestSendNotice_Order(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.Mails.Fail = &billing.MailError{Err: errors.New("the server is away")}
		for i := range 3 {
			b.SetNow(b.Now().Add(time.Hour))
			_, err := b.Operator().AddFee(b.t.Context(), p.Plan.ID, 500, b.Now().AddDate(0, 4, i).Format(time.DateOnly), "")
			require.NoError(b.t, err)
			b.Settle()
		}
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		_, err := b.Operator().Pause(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		address := "lovelace@example.com"
		_, err = b.Operator().ChangeCustomer(b.t.Context(), b.Details(p.Plan.ID).Customer.ID, operator.CustomerChange{Email: &address})
		require.NoError(b.t, err)
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		for range 20 {
			b.Settle()
			b.SetNow(b.Now().Add(5 * time.Minute))
		}
		mails := b.Mails.Mails[sent:]
		require.Len(b.t, mails, 2, "the latest change, which lists all payments, and the pause")
		require.Contains(b.t, mails[0].Subject, "changed")
		require.Contains(b.t, mails[1].Subject, "paused")
		for _, m := range mails {
			require.Equal(b.t, address, m.To)
		}
	})
}

// TestTellUpcoming_Moved: a customer who was notified of one date is notified of the new date.
func TestTellUpcoming_Moved(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Every = "3 months" })
		c := b.Charge(p.Plan.ID, 2)
		b.SetNow(c.DueAt.Add(-48 * time.Hour))
		b.remind(3)
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge), 1)
		moved := c.DueAt.AddDate(0, 2, 0)
		_, err := b.Operator().With(operator.Options{Quiet: true}).Move(b.t.Context(), c.ID, moved.Format(time.RFC3339))
		require.NoError(b.t, err)
		b.SetNow(moved.Add(-48 * time.Hour))
		require.Equal(b.t, 1, b.remind(3))
		require.Zero(b.t, b.remind(3))
		require.Len(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge), 2)
	})
}

// TestTellUpcoming_EarlierUnpaid: while an earlier charge is unpaid, no notice says that the
// customer has nothing to do.
func TestTellUpcoming_EarlierUnpaid(t *testing.T) {
	eachEngine(t, func(b *bench) {
		id := b.startedWith(declinesLater("expired_card"), func(t *terms.Terms) { t.Every = "1 week" })
		b.SetNow(b.Charge(id, 2).DueAt)
		b.Settle()
		b.SetNow(b.Charge(id, 3).DueAt.Add(-48 * time.Hour))
		b.remind(3)
		require.Empty(b.t, b.noticesOfKind(id, billing.NoticeUpcomingCharge))
		b.newCard(id, otherCard)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(id, 2).Status)
		b.remind(3)
		require.Len(b.t, b.noticesOfKind(id, billing.NoticeUpcomingCharge), 1)
	})
}
