package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/outbox"
)

// TestOvertaken_EachKind checks, for each kind, one state that keeps the notice true, and states
// that overtake it.
func TestOvertaken_EachKind(t *testing.T) {
	t.Parallel()
	written := time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC)
	due := written.AddDate(0, 0, 3)
	state := func() outbox.NoticeState {
		return outbox.NoticeState{
			Plan:    billing.Plan{ID: "plan_1", Status: billing.PlanActive, CardID: "card_1"},
			Card:    billing.Card{ID: "card_1", Status: billing.CardActive, ExpYear: 2026, ExpMonth: 3},
			Charges: []billing.Charge{{ID: "chg_1", Sequence: 1, Status: billing.ChargeSucceeded}, {ID: "chg_2", Sequence: 2, Amount: 1900, Status: billing.ChargeScheduled, DueAt: due}},
			Now:     written.Add(time.Hour),
		}
	}
	status := func(p billing.PlanStatus) func(s *outbox.NoticeState) {
		return func(s *outbox.NoticeState) { s.Plan.Status, s.Plan.PausedAt = p, written.Add(time.Minute) }
	}
	charge := func(c billing.ChargeStatus) func(s *outbox.NoticeState) {
		return func(s *outbox.NoticeState) { s.Charges[1].Status = c }
	}
	awaiting := func(s *outbox.NoticeState) {
		s.Plan.Status, s.Plan.CreatedAt = billing.PlanAwaitingFirstPayment, written.AddDate(0, 0, -1)
	}
	order := billing.Refund{ID: "rfd_1"}
	refunds := func(r billing.RefundStatus) func(s *outbox.NoticeState) {
		return func(s *outbox.NoticeState) { s.Refunds = []billing.Refund{{ID: order.ID, Status: r}} }
	}
	for _, tc := range []struct {
		kind   billing.NoticeKind
		holds  func(s *outbox.NoticeState)
		untrue map[string]func(s *outbox.NoticeState)
	}{
		{billing.NoticeUpcomingCharge, nil, map[string]func(s *outbox.NoticeState){
			"paid": charge(billing.ChargeSucceeded), "paused": status(billing.PlanPaused), "canceled": status(billing.PlanCanceled),
			"moved":   func(s *outbox.NoticeState) { s.Charges[1].DueAt = due.AddDate(0, 1, 0) },
			"changed": func(s *outbox.NoticeState) { s.Charges[1].Amount = 100 },
			"due":     func(s *outbox.NoticeState) { s.Now = due },
			"earlier unpaid": func(s *outbox.NoticeState) {
				s.Charges[0].Status, s.Charges[0].DueAt = billing.ChargeRetrying, written
			},
		}},
		{billing.NoticePaymentFailed, charge(billing.ChargeRetrying), map[string]func(s *outbox.NoticeState){
			"paid": charge(billing.ChargeSucceeded), "canceled": charge(billing.ChargeCanceled), "plan canceled": status(billing.PlanCanceled), "defaulted": status(billing.PlanDefaulted),
			"asked again": func(s *outbox.NoticeState) {
				s.Later = []billing.Notice{{Kind: billing.NoticePaymentFailed, ChargeID: "chg_2"}}
			},
		}},
		{billing.NoticeActionRequired, charge(billing.ChargeRequiresAction), map[string]func(s *outbox.NoticeState){
			"declined since": charge(billing.ChargeRequiresPaymentMethod), "paid": charge(billing.ChargeSucceeded),
		}},
		{billing.NoticeFinal, charge(billing.ChargeFailed), map[string]func(s *outbox.NoticeState){
			"paid": charge(billing.ChargeSucceeded), "too late": func(s *outbox.NoticeState) { s.Now = due.AddDate(0, 1, 0) },
		}},
		{billing.NoticePaymentSucceeded, charge(billing.ChargeRefunded), map[string]func(s *outbox.NoticeState){"not paid": charge(billing.ChargeCanceled)}},
		{billing.NoticeCardExpiring, nil, map[string]func(s *outbox.NoticeState){
			"renewed": func(s *outbox.NoticeState) { s.Card.ExpYear = 2030 }, "removed": func(s *outbox.NoticeState) { s.Card.Status = billing.CardDetached },
		}},
		{billing.NoticeCardUpdated, nil, map[string]func(s *outbox.NoticeState){"another card": func(s *outbox.NoticeState) { s.Plan.CardID = "card_2" }}},
		{billing.NoticePlanChanged, nil, map[string]func(s *outbox.NoticeState){
			"canceled": status(billing.PlanCanceled), "changed again": func(s *outbox.NoticeState) { s.Later = []billing.Notice{{Kind: billing.NoticePlanChanged}} },
		}},
		{billing.NoticeCheckoutReminder, awaiting, map[string]func(s *outbox.NoticeState){
			"paid": status(billing.PlanActive), "canceled": status(billing.PlanCanceled),
			"expired":     func(s *outbox.NoticeState) { s.Plan.ExpiresAt = s.Now },
			"a week late": func(s *outbox.NoticeState) { s.Now = written.AddDate(0, 0, 8) },
		}},
		{billing.NoticePlanPaused, status(billing.PlanPaused), map[string]func(s *outbox.NoticeState){"resumed": status(billing.PlanActive)}},
		{billing.NoticePlanResumed, nil, map[string]func(s *outbox.NoticeState){"paused again": status(billing.PlanPaused)}},
		{billing.NoticePlanCanceled, status(billing.PlanCanceled), map[string]func(s *outbox.NoticeState){"active": status(billing.PlanActive)}},
		{billing.NoticePlanCompleted, status(billing.PlanCompleted), map[string]func(s *outbox.NoticeState){"active": status(billing.PlanActive)}},
		{billing.NoticePlanDefaulted, status(billing.PlanDefaulted), map[string]func(s *outbox.NoticeState){"restarted": status(billing.PlanActive)}},
		{billing.NoticeRefundMade, refunds(billing.RefundMade), map[string]func(s *outbox.NoticeState){"failed since": refunds(billing.RefundFailed)}},
		{billing.NoticeRefundFailed, func(s *outbox.NoticeState) { s.Promised = true }, map[string]func(s *outbox.NoticeState){
			"nothing was promised": func(s *outbox.NoticeState) { s.Promised = false },
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
		require.Empty(t, outbox.Overtaken(n, s), "%s", tc.kind)
		for name, change := range tc.untrue {
			s := state()
			if tc.holds != nil {
				tc.holds(&s)
			}
			change(&s)
			require.NotEmpty(t, outbox.Overtaken(n, s), "%s: %s", tc.kind, name)
		}
	}
}
