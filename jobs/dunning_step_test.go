package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
	"tranche/jobs"
)

// TestStepDunning_RetryDueFirst has an outage over the last retry and the deadline.
func TestStepDunning_RetryDueFirst(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nfunds.days = [23]\nfunds.payday_window = 0\ndeadline_days = 25\nfinal_notice_days = 3")
		plan := b.startedWith(declinesLater("insufficient_funds", "sim_decline_count", "1"), func(t *terms.Terms) { t.Every = "3 months" })
		b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
		b.Settle()
		c := b.Charge(plan, 2)
		follow := b.dunningOf(c)
		t.Logf("retry %s final %s deadline %s", c.NextAttemptAt, follow.FinalAt, follow.DeadlineAt)
		require.True(b.t, c.NextAttemptAt.Before(follow.DeadlineAt))
		b.until(c.NextAttemptAt.Add(-12 * time.Hour)) // the final notice is sent
		require.Equal(b.t, billing.ChargeRetrying, b.Charge(plan, 2).Status)
		b.SetNow(follow.DeadlineAt.Add(6 * time.Hour)) // two days without power
		// The scheduler enqueues both tasks. The step of dunning needs no permit to call Stripe, so it
		// runs first.
		dunnings, err := b.Store.ClaimDunnings(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
		require.NoError(b.t, err)
		for _, c := range dunnings {
			b.Do(dunningTask(string(c.ChargeID), c.Lease))
		}
		b.Settle()
		d := b.Details(plan)
		t.Logf("plan %s, charge %s, %d attempts, notices %v", d.Plan.Status, d.Charges[1].Status, len(d.Attempts[c.ID]), b.Notices(plan))
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, "the retry that was promised is made")
	})
}

// TestStepDunning_DeferredRetryFirst has Stripe down over the last retry, the final notice and the
// deadline: the retry is deferred, and no mail is sent and nothing is given up before the retry is
// made.
func TestStepDunning_DeferredRetryFirst(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.startedWith(declinesLater("do_not_honor", "sim_decline_count", "1"), func(t *terms.Terms) { t.Every = "3 months" })
		b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
		b.Settle()
		c := b.Charge(plan, 2)
		b.With(func(c *jobs.Config) { c.Charge = func(context.Context) error { return errors.New("Stripe is away") } })
		b.until(b.dunningOf(c).DeadlineAt.AddDate(0, 0, 3))
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentFailed}, b.newNotices(plan))
		require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status)
		b.With(func(c *jobs.Config) { c.Charge = nil })
		b.until(b.Now().Add(time.Hour))
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, b.Charge(plan, 2).Reason)
		require.NotContains(b.t, b.newNotices(plan), billing.NoticeFinal)
	})
}

// TestFinalNotice_OneRetry has a policy of one retry: the first mail is not the final notice.
func TestFinalNotice_OneRetry(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nfunds.days = [2]\nfunds.payday_window = 0")
		plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Every = "3 months" })
		failed, final := billing.NoticePaymentFailed, billing.NoticeFinal
		require.Equal(b.t, []billing.NoticeKind{failed}, b.newNotices(plan))
		b.untilGivenUp(b.Charge(plan, 2))
		require.Equal(b.t, []billing.NoticeKind{failed, failed, failed, final, billing.NoticePlanDefaulted}, b.newNotices(plan),
			"two failures, the reminder, the last request, the end")
	})
}

// TestFinalNotice_RetryAfterIt has a retry planned between the final notice and the deadline.
func TestFinalNotice_RetryAfterIt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nfunds.days = [23]\nfunds.payday_window = 0\ndeadline_days = 25\nfinal_notice_days = 3")
		plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Every = "3 months" })
		c := b.Charge(plan, 2)
		b.until(c.NextAttemptAt.Add(time.Hour))
		require.Len(b.t, b.Details(plan).Attempts[c.ID], 2)
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentFailed, billing.NoticeFinal}, b.newNotices(plan))

		b.newCard(plan, "4000000000000341") // the card is saved, and declined later
		b.Settle()
		require.Len(b.t, b.Details(plan).Attempts[c.ID], 3)
		require.Len(b.t, b.noticesOfKind(plan, billing.NoticePaymentFailed), 2, "the customer who gave a card gets an answer")
	})
}

// TestStepDunning_DeadlineOfAnEarlierRelease has an open dunning with a deadline in the morning.
func TestStepDunning_DeadlineOfAnEarlierRelease(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", func(t *terms.Terms) { t.Every = "3 months" })
		c := b.Charge(plan, 2)
		d := b.dunningOf(c)
		whole := d.DeadlineAt
		b.until(d.FinalAt)
		d = b.dunningOf(c)
		d.DeadlineAt = whole.Add(-14 * time.Hour)
		d.ClaimAfter = d.DeadlineAt
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.UpdateDunning(b.t.Context(), d) }))
		b.until(d.DeadlineAt.Add(time.Hour))
		require.Equal(b.t, whole, b.dunningOf(c).DeadlineAt)
		require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status)
	})
}
