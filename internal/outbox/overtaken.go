package outbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
)

// noticeState is the current state that a notice is compared with immediately before it is sent.
type noticeState struct {
	plan    billing.Plan
	charges []billing.Charge // of the plan, by sequence
	card    billing.Card     // the plan's; zero when it has none
	later   []billing.Notice // about the same plan, created after the notice
	now     time.Time

	// refunds are the refunds of the charge that a notice about a refund names; empty for other
	// notices.
	refunds []billing.Refund
	// promised reports whether the customer was notified of a refund of that charge.
	promised bool
}

// overtakenBy holds, for each kind of notice, the function that returns why the notice is no longer
// true; "" while it is. A kind that is not in the table states a fact that stays true.
var overtakenBy = map[billing.NoticeKind]func(n billing.Notice, s noticeState) string{
	billing.NoticeUpcomingCharge:   upcomingOvertaken,
	billing.NoticePaymentFailed:    failureOvertaken,
	billing.NoticeActionRequired:   failureOvertaken,
	billing.NoticeFinal:            failureOvertaken,
	billing.NoticePaymentSucceeded: receiptOvertaken,
	billing.NoticeCardExpiring:     expiryOvertaken,
	billing.NoticeRefundMade:       refundOvertaken,
	billing.NoticeRefundFailed:     refundFailureOvertaken,
	billing.NoticeCardUpdated:      cardOvertaken,
	billing.NoticeCheckoutReminder: checkoutOvertaken,
	billing.NoticePlanStarted:      planNewsOvertaken,
	billing.NoticePlanChanged:      planNewsOvertaken,
	billing.NoticePlanResumed:      planNewsOvertaken,
	billing.NoticePlanPaused:       onlyWhile(billing.PlanPaused),
	billing.NoticePlanCanceled:     onlyWhile(billing.PlanCanceled),
	billing.NoticePlanCompleted:    onlyWhile(billing.PlanCompleted),
	billing.NoticePlanDefaulted:    onlyWhile(billing.PlanDefaulted),
}

// overtaken returns why a notice is no longer true; "" while it is.
func overtaken(n billing.Notice, s noticeState) string {
	if rule := overtakenBy[n.Kind]; rule != nil {
		return rule(n, s)
	}
	return ""
}

// upToDate returns the notice with its future dates and amounts updated to the current state.
func upToDate(n billing.Notice, s noticeState) billing.Notice {
	switch n.Kind {
	case billing.NoticePaymentFailed, billing.NoticeActionRequired:
		if c, ok := s.charge(n.ChargeID); ok {
			n.Data.NextAttemptAt = c.NextAttemptAt
		}
	case billing.NoticeCheckoutReminder:
		if c, ok := s.charge(n.ChargeID); ok {
			n.Data.Amount, n.Data.DueAt = c.Amount, c.DueAt
		}
	case billing.NoticePaymentSucceeded:
		n.Data.Following, n.Data.FollowingDue = s.following(n.Data.Sequence)
	}
	return n
}

func (s noticeState) charge(id billing.ChargeID) (billing.Charge, bool) {
	i := slices.IndexFunc(s.charges, func(c billing.Charge) bool { return c.ID == id })
	if i < 0 {
		return billing.Charge{}, false
	}
	return s.charges[i], true
}

