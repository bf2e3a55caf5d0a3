package billing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NoticeState is the current state that a notice is compared with immediately before it is sent.
type NoticeState struct {
	Plan    Plan
	Charges []Charge // of the plan, by sequence
	Card    Card     // the plan's; zero when it has none
	Later   []Notice // about the same plan, created after the notice
	Now     time.Time

	// Refunds are the refunds of the charge that a notice about a refund names; empty for other
	// notices.
	Refunds []Refund
	// Promised reports whether the customer was notified of a refund of that charge.
	Promised bool
}

// overtakenBy holds, for each kind of notice, the function that returns why the notice is no longer
// true; "" while it is. A kind that is not in the table states a fact that stays true.
var overtakenBy = map[NoticeKind]func(n Notice, s NoticeState) string{
	NoticeUpcomingCharge:   upcomingOvertaken,
	NoticePaymentFailed:    failureOvertaken,
	NoticeActionRequired:   failureOvertaken,
	NoticeFinal:            failureOvertaken,
	NoticePaymentSucceeded: receiptOvertaken,
	NoticeCardExpiring:     expiryOvertaken,
	NoticeRefundMade:       refundOvertaken,
	NoticeRefundFailed:     refundFailureOvertaken,
	NoticeCardUpdated:      cardOvertaken,
	NoticeCheckoutReminder: checkoutOvertaken,
	NoticePlanStarted:      planNewsOvertaken,
	NoticePlanChanged:      planNewsOvertaken,
	NoticePlanResumed:      planNewsOvertaken,
	NoticePlanPaused:       onlyWhile(PlanPaused),
	NoticePlanCanceled:     onlyWhile(PlanCanceled),
	NoticePlanCompleted:    onlyWhile(PlanCompleted),
	NoticePlanDefaulted:    onlyWhile(PlanDefaulted),
}

// Overtaken returns why a notice is no longer true; "" while it is.
func (n Notice) Overtaken(s NoticeState) string {
	if rule := overtakenBy[n.Kind]; rule != nil {
		return rule(n, s)
	}
	return ""
}

// UpToDate returns the notice with its future dates and amounts updated to the current state.
func (n Notice) UpToDate(s NoticeState) Notice {
	switch n.Kind {
	case NoticePaymentFailed, NoticeActionRequired:
		if c, ok := s.charge(n.ChargeID); ok {
			n.Data.NextAttemptAt = c.NextAttemptAt
		}
	case NoticeCheckoutReminder:
		if c, ok := s.charge(n.ChargeID); ok {
			n.Data.Amount, n.Data.DueAt = c.Amount, c.DueAt
		}
	case NoticePaymentSucceeded:
		n.Data.Following, n.Data.FollowingDue = s.following(n.Data.Sequence)
	}
	return n
}

func (s NoticeState) charge(id ChargeID) (Charge, bool) {
	i := slices.IndexFunc(s.Charges, func(c Charge) bool { return c.ID == id })
	if i < 0 {
		return Charge{}, false
	}
	return s.Charges[i], true
}

