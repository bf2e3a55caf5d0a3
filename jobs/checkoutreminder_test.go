package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/outbox"
	"tranche/internal/terms"
	"tranche/jobs"
)

// remindOfCheckouts does what the scheduler's periodic job does, and returns how many reminders
// were due. A plan whose terms set no time expires after the given number of days.
func (b *bench) remindOfCheckouts(days int) int {
	b.t.Helper()
	config := b.WorkerConfig()
	config.Rules.CheckoutDays = days
	config.Merchant.PayLink = func(n billing.Notice) string { return "https://pay.example.com/pay/" + string(n.PlanID) }
	b.Worker = jobs.New(config)
	find := outbox.Reminders{Store: b.Store.(billing.ReminderStore), Queue: &handed{b: b}}
	n, err := find.Checkouts(b.t.Context(), b.Now(), days)
	require.NoError(b.t, err)
	return n
}

// TestTellCheckout_Once: a reminder of a payment and one of a card are sent a day after the plans
// were created, and never again.
func TestTellCheckout_Once(t *testing.T) {
	eachEngine(t, func(b *bench) {
		pay := b.Plan(nil)
		card := b.Plan(func(t *terms.Terms) { t.Reference, t.Starts = "order-2", "2026-03-01" })
		paid := b.Started(good, func(t *terms.Terms) { t.Reference = "order-3" })
		b.SetNow(start.Add(24*time.Hour - time.Second))
		require.Zero(b.t, b.remindOfCheckouts(30), "too early")
		b.SetNow(start.Add(24 * time.Hour))
		require.Equal(b.t, 2, b.remindOfCheckouts(30))
		b.Settle()
		for range 10 {
			require.Zero(b.t, b.remindOfCheckouts(30))
			b.SetNow(b.Now().AddDate(0, 0, 1))
			b.Settle()
		}
		require.Empty(b.t, b.noticesOfKind(paid.Plan.ID, billing.NoticeCheckoutReminder))
		for id, want := range map[billing.PlanID]string{
			pay.Plan.ID: "Pay $250.03:", card.Plan.ID: "Add card:",
		} {
			told := b.noticesOfKind(id, billing.NoticeCheckoutReminder)
			require.Len(b.t, told, 1)
			require.Equal(b.t, billing.NoticeSent, told[0].Status)
			require.Equal(b.t, b.Charge(id, 1).ID, told[0].ChargeID)
			require.Contains(b.t, told[0].Body, want+"\n[link]\n")
			require.Equal(b.t, billing.PlanAwaitingFirstPayment, b.Details(id).Plan.Status)
		}
		b.Do(checkoutTask("plan_gone", 0))
	})
}

// TestTellCheckout_Expiry: the reminder is sent halfway to an early expiry, but not after the
// checkout has expired.
func TestTellCheckout_Expiry(t *testing.T) {
	eachEngine(t, func(b *bench) {
		soon := b.Plan(func(t *terms.Terms) { t.ExpiresAfter = "2 hours" })
		missed := b.Plan(func(t *terms.Terms) { t.Reference, t.ExpiresAfter = "order-2", "1 hour" })
		setting := b.Plan(func(t *terms.Terms) { t.Reference = "order-3" })
		b.SetNow(start.Add(time.Hour))
		require.Equal(b.t, 1, b.remindOfCheckouts(1))
		b.SetNow(start.Add(12 * time.Hour))
		require.Equal(b.t, 1, b.remindOfCheckouts(1))
		b.Settle()
		b.SetNow(start.Add(24 * time.Hour))
		require.Zero(b.t, b.remindOfCheckouts(1))
		require.Len(b.t, b.noticesOfKind(soon.Plan.ID, billing.NoticeCheckoutReminder), 1)
		require.Equal(b.t, billing.NoticeSent, b.noticesOfKind(setting.Plan.ID, billing.NoticeCheckoutReminder)[0].Status)
		b.Do(checkoutTask(string(missed.Plan.ID), 0))
		require.Empty(b.t, b.noticesOfKind(missed.Plan.ID, billing.NoticeCheckoutReminder))
	})
}

