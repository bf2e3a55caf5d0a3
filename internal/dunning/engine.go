package dunning

import (
	"fmt"
	"time"

	"tranche/internal/billing"
)

// FailureKind is how a charge failed.
type FailureKind string

const (
	// FailureDeclined is a declined card.
	FailureDeclined FailureKind = "declined"
	// FailureRejected is a request that Stripe rejected without asking the card's issuer.
	FailureRejected FailureKind = "refused"
	// FailureNoCard is a plan without a chargeable card.
	FailureNoCard FailureKind = "no_card"
)

// History is a failed charge with everything that affects the decision.
type History struct {
	Charge   billing.ChargeID
	Now      time.Time
	Location *time.Location // the customer's

	Kind    FailureKind
	Failure billing.Failure
	Detail  string // more for the merchant than the code; the reason if there is no code
	// Brand and PaymentMethod describe the card that failed.
	Brand         string
	PaymentMethod string
	// Attempts holds all attempts at the charge, oldest first, including the failed one in its final
	// state.
	Attempts []billing.Attempt
	// CardDeclines holds the times at which the amount was declined on the card within CapWindow,
	// across all plans, including this decline.
	CardDeclines []time.Time
	// Deadline is the end of the customer's last day to pay, or zero if there is none.
	Deadline time.Time
	// FinalSent reports whether the final notice was sent.
	FinalSent bool
	// OnBackup reports whether the failed card was chosen by dunning and is not the plan's card.
	OnBackup bool
	// Backup reports whether the customer has another card that may be tried.
	Backup bool
}

// Decision is what follows a failure.
type Decision struct {
	Class  Class
	Status billing.ChargeStatus
	// NextAttemptAt is the time of the next retry, or zero if none is scheduled.
	NextAttemptAt time.Time
	// Notice is the notice to the customer, or empty if the customer gets none.
	Notice billing.NoticeKind
	// CustomerReason may be shown to the customer.
	CustomerReason billing.Reason
	// Reason is for the merchant and includes the code.
	Reason string
	// RevokeCard means that the card must not be charged again, for this plan or another.
	RevokeCard bool
	// PausePlan means that the customer withdrew consent: nothing of the plan is charged until the
	// plan is resumed.
	PausePlan bool
	// UseBackup tries the customer's next card at NextAttemptAt.
	UseBackup bool
}

// Engine decides what follows a failure. It decides within the policy and from its arguments alone:
// it is called under a lock, so it must neither block nor make calls. An engine that needs outside
// data gets that data beforehand.
//
// Decide keeps every decision within the networks' caps, the issuer's advice, the policy's number
// of attempts and the deadline.
type Engine interface {
	Next(p Policy, h History, v Verdict) Decision
}

// Decide decides what follows a failed attempt: the retry schedule, the notice and the charge's
// status.
func Decide(e Engine, p Policy, h History) Decision {
	v := h.verdict()
	d := e.Next(p, h, v)
	d.Class = v.Class
	if d.Status == billing.ChargeRetrying && !d.UseBackup {
		d = bounded(p, h, v, d)
	}
	if h.Backup && p.BackupCards && givesUpCard(v.Class, d) {
		d = backup(h, d)
	}
	if h.FinalSent && !h.customersCard() {
		d.Notice = ""
	}
	return d
}

// customersCard reports whether the failed card is new to the charge and was chosen by the
// customer, who waits for an answer. It is the only case that is mailed after the final notice,
// which announces that it is the last request.
func (h History) customersCard() bool {
	tries := 0
	for _, a := range h.Attempts {
		if a.Params.PaymentMethod == h.PaymentMethod {
			tries++
		}
	}
	return tries == 1 && h.PaymentMethod != "" && !h.OnBackup
}

// Ours reports whether only the merchant can fix the failure.
func (h History) Ours() bool { return h.verdict().Class == ClassOperator }

// verdict returns the table's classification of the failure.
func (h History) verdict() Verdict {
	switch h.Kind {
	case FailureRejected:
		return Verdict{Row: Row{Code: h.Failure.Cause(), Class: ClassOperator, Reason: billing.ReasonOurs}}
	case FailureNoCard:
		return Verdict{Row: Row{Class: ClassNewCard, Reason: billing.ReasonNoCard}}
	default:
		return Classify(h.Failure, h.Brand)
	}
}

// givesUpCard reports whether the failed card is unusable for this charge, so that another card may
// be tried. If the customer must authenticate or withdrew consent, or if the merchant is at fault,
// no other card is tried.
func givesUpCard(c Class, d Decision) bool {
	switch c {
	case ClassNewCard, ClassStop:
		return true
	case ClassFunds, ClassLimit, ClassTemporary, ClassDeclined:
		return d.Status == billing.ChargeFailed || d.Status == billing.ChargeRequiresPaymentMethod
	}
	return false
}

// backup tries the next card at once. The customer gets a notice only if that card fails too.
func backup(h History, d Decision) Decision {
	d.Status, d.NextAttemptAt, d.UseBackup, d.Notice = billing.ChargeRetrying, h.Now, true, ""
	d.Reason += "; another card of the customer's is tried"
	return d
}

// Timetable is the built-in engine: it retries on the policy's days.
type Timetable struct{}

