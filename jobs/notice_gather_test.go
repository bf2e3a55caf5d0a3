package jobs_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/testbench"
	"tranche/jobs"
)

// declinedTogether starts plans of one customer whose next charges are declined at the same time,
// while no mail is sent. It returns the plans.
func (b *bench) declinedTogether(references ...string) []billing.PlanID {
	b.t.Helper()
	plans := make([]billing.PlanID, len(references))
	for i, reference := range references {
		plans[i] = b.startedWith(declinesLater("insufficient_funds"), weekly(reference, ""))
	}
	b.Settle()
	b.Mails.Fail = &billing.MailError{Err: errors.New("the server is away")}
	b.SetNow(b.Charge(plans[0], 2).DueAt)
	b.Settle()
	for _, id := range plans {
		require.Equal(b.t, billing.ChargeRetrying, b.Charge(id, 2).Status)
	}
	return plans
}

// asked counts the mails that ask for a payment of a plan.
func asked(mails []billing.Mail, reference string) (n int) {
	for _, m := range mails {
		n += strings.Count(m.Text, reference+": ")
	}
	return n
}

// TestSendNotice_Race: workers that send the notices of several plans at the same time do not put a
// payment into two mails.
func TestSendNotice_Race(t *testing.T) {
	eachEngine(t, func(b *bench) {
		references := []string{"sub-1", "sub-2", "sub-3", "sub-4"}
		plans := b.declinedTogether(references...)
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		b.SetNow(b.Now().Add(2 * time.Hour))
		for range 10 {
			claims, err := b.Store.ClaimNotices(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
			require.NoError(b.t, err)
			var all sync.WaitGroup
			failures := make([]error, len(claims))
			for i, c := range claims {
				all.Go(func() { failures[i] = b.Worker.Do(b.t.Context(), noticeTask(string(c.NoticeID), c.Lease)) })
			}
			all.Wait()
			require.NoError(b.t, errors.Join(failures...))
			b.SetNow(b.Now().Add(5 * time.Minute))
		}
		mails := b.Mails.Mails[sent:]
		require.Len(b.t, mails, 1)
		for i, reference := range references {
			require.Equal(b.t, 1, asked(mails, reference), reference)
			require.Equal(b.t, billing.NoticeSent, b.noticesOfKind(plans[i], billing.NoticePaymentFailed)[0].Status)
		}
	})
}

// TestSendNotice_GatheredUntrue: a payment that is no longer due when its mail is sent is not in
// it.
func TestSendNotice_GatheredUntrue(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plans := b.declinedTogether("sub-1", "sub-2", "sub-3")
		for _, i := range []int{0, 2} { // the notice whose mail includes the others, and one of the others
			_, err := b.Operator().With(operator.Options{Quiet: true}).Cancel(b.t.Context(), plans[i], "")
			require.NoError(b.t, err)
		}
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		for range 10 {
			b.SetNow(b.Now().Add(time.Hour))
			b.Settle()
		}
		require.Len(b.t, b.Mails.Mails[sent:], 1)
		require.Contains(b.t, b.Mails.Mails[sent].Text, "sub-2")
		for i, want := range []billing.NoticeStatus{billing.NoticeDropped, billing.NoticeSent, billing.NoticeDropped} {
			require.Equal(b.t, want, b.noticesOfKind(plans[i], billing.NoticePaymentFailed)[0].Status, "plan %d", i+1)
		}
	})
}

// TestSendNotice_GatheredRefused: a refused address is recorded for each payment in the mail, and
// each can be mailed again.
func TestSendNotice_GatheredRefused(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plans := b.declinedTogether("sub-1", "sub-2")
		b.Mails.Fail = &billing.MailError{Permanent: true, Err: errors.New("550 no such user")}
		for range 3 {
			b.SetNow(b.Now().Add(time.Hour))
			b.Settle()
		}
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		for _, id := range plans {
			n := b.noticesOfKind(id, billing.NoticePaymentFailed)[0]
			require.Equal(b.t, billing.NoticeFailed, n.Status)
			require.Contains(b.t, n.Reason, "550")
			_, err := b.Operator().RetryNotice(b.t.Context(), n.ID)
			require.NoError(b.t, err)
		}
		for range 3 {
			b.Settle()
			b.SetNow(b.Now().Add(time.Minute))
		}
		mails := b.Mails.Mails[sent:]
		require.Len(b.t, mails, 1)
		require.Equal(b.t, 1, asked(mails, "sub-1"))
		require.Equal(b.t, 1, asked(mails, "sub-2"))
	})
}

// TestOwe_OneCharge: a customer with only one due charge gets the mail at once.
func TestOwe_OneCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		id := b.startedWith(declinesLater("insufficient_funds"), weekly("sub-1", ""))
		b.Settle()
		sent := len(b.Mails.Mails)
		b.SetNow(b.Charge(id, 2).DueAt)
		b.Settle()
		require.Len(b.t, b.Mails.Mails[sent:], 1)
		require.NotContains(b.t, b.Mails.Mails[sent].Text, "Total:")
	})
}

// wokenMail releases the customer's waiting notices while it sends a mail, as another failing
// charge does, and sends the notices that can be claimed then.
type wokenMail struct {
	*testbench.Mailbox
	bench    *bench
	customer billing.CustomerID
	calls    int
}

func (m *wokenMail) Send(ctx context.Context, mail billing.Mail) (billing.Delivery, error) {
	if m.calls++; m.calls == 1 {
		b := m.bench
		require.NoError(b.t, b.Store.Update(ctx, func(tx billing.Tx) error {
			return tx.WakeNotices(ctx, m.customer, billing.WaitsForOthers, b.Now())
		}))
		claims, err := b.Store.ClaimNotices(ctx, b.Now(), b.Now().Add(time.Minute), 100)
		require.NoError(b.t, err)
		for _, c := range claims {
			require.NoError(b.t, b.Worker.Do(ctx, noticeTask(string(c.NoticeID), c.Lease)))
		}
	}
	return m.Mailbox.Send(ctx, mail)
}

// TestSendNotice_WokenWhileSent: a notice that waited for other payments is mailed once, even if
// another charge of the customer fails while the mail server accepts it.
func TestSendNotice_WokenWhileSent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plans := b.declinedTogether("sub-1", "sub-2")
		for _, id := range plans {
			n := b.noticesOfKind(id, billing.NoticePaymentFailed)[0]
			n.Reason = billing.WaitsForOthers
			require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.UpdateNotice(b.t.Context(), n) }))
		}
		b.Mails.Fail = nil
		sent := len(b.Mails.Mails)
		b.With(func(c *jobs.Config) {
			c.Mailer = &wokenMail{Mailbox: b.Mails, bench: b, customer: b.Charge(plans[0], 2).CustomerID}
		})
		b.SetNow(b.Now().Add(2 * time.Hour))
		claims, err := b.Store.ClaimNotices(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
		require.NoError(b.t, err)
		for _, c := range claims {
			b.Do(noticeTask(string(c.NoticeID), c.Lease))
		}
		require.Len(b.t, b.Mails.Mails[sent:], 1)
	})
}