// TestTellCheckout_Late: after a week no reminder is sent, whether by the periodic job or by a late
// task.
func TestTellCheckout_Late(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		b.SetNow(start.AddDate(0, 0, 8).Add(time.Second))
		require.Zero(b.t, b.remindOfCheckouts(30))
		b.Do(checkoutTask(string(p.Plan.ID), 0))
		require.Empty(b.t, b.Notices(p.Plan.ID))
		b.SetNow(start.AddDate(0, 0, 8).Add(-time.Second))
		require.Equal(b.t, 1, b.remindOfCheckouts(30))
		require.Len(b.t, b.Notices(p.Plan.ID), 1)
	})
}

// overtaking is an event that may overtake a plan's reminder.
type overtaking struct {
	terms func(t *terms.Terms)
	do    func(b *bench, id billing.PlanID, pay func() error) error
	why   string // why a written reminder is dropped
}

func overtakings() map[string]overtaking {
	return map[string]overtaking{
		"paid": {why: "the plan is active", do: func(_ *bench, _ billing.PlanID, pay func() error) error { return pay() }},
		"canceled": {why: "the plan is canceled", do: func(b *bench, id billing.PlanID, _ func() error) error {
			_, err := b.Operator().Cancel(b.t.Context(), id, "")
			return err
		}},
		"expired": {why: "the plan is canceled", do: func(b *bench, _ billing.PlanID, _ func() error) error {
			b.SetNow(start.AddDate(0, 0, 2))
			require.Equal(b.t, 1, b.expire(2))
			return nil
		}},
		"expired, and not canceled yet": {
			why: "the checkout has expired", terms: func(t *terms.Terms) { t.ExpiresAfter = "36 hours" },
			do: func(b *bench, _ billing.PlanID, _ func() error) error {
				b.SetNow(start.Add(36 * time.Hour))
				return nil
			},
		},
	}
}

// TestTellCheckout_Dropped: a reminder that waits for the mail server is not sent when its plan has
// begun, was canceled or has expired by then.
func TestTellCheckout_Dropped(t *testing.T) {
	for name, overtaken := range overtakings() {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(overtaken.terms)
				b.SetNow(start.Add(24 * time.Hour))
				b.Mails.Fail = &billing.MailError{Err: errors.New("the server is away")}
				require.Equal(b.t, 1, b.remindOfCheckouts(30))
				b.Settle()
				require.NoError(b.t, overtaken.do(b, p.Plan.ID, func() error { return b.PayFirst(p, good) }))
				b.Settle()
				b.Mails.Fail = nil
				sent := len(b.Mails.Mails)
				b.SetNow(b.Now().Add(time.Hour))
				b.Settle()
				n := b.noticesOfKind(p.Plan.ID, billing.NoticeCheckoutReminder)[0]
				require.Equal(b.t, billing.NoticeDropped, n.Status)
				require.Equal(b.t, overtaken.why, n.Reason)
				for _, m := range b.Mails.Mails[sent:] {
					require.NotContains(b.t, m.Subject, "Reminder")
				}
			})
		})
	}
}

// TestTellCheckout_NotWritten: a late task writes no reminder.
func TestTellCheckout_NotWritten(t *testing.T) {
	for name, overtaken := range overtakings() {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(overtaken.terms)
				b.SetNow(start.Add(24 * time.Hour))
				require.NoError(b.t, overtaken.do(b, p.Plan.ID, func() error { return b.PayFirst(p, good) }))
				b.Settle()
				b.Do(checkoutTask(string(p.Plan.ID), 0))
				require.Zero(b.t, b.remindOfCheckouts(30))
				require.Empty(b.t, b.noticesOfKind(p.Plan.ID, billing.NoticeCheckoutReminder))
			})
		})
	}
}

// TestTellCheckout_NoSetupIntent: a plan whose SetupIntent could not be created has nothing on its
// page yet, so its customer gets no mail.
func TestTellCheckout_NoSetupIntent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		id, _ := b.setupLost()
		require.Empty(b.t, b.Details(id).Plan.SetupIntent)
		b.SetNow(b.Now().AddDate(0, 0, 1))
		require.Equal(b.t, 1, b.remindOfCheckouts(30))
		require.Empty(b.t, b.Notices(id))
	})
}
