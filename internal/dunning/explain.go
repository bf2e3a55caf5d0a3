package dunning

import (
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Case is everything that is known of a charge, to explain it.
type Case struct {
	Now      time.Time
	Plan     billing.Plan
	Customer billing.Customer
	Charge   billing.Charge
	Attempts []billing.Attempt // oldest first
	// Dunning and Policy are what follows the charge; zero when nothing failed.
	Dunning billing.Dunning
	Policy  Policy
	// Card is the one tried last, or the plan's; zero when there is none.
	Card         billing.Card
	CardDeclines []time.Time
}

// Step is something that happened, or is to happen.
type Step struct {
	At   time.Time `json:"at"`
	When string    `json:"when"` // as the customer's clock shows it
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

// Explanation says of a charge what happened, why, and what comes next.
type Explanation struct {
	Charge   billing.ChargeID     `json:"charge"`
	Plan     billing.PlanID       `json:"plan"`
	Status   billing.ChargeStatus `json:"status"`
	Policy   string               `json:"policy,omitempty"` // the one it began with
	Class    Class                `json:"class,omitempty"`  // of the last failure
	Happened []Step               `json:"happened"`
	Why      string               `json:"why"`
	Next     []Step               `json:"next"`
	Caps     []CapUse             `json:"caps,omitempty"`
}

// Explain says it. Times are written as the customer's clock shows them.
func Explain(c Case) Explanation {
	e := Explanation{Charge: c.Charge.ID, Plan: c.Plan.ID, Status: c.Charge.Status, Policy: c.Policy.Name, Happened: []Step{}, Next: []Step{}}
	for _, a := range c.Attempts {
		e.Happened = append(e.Happened, c.step(a.CreatedAt, c.attemptText(a)))
	}
	if c.Dunning.ChargeID != "" {
		e.Happened = append(e.Happened, c.step(c.Dunning.BeganAt, fmt.Sprintf("Dunning began with policy %s.", c.Policy.Name)))
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

func (c Case) step(at time.Time, text string) Step {
	loc := billing.LoadLocation(c.Customer.TimeZone)
	return Step{At: at, When: at.In(loc).Format("Mon 2 Jan 2006 15:04 MST"), Text: text}
}

func (c Case) lastFailure() (billing.Attempt, bool) {
	for _, a := range slices.Backward(c.Attempts) {
		if a.Outcome == billing.OutcomeDeclined || a.Outcome == billing.OutcomeRequiresAction {
			return a, true
		}
	}
	return billing.Attempt{}, false
}

func (c Case) attemptText(a billing.Attempt) string {
	who := "Tranche tried the saved card"
	if a.Initiator == billing.InitiatorCustomer {
		who = "The customer tried to pay"
	}
	text := fmt.Sprintf("Attempt %d. %s: ", a.Number, who)
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

func tellText(v Verdict, by billing.Initiator) string {
	switch {
	case by == billing.InitiatorCustomer, v.Class.Notice() == "":
		return ""
	case v.MayBeShown():
		return fmt.Sprintf(" The customer is told the reason (%s).", v.Reason)
	}
	return " The customer is told that it was declined, and not why."
}

func upperFirst(s string) string { return string(s[0]-'a'+'A') + s[1:] }

// why says in which state the charge is and what would put it right.
func (c Case) why(class Class) string {
	var text string
	switch c.Charge.Status {
	case billing.ChargeSucceeded, billing.ChargeRefunded, billing.ChargeDisputed:
		return "Nothing is owed."
	case billing.ChargeCanceled:
		text = "It is not collected."
	case billing.ChargeRequiresAction:
		text = "Only the customer can put it right, by authenticating the card. Time changes nothing, so it is not tried again by itself."
	case billing.ChargeRequiresPaymentMethod:
		text = "Only the customer can put it right, with another card or corrected details. It is not tried again by itself."
	case billing.ChargeFailed:
		text = "It is not tried again by itself. The customer can still pay it."
	case billing.ChargeRetrying:
		text = classText(class)
	default:
		text = "Nothing failed."
	}
	if c.Charge.Reason != "" {
		text += " Noted: " + c.Charge.Reason + "."
	}
	return text
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
		return "The fault is not the customer's: the request or the account is to be mended."
	}
	return "The bank did not say why; it may say yes another day."
}

// next says what comes, in order.
func (c Case) next() []Step {
	var steps []Step
	if at := c.Charge.NextAttemptAt; !at.IsZero() && !c.Charge.Status.Ended() {
		text := "It is tried again with the saved card."
		if c.Charge.Status == billing.ChargeScheduled {
			text = "It falls due, and the saved card is charged."
		}
		if c.Charge.Status == billing.ChargeCollecting {
			text = "An attempt is under way; its outcome is recorded as soon as it is known."
		}
		if !c.Plan.Status.Collects() {
			text = "Its time comes, but the plan is " + string(c.Plan.Status) + ": nothing is charged."
		}
		steps = append(steps, c.step(at, text))
	}
	if c.Dunning.Status == billing.DunningOpen && !c.Charge.Status.Ended() {
		steps = append(steps, c.milestones()...)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return steps
}

func (c Case) milestones() []Step {
	var steps []Step
	if at := c.Dunning.RemindAt; !at.IsZero() && c.Charge.Status != billing.ChargeRetrying {
		steps = append(steps, c.step(at, "The customer is reminded."))
	}
	if at := c.Dunning.FinalAt; !at.IsZero() {
		steps = append(steps, c.step(at, "The customer gets the final notice, if it is still unpaid."))
	}
	end := map[End]string{
		EndPause:  "The plan is given up (defaulted), if it is still unpaid; its later charges wait until somebody resumes it.",
		EndCancel: "The plan is given up (defaulted), if it is still unpaid; its later charges are canceled.",
		EndKeep:   "This charge is given up, if it is still unpaid; the later charges are made as planned.",
	}[c.Policy.AtEnd]
	if c.Plan.Status == billing.PlanPaused {
		end += " The plan is paused, and the deadline stands still until it is resumed."
	}
	return append(steps, c.step(c.Dunning.DeadlineAt, end))
}