// following returns the next charge after a sequence number; zero when there is none, or when the
// plan does not collect.
func (s noticeState) following(sequence int) (int64, time.Time) {
	if !s.plan.Status.Collects() {
		return 0, time.Time{}
	}
	for _, c := range s.charges {
		if c.Sequence > sequence && c.Status == billing.ChargeScheduled && c.DueAt.After(s.now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// planIs returns the plan's status in words if the plan does not collect. A pause that began before
// the notice was created does not count, because the notice was written for a paused plan.
func (s noticeState) planIs(n billing.Notice) string {
	if s.plan.Status.Collects() || s.plan.Status == billing.PlanPaused && !s.plan.PausedAt.After(n.CreatedAt) {
		return ""
	}
	return fmt.Sprintf("the plan is %s", s.plan.Status)
}

func upcomingOvertaken(n billing.Notice, s noticeState) string {
	c, _ := s.charge(n.ChargeID)
	switch why := s.planIs(n); {
	case why != "":
		return why
	case c.Status != billing.ChargeScheduled:
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	case !c.DueAt.Equal(n.Data.DueAt) || c.Amount != n.Data.Amount:
		return fmt.Sprintf("charge %d has another date or amount", c.Sequence)
	case !c.DueAt.After(s.now):
		return fmt.Sprintf("charge %d is due", c.Sequence)
	}
	if before, ok := unpaidBefore(s.charges, c, s.now); ok {
		return fmt.Sprintf("charge %d before it is not paid", before.Sequence)
	}
	return ""
}

// unpaidBefore finds a charge that fell due before another of the plan and is not paid.
func unpaidBefore(charges []billing.Charge, c billing.Charge, now time.Time) (billing.Charge, bool) {
	i := slices.IndexFunc(charges, func(other billing.Charge) bool {
		return other.Sequence < c.Sequence && !other.Status.Ended() && !other.DueAt.IsZero() && !other.DueAt.After(now)
	})
	if i < 0 {
		return billing.Charge{}, false
	}
	return charges[i], true
}

func failureOvertaken(n billing.Notice, s noticeState) string {
	c, _ := s.charge(n.ChargeID)
	if why := s.planIs(n); why != "" {
		return why
	}
	scheduled := c.Status == billing.ChargeScheduled && c.DeclineCode != "" // declined before an attempt was made
	if !c.Owed() && !scheduled || n.Kind == billing.NoticeActionRequired && c.Status != billing.ChargeRequiresAction {
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	}
	if n.Kind == billing.NoticeFinal && !n.Data.PayBy.IsZero() && !n.Data.PayBy.After(s.now) {
		return "the last day has passed"
	}
	if slices.ContainsFunc(s.later, func(l billing.Notice) bool { return l.ChargeID == n.ChargeID && l.Kind.Requests() }) {
		return "a later message asks for the same payment"
	}
	return ""
}

func receiptOvertaken(n billing.Notice, s noticeState) string {
	if c, _ := s.charge(n.ChargeID); !c.Status.Settled() {
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	}
	return ""
}

// refundOvertaken reports a refund that failed after Stripe accepted it. The step of the notice
// names the refund; for a refund made in Stripe's dashboard, it holds the total refunded by then.
func refundOvertaken(n billing.Notice, s noticeState) string {
	for _, r := range s.refunds {
		if n.Step == r.NoticeStep() && r.Status == billing.RefundFailed {
			return "the refund failed: " + r.Failure
		}
	}
	given, err := strconv.ParseInt(strings.TrimPrefix(n.Step, string(billing.NoticeRefundMade)+":"), 10, 64)
	if c, ok := s.charge(n.ChargeID); ok && err == nil && c.AmountRefunded < given {
		return "the refund failed"
	}
	return ""
}

func refundFailureOvertaken(_ billing.Notice, s noticeState) string {
	if !s.promised {
		return "no message announced the refund"
	}
	return ""
}

func expiryOvertaken(n billing.Notice, s noticeState) string {
	if why := s.planIs(n); why != "" {
		return why
	}
	if s.card.Status != billing.CardActive || !strings.HasPrefix(n.Step, billing.StepCardExpiring(s.card.ID, s.card.ExpYear, time.Month(s.card.ExpMonth))) {
		return "the plan has another card, or the card was renewed"
	}
	return ""
}

func cardOvertaken(n billing.Notice, s noticeState) string {
	if s.plan.Status.Over() {
		return fmt.Sprintf("the plan is %s", s.plan.Status)
	}
	if !strings.HasPrefix(n.Step, string(billing.NoticeCardUpdated)+":"+string(s.plan.CardID)+":") {
		return "the plan has another card"
	}
	return ""
}

func planNewsOvertaken(n billing.Notice, s noticeState) string {
	if s.plan.Status.Over() || n.Kind == billing.NoticePlanResumed && !s.plan.Status.Collects() {
		return fmt.Sprintf("the plan is %s", s.plan.Status)
	}
	if slices.ContainsFunc(s.later, func(l billing.Notice) bool {
		return l.Kind == billing.NoticePlanChanged || l.Kind == billing.NoticePlanResumed
	}) {
		return "a later message lists the payments"
	}
	return ""
}

// checkoutOvertaken returns why a checkout reminder is no longer true. It considers only an expiry
// in the plan's own terms: a plan that expires by the setting is canceled at that time.
func checkoutOvertaken(n billing.Notice, s noticeState) string {
	if why := onlyWhile(billing.PlanAwaitingFirstPayment)(n, s); why != "" {
		return why
	}
	if at := s.plan.ExpiresAt; !at.IsZero() && !s.now.Before(at) {
		return "the checkout has expired"
	}
	if _, until := s.plan.CheckoutReminder(0); n.Step == billing.StepCheckoutReminder && !s.now.Before(until) { // else the customer asked for it
		return "it is too late to remind of the checkout"
	}
	return ""
}

func onlyWhile(status billing.PlanStatus) func(billing.Notice, noticeState) string {
	return func(_ billing.Notice, s noticeState) string {
		if s.plan.Status != status {
			return fmt.Sprintf("the plan is %s", s.plan.Status)
		}
		return ""
	}
}
