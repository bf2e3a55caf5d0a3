package dunning

import (
	"fmt"
	"time"

	"tranche/internal/billing"
)

// What is what happened to a charge.
type What string

const (
	// WhatDeclined is a card that was refused.
	WhatDeclined What = "declined"
	// WhatRefused is a request that Stripe refused: no card was asked.
	WhatRefused What = "refused"
	// WhatNoCard is a plan without a card that can be charged.
	WhatNoCard What = "no_card"
)

// History is a charge that failed and all that is known of it.
type History struct {
	Charge   billing.ChargeID
	Now      time.Time
	Location *time.Location // the customer's

	What    What
	Failure billing.Failure
	Detail  string // what is to be said to the merchant beside the code; the reason where there is no code
	// Brand and PaymentMethod are those of the card that failed.
	Brand         string
	PaymentMethod string
	// Attempts are all at the charge, oldest first, the one that failed among them, in its final state.
	Attempts []billing.Attempt
	// CardDeclines are the times of declines on the card within CapWindow, over all plans, this one among them.
	CardDeclines []time.Time
	// Deadline is when the plan is given up; zero when there is none.
	Deadline time.Time
	// Backup says that the customer has another card that may be tried.
	Backup bool
}

// Decision is what follows a failure.
type Decision struct {
	Class  Class
	Status billing.ChargeStatus
	// NextAttemptAt is the time of the timed retry; zero when there is none.
	NextAttemptAt time.Time
	// Notice is what the customer is told; empty when it is none of the customer's business.
	Notice billing.NoticeKind
	// CustomerReason may be shown to the customer.
	CustomerReason billing.Reason
	// Reason is for the merchant and names the code.
	Reason string
	// RevokeCard says that the card must not be charged again, for this plan or another.
	RevokeCard bool
	// PausePlan says that the customer withdrew consent: nothing of the plan is charged until somebody resumes it.
	PausePlan bool
	// UseBackup tries the customer's next card, at NextAttemptAt.
	UseBackup bool
	// Last says that no timed retry follows the one at NextAttemptAt.
	Last bool
}

// Engine decides what follows a failure. It decides within the policy and from what it is given alone: it is asked under a
// lock, and must neither wait nor call anybody. What a learned or an outside engine knows is fetched beforehand.
//
// Whatever it decides, Decide keeps it within the networks' caps, the issuer's advice, the policy's number of attempts and
// the deadline.
type Engine interface {
	Next(p Policy, h History, v Verdict) Decision
}

// Decide says what follows the failure of an attempt.
func Decide(e Engine, p Policy, h History) Decision {
	v := h.verdict()
	d := e.Next(p, h, v)
	d.Class = v.Class
	if d.Status == billing.ChargeRetrying && !d.UseBackup {
		d = bounded(p, h, v, d)
	}
	if h.Backup && p.BackupCards && givesUpCard(v.Class, d) {
		return backup(h, d)
	}
	return d
}

// verdict is the table's word on what happened.
func (h History) verdict() Verdict {
	switch h.What {
	case WhatRefused:
		return Verdict{Row: Row{Code: h.Failure.Cause(), Class: ClassOperator, Reason: billing.ReasonOurs}}
	case WhatNoCard:
		return Verdict{Row: Row{Class: ClassNewCard, Reason: billing.ReasonNoCard}}
	default:
		return Classify(h.Failure, h.Brand)
	}
}

// givesUpCard says whether the card that failed is of no use to the charge any more, so that another may be tried. Who has
// to authenticate, took back consent, or met a fault of ours is asked first.
func givesUpCard(c Class, d Decision) bool {
	switch c {
	case ClassNewCard, ClassStop:
		return true
	case ClassFunds, ClassLimit, ClassTemporary, ClassDeclined:
		return d.Status == billing.ChargeFailed || d.Status == billing.ChargeRequiresPaymentMethod
	}
	return false
}

// backup tries the next card at once. The customer is told when that one fails too.
func backup(h History, d Decision) Decision {
	d.Status, d.NextAttemptAt, d.UseBackup, d.Notice, d.Last = billing.ChargeRetrying, h.Now, true, "", false
	d.Reason += "; another card of the customer's is tried"
	return d
}

// Timetable is the built-in engine: it tries again on the policy's days.
type Timetable struct{}