// following returns the next charge after a sequence number; zero when there is none, or when the
// plan does not collect.
func (s NoticeState) following(sequence int) (int64, time.Time) {
	if !s.Plan.Status.Collects() {
		return 0, time.Time{}
	}
	for _, c := range s.Charges {
		if c.Sequence > sequence && c.Status == ChargeScheduled && c.DueAt.After(s.Now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// planIs returns the plan's status in words if the plan does not collect. A pause that began before
// the notice was created does not count, because the notice was written for a paused plan.
func (s NoticeState) planIs(n Notice) string {
	if s.Plan.Status.Collects() || s.Plan.Status == PlanPaused && !s.Plan.PausedAt.After(n.CreatedAt) {
		return ""
	}
	return fmt.Sprintf("the plan is %s", s.Plan.Status)
}

func upcomingOvertaken(n Notice, s NoticeState) string {
	c, _ := s.charge(n.ChargeID)
	switch why := s.planIs(n); {
	case why != "":
		return why
	case c.Status != ChargeScheduled:
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	case !c.DueAt.Equal(n.Data.DueAt) || c.Amount != n.Data.Amount:
		return fmt.Sprintf("charge %d has another date or amount", c.Sequence)
	case !c.DueAt.After(s.Now):
		return fmt.Sprintf("charge %d is due", c.Sequence)
	}
	if before, ok := UnpaidBefore(s.Charges, c, s.Now); ok {
		return fmt.Sprintf("charge %d before it is not paid", before.Sequence)
	}
	return ""
}

// UnpaidBefore finds a charge that fell due before another of the plan and is not paid.
func UnpaidBefore(charges []Charge, c Charge, now time.Time) (Charge, bool) {
	i := slices.IndexFunc(charges, func(other Charge) bool {
		return other.Sequence < c.Sequence && !other.Status.Ended() && !other.DueAt.IsZero() && !other.DueAt.After(now)
	})
	if i < 0 {
		return Charge{}, false
	}
	return charges[i], true
}

// failureKinds are the kinds that ask for a failed payment. A later one about the same charge
// replaces an earlier one.
var failureKinds = []NoticeKind{NoticePaymentFailed, NoticeActionRequired, NoticeFinal}

// Requests reports whether a notice of this kind asks for a failed payment.
func (k NoticeKind) Requests() bool { return slices.Contains(failureKinds, k) }

func failureOvertaken(n Notice, s NoticeState) string {
	c, _ := s.charge(n.ChargeID)
	if why := s.planIs(n); why != "" {
		return why
	}
	scheduled := c.Status == ChargeScheduled && c.DeclineCode != "" // declined before an attempt was made
	if !c.Owed() && !scheduled || n.Kind == NoticeActionRequired && c.Status != ChargeRequiresAction {
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	}
	if n.Kind == NoticeFinal && !n.Data.PayBy.IsZero() && !n.Data.PayBy.After(s.Now) {
		return "the last day has passed"
	}
	if slices.ContainsFunc(s.Later, func(l Notice) bool { return l.ChargeID == n.ChargeID && l.Kind.Requests() }) {
		return "a later message asks for the same payment"
	}
	return ""
}

func receiptOvertaken(n Notice, s NoticeState) string {
	if c, _ := s.charge(n.ChargeID); !c.Status.Settled() {
		return fmt.Sprintf("charge %d is %s", c.Sequence, c.Status)
	}
	return ""
}

// refundOvertaken reports a refund that failed after Stripe accepted it. The step of the notice
// names the refund; for a refund made in Stripe's dashboard, it holds the total refunded by then.
func refundOvertaken(n Notice, s NoticeState) string {
	for _, r := range s.Refunds {
		if n.Step == r.NoticeStep() && r.Status == RefundFailed {
			return "the refund failed: " + r.Failure
		}
	}
	given, err := strconv.ParseInt(strings.TrimPrefix(n.Step, string(NoticeRefundMade)+":"), 10, 64)
	if c, ok := s.charge(n.ChargeID); ok && err == nil && c.AmountRefunded < given {
		return "the refund failed"
	}
	return ""
}

func refundFailureOvertaken(_ Notice, s NoticeState) string {
	if !s.Promised {
		return "no message announced the refund"
	}
	return ""
}

func expiryOvertaken(n Notice, s NoticeState) string {
	if why := s.planIs(n); why != "" {
		return why
	}
	if s.Card.Status != CardActive || !strings.HasPrefix(n.Step, StepCardExpiring(s.Card.ID, s.Card.ExpYear, time.Month(s.Card.ExpMonth))) {
		return "the plan has another card, or the card was renewed"
	}
	return ""
}

func cardOvertaken(n Notice, s NoticeState) string {
	if s.Plan.Status.Over() {
		return fmt.Sprintf("the plan is %s", s.Plan.Status)
	}
	if !strings.HasPrefix(n.Step, string(NoticeCardUpdated)+":"+string(s.Plan.CardID)+":") {
		return "the plan has another card"
	}
	return ""
}

// Over reports whether a plan in this status will charge nothing more.
func (s PlanStatus) Over() bool { return s == PlanCompleted || s == PlanCanceled }

func planNewsOvertaken(n Notice, s NoticeState) string {
	if s.Plan.Status.Over() || n.Kind == NoticePlanResumed && !s.Plan.Status.Collects() {
		return fmt.Sprintf("the plan is %s", s.Plan.Status)
	}
	if slices.ContainsFunc(s.Later, func(l Notice) bool { return l.Kind == NoticePlanChanged || l.Kind == NoticePlanResumed }) {
		return "a later message lists the payments"
	}
	return ""
}

// checkoutOvertaken returns why a checkout reminder is no longer true. It considers only an expiry
// in the plan's own terms: a plan that expires by the setting is canceled at that time.
func checkoutOvertaken(n Notice, s NoticeState) string {
	if why := onlyWhile(PlanAwaitingFirstPayment)(n, s); why != "" {
		return why
	}
	if at := s.Plan.ExpiresAt; !at.IsZero() && !s.Now.Before(at) {
		return "the checkout has expired"
	}
	if _, until := s.Plan.CheckoutReminder(0); n.Step == StepCheckoutReminder && !s.Now.Before(until) { // else the customer asked for it
		return "it is too late to remind of the checkout"
	}
	return ""
}

func onlyWhile(status PlanStatus) func(Notice, NoticeState) string {
	return func(_ Notice, s NoticeState) string {
		if s.Plan.Status != status {
			return fmt.Sprintf("the plan is %s", s.Plan.Status)
		}
		return ""
	}
}

// StepUpcoming returns the step of the advance notice of a charge. It contains the due date, so
// that a charge that is moved is announced again.
func StepUpcoming(due time.Time) string {
	return fmt.Sprintf("%s:%d", NoticeUpcomingCharge, due.UnixMilli())
}