// Next decides by the policy's days.
func (Timetable) Next(p Policy, h History, v Verdict) Decision {
	d := Decision{Class: v.Class, CustomerReason: v.Reason, Notice: v.Class.Notice(), RevokeCard: v.Class == ClassStop || v.Class == ClassWithdrawn}
	cause := h.cause(v)
	switch v.Class.Action() {
	case ActionAuthenticate:
		d.Status, d.Reason = billing.ChargeRequiresAction, "the bank wants the customer to authenticate ("+cause+")"
	case ActionAskForCard:
		d.Status, d.Reason = billing.ChargeRequiresPaymentMethod, "the customer must pay with another card or correct its details ("+cause+")"
		if h.Kind == FailureNoCard {
			d.Reason = h.Detail
		}
	case ActionStopCard:
		d.Status, d.Reason = billing.ChargeFailed, "this card must not be tried again ("+cause+")"
	case ActionStopPlan:
		d.Status, d.PausePlan = billing.ChargeFailed, true
		d.Reason = "the customer withdrew consent at the bank (" + cause + ")"
	default:
		p.retry(&d, h, v, cause)
	}
	return d
}

// retry schedules the next attempt of a timed class, or ends the retry schedule.
func (p Policy) retry(d *Decision, h History, v Verdict, cause string) {
	ladder := p.ladder(v.Class)
	failed := h.failedAs(v.Class)
	if failed > len(ladder.Days) {
		d.Status = billing.ChargeFailed
		d.Reason = fmt.Sprintf("failed %d times, last with %s; no retry is left", len(h.failures()), cause)
		return
	}
	d.Status = billing.ChargeRetrying
	d.NextAttemptAt = p.retryAt(ladder, failed-1, h.Charge, h.Now, h.Now, h.Location)
	if v.RetryAfter > 0 {
		d.NextAttemptAt = p.Suited(h.Charge, h.Now.Add(v.RetryAfter), h.Location)
	}
	d.Reason = fmt.Sprintf("declined with %s; retry %d of %d", cause, failed, len(ladder.Days))
	if v.Class == ClassOperator {
		d.Reason = fmt.Sprintf("refused with %s; retry %d of %d", cause, failed, len(ladder.Days))
	}
}

// cause returns the code, with the advice that changed its meaning and further detail.
func (h History) cause(v Verdict) string {
	cause := h.Failure.Cause()
	if h.Failure.Blocked {
		cause += ", blocked by Radar"
	}
	if v.Because != "" {
		cause += "; " + v.Because
	}
	if h.Kind == FailureRejected && h.Detail != "" {
		cause += ": " + h.Detail
	}
	return cause
}

// failures returns the merchant's attempts that failed in the same way as the last one. A rejected
// request reached no issuer, so it uses up no retry of the card.
func (h History) failures() []billing.Attempt {
	how := billing.OutcomeDeclined
	if h.Kind == FailureRejected {
		how = billing.OutcomeError
	}
	var failed []billing.Attempt
	for _, a := range h.Attempts {
		if a.Initiator == billing.InitiatorMerchant && (a.Outcome == how || how == billing.OutcomeDeclined && a.Outcome == billing.OutcomeRequiresAction) {
			failed = append(failed, a)
		}
	}
	return failed
}

// failedAs counts the failures of a class on the card that failed last, including this one. Another
// card starts at one.
func (h History) failedAs(c Class) int {
	n := 0
	for _, a := range h.failures() {
		same := h.Kind == FailureRejected || a.Outcome == billing.OutcomeDeclined && Classify(a.Failure, h.Brand).Class == c
		if same && a.Params.PaymentMethod == h.PaymentMethod {
			n++
		}
	}
	return max(n, 1)
}

// bounded keeps a retry within the advice, the caps, the number of attempts and the deadline.
func bounded(p Policy, h History, v Verdict, d Decision) Decision {
	if !v.Class.Timed() {
		d.Status, d.NextAttemptAt = billing.ChargeRequiresPaymentMethod, time.Time{}
		d.Reason += "; the card is not tried again"
		return d
	}
	if h.Kind == FailureRejected { // no issuer was asked, so the caps do not apply
		return d
	}
	if tries := len(h.failures()); tries >= p.MaxAttempts {
		return ended(d, fmt.Sprintf("it was tried %d times, as often as the policy allows", tries))
	}
	earliest := h.Now.Add(max(v.Wait, v.RetryAfter))
	allowed := Allowed(h.Brand, h.CardDeclines, laterOf(earliest, d.NextAttemptAt))
	if allowed.After(d.NextAttemptAt) {
		ladder := p.ladder(v.Class)
		n := min(h.failedAs(v.Class), max(len(ladder.Days), 1)) - 1
		if len(ladder.Days) > 0 {
			d.NextAttemptAt = p.retryAt(ladder, n, h.Charge, h.Now, allowed, h.Location)
		} else {
			d.NextAttemptAt = allowed
		}
		d.Reason += "; deferred: " + h.deferReason(v, allowed)
	}
	if v.Class != ClassOperator && !h.Deadline.IsZero() && !d.NextAttemptAt.Before(h.Deadline) {
		return ended(d, "the next possible time is after the policy's deadline")
	}
	return d
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// deferReason explains why a retry is later than the policy's days.
func (h History) deferReason(v Verdict, until time.Time) string {
	use := Tightest(UseOf(h.Brand, h.CardDeclines, h.Now))
	if use.Full() {
		return use.String()
	}
	if v.Because != "" {
		return v.Because
	}
	return "not before " + until.In(h.Location).Format(time.DateOnly)
}

// ended turns a retry into the end of the retry schedule.
func ended(d Decision, why string) Decision {
	d.Status, d.NextAttemptAt = billing.ChargeFailed, time.Time{}
	d.Reason += "; not retried: " + why
	return d
}

// String formats a use for people: 20 of 20 declines in 30 days on visa.
func (u Use) String() string {
	network := u.Network
	if network == "" {
		network = "its network"
	}
	return fmt.Sprintf("%d of %d declines in %s allowed by %s", u.Declines, u.Most, windowText(u.Window), network)
}

func windowText(w time.Duration) string {
	if w == day {
		return "24 hours"
	}
	return fmt.Sprintf("%d days", int(w/day))
}
