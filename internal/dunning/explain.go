package dunning

import (
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Facts holds everything that explains the state of a charge.
type Facts struct {
	Now      time.Time
	Plan     billing.Plan
	Customer billing.Customer
	Charge   billing.Charge
	Attempts []billing.Attempt // oldest first
	// Dunning and Policy are the dunning of the charge; zero if nothing failed.
	Dunning billing.Dunning
	Policy  Policy
	// Card is the card tried last, or the plan's card; zero if there is none.
	Card         billing.Card
	CardDeclines []time.Time
	// Backup is the card that dunning chose for the charge instead of the plan's card; zero if it
	// chose none.
	Backup billing.Card
}

// Step is something that happened, or is to happen.
type Step struct {
	At   time.Time `json:"at"`
	When string    `json:"when"` // in the customer's time zone
	Text string    `json:"text"`
}

// CapUse is how much of a network's cap is used up.
type CapUse struct {
	Network  string `json:"network"`
	Declines int    `json:"declines"`
	Most     int    `json:"most"`
	Window   string `json:"window"`
	Text     string `json:"text"`
}

// Explanation explains a charge: what happened, why, and what comes next.
type Explanation struct {
	Charge   billing.ChargeID     `json:"charge"`
	Plan     billing.PlanID       `json:"plan"`
	Status   billing.ChargeStatus `json:"status"`
	Policy   string               `json:"policy,omitempty"` // the policy at the start of the dunning
	Class    Class                `json:"class,omitempty"`  // of the last failure
	Happened []Step               `json:"happened"`
	Why      string               `json:"why"`
	Next     []Step               `json:"next"`
	Caps     []CapUse             `json:"caps,omitempty"`
}

// Explain explains a charge. Times are in the customer's time zone.
func Explain(c Facts) Explanation {
	e := Explanation{Charge: c.Charge.ID, Plan: c.Plan.ID, Status: c.Charge.Status, Policy: c.Policy.Name, Happened: []Step{}, Next: []Step{}}
	for _, a := range c.Attempts {
		e.Happened = append(e.Happened, c.step(a.CreatedAt, c.attemptText(a)))
	}
	if c.Dunning.ChargeID != "" {
		e.Happened = append(e.Happened, c.step(c.Dunning.BeganAt, fmt.Sprintf("Dunning started with policy %s.", c.Policy.Name)))
	}
	if !c.Charge.PaidAt.IsZero() {
		e.Happened = append(e.Happened, c.step(c.Charge.PaidAt, "It was paid."))
	}
	slices.SortStableFunc(e.Happened, func(a, b Step) int { return a.At.Compare(b.At) })
	if last, ok := c.lastFailure(); ok {
		e.Class = Classify(last.Failure, c.Card.Brand).Class
	}
	e.Why = c.why(e.Class)
	e.Next = append(e.Next, c.next()...)
	if len(c.CardDeclines) > 0 && !c.Charge.Status.Ended() {
		for _, u := range UseOf(c.Card.Brand, c.CardDeclines, c.Now) {
			e.Caps = append(e.Caps, CapUse{u.Network, u.Declines, u.Most, windowText(u.Window), u.String()})
		}
	}
	return e
}

func (c Facts) step(at time.Time, text string) Step {
	loc := billing.LoadLocation(c.Customer.TimeZone)
	return Step{At: at, When: at.In(loc).Format("Mon 2 Jan 2006 15:04 MST"), Text: text}
}

func (c Facts) lastFailure() (billing.Attempt, bool) {
	for _, a := range slices.Backward(c.Attempts) {
		if a.Outcome == billing.OutcomeDeclined || a.Outcome == billing.OutcomeRequiresAction {
			return a, true
		}
	}
	return billing.Attempt{}, false
}

// attemptText describes an attempt.
func (c Facts) attemptText(a billing.Attempt) string {
	text := fmt.Sprintf("Attempt %d. %s: ", a.Number, c.whoTried(a))
	switch a.Outcome {
	case billing.OutcomeSucceeded:
		return text + "paid."
	case billing.OutcomeDeclined:
		v := Classify(a.Failure, c.Card.Brand)
		text += fmt.Sprintf("declined with %s: %s.", a.Failure.Cause(), v.Merchant)
		if v.Because != "" {
			text += " " + upperFirst(v.Because) + "."
		}
		return text + tellText(v, a.Initiator)
	case billing.OutcomeRequiresAction:
		return text + "the bank wants the customer to authenticate."
	case billing.OutcomeError:
		return text + fmt.Sprintf("Stripe refused the request with %s, and no card was asked: %s", a.Failure.Cause(), a.Failure.Message)
	case billing.OutcomeAwaitingCustomer:
		return text + "not finished yet."
	case billing.OutcomeCanceled:
		return text + "its PaymentIntent was canceled."
	default:
		return text + "its outcome is not known yet."
	}
}

// whoTried describes who made an attempt, and with which card. Any card but the first attempt's
// counts as another card, and so does a backup card, even if it was tried first.
func (c Facts) whoTried(a billing.Attempt) string {
	method := a.Params.PaymentMethod
	switch {
	case a.Initiator == billing.InitiatorCustomer:
		return "The customer tried to pay"
	case method != "" && (method == c.Backup.PaymentMethod || method != c.firstTried()):
		return "Tranche tried another card of the customer's"
	}
	return "Tranche tried the saved card"
}

// firstTried returns the PaymentMethod of Tranche's first attempt, or "" if there was none.
func (c Facts) firstTried() string {
	for _, a := range c.Attempts {
		if a.Initiator != billing.InitiatorCustomer && a.Params.PaymentMethod != "" {
			return a.Params.PaymentMethod
		}
	}
	return ""
}

func tellText(v Verdict, by billing.Initiator) string {
	switch {
	case by == billing.InitiatorCustomer, v.Class.Notice() == "":
		return ""
	case v.MayBeShown():
		return fmt.Sprintf(" The customer sees the reason (%s).", v.Reason)
	}
	return " The customer sees that it was declined, and not why."
}

func upperFirst(s string) string { return string(s[0]-'a'+'A') + s[1:] }

// why describes the state of the charge and what would resolve it.
func (c Facts) why(class Class) string {
	var text string
	switch c.Charge.Status {
	case billing.ChargeSucceeded, billing.ChargeRefunded, billing.ChargeDisputed:
		return "Nothing is owed."
	case billing.ChargeCanceled:
		text = "It is not collected."
	case billing.ChargeRequiresAction:
		text = "Only the customer can resolve this, by authenticating the card. Time changes nothing, so it is not tried again automatically."
	case billing.ChargeRequiresPaymentMethod:
		text = "Only the customer can resolve this, with another card or corrected details. It is not tried again automatically."
	case billing.ChargeFailed, billing.ChargeRetrying:
		text = c.failedText(class)
	default:
		text = "Nothing failed."
	}
	if c.Charge.Reason != "" {
		text += " Noted: " + c.Charge.Reason + "."
	}
	return text
}

// failedText describes what helps a failed charge.
func (c Facts) failedText(class Class) string {
	switch {
	case !c.Dunning.HeldAt.IsZero():
		return classText(ClassOperator) + " The customer gets no notice, and the deadline is suspended."
	case c.Charge.Status == billing.ChargeRetrying:
		return classText(class)
	}
	return "It is not tried again automatically. The customer can still pay it."
}

func classText(c Class) string {
	switch c {
	case ClassFunds:
		return "There was too little money; a later attempt may succeed, best after a payday."
	case ClassLimit:
		return "A limit of the card was reached; time lifts it."
	case ClassTemporary:
		return "The bank or the network had a fault; a later attempt may succeed."
	case ClassOperator:
		return "The fault is not the customer's: fix the request or the account."
	}
	return "The bank did not give a reason; it may approve the charge another day."
}

// next lists what comes, in order.
func (c Facts) next() []Step {
	var steps []Step
	if at := c.Charge.NextAttemptAt; !at.IsZero() && !c.Charge.Status.Ended() {
		text := "It is tried again with the saved card."
		if c.Backup.ID != "" {
			text = "It is tried again with another card of the customer's."
		}
		if c.Charge.Status == billing.ChargeScheduled {
			text = "It falls due, and the saved card is charged."
		}
		if c.Charge.Status == billing.ChargeCollecting {
			text = "An attempt is in flight; its outcome is recorded as soon as it is known."
		}
		if !c.Plan.Status.Collects() {
			text = "Its time comes, but the plan is " + string(c.Plan.Status) + ": nothing is charged."
		}
		steps = append(steps, c.step(at, text))
	}
	if c.Dunning.Status == billing.DunningOpen && c.Dunning.HeldAt.IsZero() && !c.Charge.Status.Ended() {
		steps = append(steps, c.milestones()...)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return steps
}

func (c Facts) milestones() []Step {
	var steps []Step
	if at := c.Dunning.RemindAt; !at.IsZero() && c.Charge.Status != billing.ChargeRetrying {
		steps = append(steps, c.step(at, "The customer is reminded."))
	}
	if at := c.Dunning.FinalAt; !at.IsZero() {
		steps = append(steps, c.step(at, "The customer gets the final notice, if it is still unpaid."))
	}
	end := map[End]string{
		EndPause:  "The plan is given up (defaulted), if it is still unpaid; its later charges wait until the plan is resumed.",
		EndCancel: "The plan is given up (defaulted), if it is still unpaid; its later charges are canceled.",
		EndKeep:   "This charge is given up, if it is still unpaid; the later charges are made as planned.",
	}[c.Policy.AtEnd]
	if c.Plan.Status == billing.PlanPaused {
		end += " The plan is paused, and the deadline is suspended until it is resumed."
	}
	return append(steps, c.step(c.Dunning.DeadlineAt, end))
}
