package outbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestOvertaken_EachKind checks, for each kind, one state that keeps the notice true, and states
// that overtake it.
func TestOvertaken_EachKind(t *testing.T) {
	t.Parallel()
	written := time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC)
	due := written.AddDate(0, 0, 3)
	state := func() noticeState {
		return noticeState{
			plan:    billing.Plan{ID: "plan_1", Status: billing.PlanActive, CardID: "card_1"},
			card:    billing.Card{ID: "card_1", Status: billing.CardActive, ExpYear: 2026, ExpMonth: 3},
			charges: []billing.Charge{{ID: "chg_1", Sequence: 1, Status: billing.ChargeSucceeded}, {ID: "chg_2", Sequence: 2, Amount: 1900, Status: billing.ChargeScheduled, DueAt: due}},
			now:     written.Add(time.Hour),
		}
	}
	status := func(p billing.PlanStatus) func(s *noticeState) {
		return func(s *noticeState) { s.plan.Status, s.plan.PausedAt = p, written.Add(time.Minute) }
	}
	charge := func(c billing.ChargeStatus) func(s *noticeState) {
		return func(s *noticeState) { s.charges[1].Status = c }
	}
	awaiting := func(s *noticeState) {
		s.plan.Status, s.plan.CreatedAt = billing.PlanAwaitingFirstPayment, written.AddDate(0, 0, -1)
	}
	order := billing.Refund{ID: "rfd_1"}
	refunds := func(r billing.RefundStatus) func(s *noticeState) {
		return func(s *noticeState) { s.refunds = []billing.Refund{{ID: order.ID, Status: r}} }
	}
	for _, tc := range []struct {
		kind   billing.NoticeKind
		holds  func(s *noticeState)
		untrue map[string]func(s *noticeState)
	}{
		{billing.NoticeUpcomingCharge, nil, map[string]func(s *noticeState){
			"paid": charge(billing.ChargeSucceeded), "paused": status(billing.PlanPaused), "canceled": status(billing.PlanCanceled),
			"moved":   func(s *noticeState) { s.charges[1].DueAt = due.AddDate(0, 1, 0) },
			"changed": func(s *noticeState) { s.charges[1].Amount = 100 },
			"due":     func(s *noticeState) { s.now = due },
			"earlier unpaid": func(s *noticeState) {
				s.charges[0].Status, s.charges[0].DueAt = billing.ChargeRetrying, written
			},
		}},
		{billing.NoticePaymentFailed, charge(billing.ChargeRetrying), map[string]func(s *noticeState){
			"paid": charge(billing.ChargeSucceeded), "canceled": charge(billing.ChargeCanceled), "plan canceled": status(billing.PlanCanceled), "defaulted": status(billing.PlanDefaulted),
			"asked again": func(s *noticeState) {
				s.later = []billing.Notice{{Kind: billing.NoticePaymentFailed, ChargeID: "chg_2"}}
			},
		}},
		{billing.NoticeActionRequired, charge(billing.ChargeRequiresAction), map[string]func(s *noticeState){
			"declined since": charge(billing.ChargeRequiresPaymentMethod), "paid": charge(billing.ChargeSucceeded),
		}},
		{billing.NoticeFinal, charge(billing.ChargeFailed), map[string]func(s *noticeState){
			"paid": charge(billing.ChargeSucceeded), "too late": func(s *noticeState) { s.now = due.AddDate(0, 1, 0) },
		}},
		{billing.NoticePaymentSucceeded, charge(billing.ChargeRefunded), map[string]func(s *noticeState){"not paid": charge(billing.ChargeCanceled)}},
		{billing.NoticeCardExpiring, nil, map[string]func(s *noticeState){
			"renewed": func(s *noticeState) { s.card.ExpYear = 2030 }, "removed": func(s *noticeState) { s.card.Status = billing.CardDetached },
		}},
		{billing.NoticeCardUpdated, nil, map[string]func(s *noticeState){"another card": func(s *noticeState) { s.plan.CardID = "card_2" }}},
		{billing.NoticePlanChanged, nil, map[string]func(s *noticeState){
			"canceled": status(billing.PlanCanceled), "changed again": func(s *noticeState) { s.later = []billing.Notice{{Kind: billing.NoticePlanChanged}} },
		}},
		{billing.NoticeCheckoutReminder, awaiting, map[string]func(s *noticeState){
			"paid": status(billing.PlanActive), "canceled": status(billing.PlanCanceled),
			"expired":     func(s *noticeState) { s.plan.ExpiresAt = s.now },
			"a week late": func(s *noticeState) { s.now = written.AddDate(0, 0, 8) },
		}},
		{billing.NoticePlanPaused, status(billing.PlanPaused), map[string]func(s *noticeState){"resumed": status(billing.PlanActive)}},
		{billing.NoticePlanResumed, nil, map[string]func(s *noticeState){"paused again": status(billing.PlanPaused)}},
		{billing.NoticePlanCanceled, status(billing.PlanCanceled), map[string]func(s *noticeState){"active": status(billing.PlanActive)}},
		{billing.NoticePlanCompleted, status(billing.PlanCompleted), map[string]func(s *noticeState){"active": status(billing.PlanActive)}},
		{billing.NoticePlanDefaulted, status(billing.PlanDefaulted), map[string]func(s *noticeState){"restarted": status(billing.PlanActive)}},
		{billing.NoticeRefundMade, refunds(billing.RefundMade), map[string]func(s *noticeState){"failed since": refunds(billing.RefundFailed)}},
		{billing.NoticeRefundFailed, func(s *noticeState) { s.promised = true }, map[string]func(s *noticeState){
			"nothing was promised": func(s *noticeState) { s.promised = false },
		}},
	} {
		n := billing.Notice{Kind: tc.kind, PlanID: "plan_1", ChargeID: "chg_2", CreatedAt: written, Data: billing.NoticeData{Amount: 1900, DueAt: due, PayBy: due}}
		switch tc.kind {
		case billing.NoticeCardExpiring:
			n.Step = billing.StepCardExpiring("card_1", 2026, time.March)
		case billing.NoticeCheckoutReminder:
			n.Step = billing.StepCheckoutReminder
		case billing.NoticeCardUpdated:
			n.Step = "card_updated:card_1:pi_1"
		case billing.NoticeRefundMade:
			n.Step = order.NoticeStep()
		}
		s := state()
		if tc.holds != nil {
			tc.holds(&s)
		}
		require.Empty(t, overtaken(n, s), "%s", tc.kind)
		for name, change := range tc.untrue {
			s := state()
			if tc.holds != nil {
				tc.holds(&s)
			}
			change(&s)
			require.NotEmpty(t, overtaken(n, s), "%s: %s", tc.kind, name)
		}
	}
}