// Next says what the policy's days lead to.
func (Timetable) Next(p Policy, h History, v Verdict) Decision {
	d := Decision{Class: v.Class, CustomerReason: v.Reason, Notice: v.Class.Notice(), RevokeCard: v.Class == ClassStop || v.Class == ClassWithdrawn}
	cause := h.cause(v)
	switch v.Class.Action() {
	case ActionAuthenticate:
		d.Status, d.Reason = billing.ChargeRequiresAction, "the bank wants the customer to authenticate ("+cause+")"
	case ActionAskForCard:
		d.Status, d.Reason = billing.ChargeRequiresPaymentMethod, "the customer must pay with another card or mend its details ("+cause+")"
		if h.What == WhatNoCard {
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

// retry plans the next attempt of a timed class, or ends the ladder.
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
	d.Last = failed == len(ladder.Days)
	d.Reason = fmt.Sprintf("declined with %s; retry %d of %d", cause, failed, len(ladder.Days))
	if v.Class == ClassOperator {
		d.Reason = fmt.Sprintf("refused with %s; retry %d of %d", cause, failed, len(ladder.Days))
	}
}

// cause names the code, with the advice that changed its meaning and what else is to be said.
func (h History) cause(v Verdict) string {
	cause := h.Failure.Cause()
	if h.Failure.Blocked {
		cause += ", blocked by Radar"
	}
	if v.Because != "" {
		cause += "; " + v.Because
	}
	if h.What == WhatRefused && h.Detail != "" {
		cause += ": " + h.Detail
	}
	return cause
}

// failures are the merchant's attempts that failed the way of the last one: what was refused as a request uses up no retry
// of a card that was not asked.
func (h History) failures() []billing.Attempt {
	how := billing.OutcomeDeclined
	if h.What == WhatRefused {
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

// failedAs counts the failures of a class on the card that failed last, this one included. Another card begins anew.
func (h History) failedAs(c Class) int {
	n := 0
	for _, a := range h.failures() {
		same := h.What == WhatRefused || a.Outcome == billing.OutcomeDeclined && Classify(a.Failure, h.Brand).Class == c
		if same && a.Params.PaymentMethod == h.PaymentMethod {
			n++
		}
	}
	return max(n, 1)
}

// bounded keeps a retry within the advice, the caps, the number of attempts and the deadline.
func bounded(p Policy, h History, v Verdict, d Decision) Decision {
	if !v.Class.Timed() {
		d.Status, d.NextAttemptAt, d.Last = billing.ChargeRequiresPaymentMethod, time.Time{}, false
		d.Reason += "; the card is not tried again"
		return d
	}
	if v.Class == ClassOperator { // no card was asked, so none is spared
		return d
	}
	if tries := len(h.failures()); tries >= p.MaxAttempts {
		return ended(d, fmt.Sprintf("it was tried %d times, as often as the policy allows", tries))
	}
	earliest := h.Now.Add(v.Wait)
	allowed := Allowed(h.Brand, h.CardDeclines, laterOf(earliest, d.NextAttemptAt))
	if allowed.After(d.NextAttemptAt) {
		ladder := p.ladder(v.Class)
		n := min(h.failedAs(v.Class), max(len(ladder.Days), 1)) - 1
		if len(ladder.Days) > 0 {
			d.NextAttemptAt = p.retryAt(ladder, n, h.Charge, h.Now, allowed, h.Location)
		} else {
			d.NextAttemptAt = allowed
		}
		d.Reason += "; put off: " + h.putOff(v, allowed)
	}
	if !h.Deadline.IsZero() && !d.NextAttemptAt.Before(h.Deadline) {
		return ended(d, "the next time for it lies beyond the policy's deadline")
	}
	return d
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// putOff says why a retry waits longer than the policy's days.
func (h History) putOff(v Verdict, until time.Time) string {
	use := Tightest(UseOf(h.Brand, h.CardDeclines, h.Now))
	if use.Full() {
		return use.String()
	}
	if v.Because != "" {
		return v.Because
	}
	return "not before " + until.In(h.Location).Format(time.DateOnly)
}

// noticeAhead is the least time ahead of the last retry at which a notice of its own makes sense.
const noticeAhead = 12 * time.Hour

// AnnounceLast sets the final notice before the last retry, and returns when it goes out; finalAt is when it would
// otherwise, and zero once it went out. Where there is no time for a notice of its own, the customer is told with this
// failure.
func (p Policy) AnnounceLast(d Decision, finalAt, now time.Time) (Decision, time.Time) {
	if !d.Last || finalAt.IsZero() {
		return d, finalAt
	}
	ahead := d.NextAttemptAt.AddDate(0, 0, -p.FinalNoticeDays)
	switch {
	case ahead.Before(now.Add(noticeAhead)) && d.Notice != "":
		d.Notice, finalAt = billing.NoticeFinal, time.Time{}
	case ahead.Before(finalAt):
		finalAt = ahead
	}
	return d, finalAt
}

// ended turns a retry into the end of the ladder.
func ended(d Decision, why string) Decision {
	d.Status, d.NextAttemptAt, d.Last = billing.ChargeFailed, time.Time{}, false
	d.Reason += "; not retried: " + why
	return d
}

// String writes a use for people: 15 of 15 declines in 30 days on visa.
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
