package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// declined counts the declined attempts of a plan.
func (b *bench) declined(id billing.PlanID) int {
	b.t.Helper()
	n := 0
	for _, attempts := range b.Details(id).Attempts {
		for _, a := range attempts {
			if a.Outcome == billing.OutcomeDeclined {
				n++
			}
		}
	}
	return n
}

// brokeDaily is a plan with a part due every day, on a card without funds.
func (b *bench) brokeDaily(number string, parts int) billing.PlanID {
	b.t.Helper()
	details := declinesLater("insufficient_funds")
	details.Card = &stripesim.Card{Number: number}
	return b.startedWith(details, daily("broke", "UTC", parts))
}

func TestNetworkCaps_FirstAttempts(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.brokeDaily(mastercard, 40)
		b.SetNow(start.AddDate(0, 0, 30).Add(time.Hour))
		for range 200 {
			b.Settle()
			b.SetNow(b.Now().Add(5 * time.Second))
		}
		require.LessOrEqual(b.t, b.declined(plan), 10, "Mastercard allows ten declines of an amount in 24 hours")
	})
}

// TestNetworkCaps_SeveralPlansOnACard has twelve parts of one amount fall due on one card.
func TestNetworkCaps_SeveralPlansOnACard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		var plans []billing.PlanID
		for i := range 12 {
			details := declinesLater("insufficient_funds")
			details.Card = &stripesim.Card{Number: mastercard}
			plans = append(plans, b.startedWith(details, func(t *terms.Terms) { t.Reference = fmt.Sprint("order-", i) }))
			b.SetNow(b.Now().Add(time.Minute))
		}
		b.SetNow(b.Charge(plans[0], 2).DueAt.Add(1))
		b.Settle()
		declined := 0
		var waiting []billing.Charge
		for _, plan := range plans {
			declined += b.declined(plan)
			if c := b.Charge(plan, 2); c.Status == billing.ChargeScheduled {
				waiting = append(waiting, c)
			}
		}
		require.Equal(b.t, 10, declined, "Mastercard allows ten declines of an amount in 24 hours")
		require.Len(b.t, waiting, 2)
		for _, c := range waiting {
			require.Contains(b.t, c.Reason, "10 of 10 declines in 24 hours allowed by mastercard")
			require.True(b.t, c.NextAttemptAt.After(b.Now().Add(23*time.Hour)), c.NextAttemptAt)
			require.Empty(b.t, b.noticesOfKind(c.PlanID, billing.NoticePaymentFailed), "nothing failed")
		}
		b.SetNow(waiting[1].NextAttemptAt.Add(time.Hour))
		b.Settle()
		for _, c := range waiting {
			require.Equal(b.t, 1, b.declined(c.PlanID), "tried when the window allows it")
		}
	})
}

// TestNetworkCaps_FirstAttemptTooLate has a card at Visa's cap for longer than the policy waits.
// The customer is asked once for another card, even if several charges fall due. A charge that
// reaches its final notice gets a request of its own first.
func TestNetworkCaps_FirstAttemptTooLate(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nfunds.days = []\nlimit.days = []\ntemporary.days = []\ndeclined.days = []\ndeadline_days = 5\nremind_days = 0\nfinal_notice_days = 1\nat_end = \"keep\"")
		plan := b.brokeDaily(good, 40)
		for range 30 {
			b.SetNow(b.Now().AddDate(0, 0, 1))
			b.Settle()
		}
		require.Equal(b.t, 20, b.declined(plan))
		asked := 0
		for _, n := range b.noticesOfKind(plan, billing.NoticePaymentFailed) {
			if n.Data.FailureReason == billing.ReasonNoCard && n.Step != "first_request" {
				asked++
			}
		}
		require.Equal(b.t, 1, asked, "the customer is asked once")
		backlog, ok := b.Store.(billing.BacklogStore)
		require.True(b.t, ok)
		found, err := backlog.Backlog(b.t.Context(), billing.BacklogStranded, start, b.Now())
		require.NoError(b.t, err)
		require.Zero(b.t, found.Count, found.IDs)

		b.newCard(plan, otherCard)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 25).Status, b.Charge(plan, 25).Reason)
	})
}
