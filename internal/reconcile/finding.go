package reconcile

import (
	"fmt"

	"tranche/internal/billing"
)

// Kind says what sort of difference a finding is. The names are part of the command's JSON.
type Kind string

const (
	// SucceededNotHere was paid at Stripe, and our charge does not know or the plan was not made.
	SucceededNotHere Kind = "succeeded_not_here"
	// CanceledNotHere was canceled at Stripe, and our charge still waits.
	CanceledNotHere Kind = "canceled_not_here"
	// PaidNotThere is paid here and not at Stripe.
	PaidNotThere Kind = "paid_not_there"
	// AmountDiffers has another amount or currency at Stripe than here.
	AmountDiffers Kind = "amount_differs"
	// RefundedNotHere was given back at Stripe, in full or in part, and less of it or nothing here.
	RefundedNotHere Kind = "refunded_not_here"
	// RefundedNotThere was given back here, and less of it or nothing at Stripe: the refund failed.
	RefundedNotThere Kind = "refunded_not_there"
	// DisputedNotHere was disputed at Stripe, and our record does not know.
	DisputedNotHere Kind = "disputed_not_here"
	// DisputedNotThere is disputed here, and never was at Stripe.
	DisputedNotThere Kind = "disputed_not_there"
	// SecondPayment took money for a charge that has another PaymentIntent, or was paid outside Stripe.
	SecondPayment Kind = "second_payment"
	// Orphan bears our metadata and belongs to no charge, or its charge has another PaymentIntent.
	Orphan Kind = "orphan_payment_intent"
	// MissingThere is the PaymentIntent of a charge of ours, which Stripe does not know.
	MissingThere Kind = "payment_intent_missing"
)

// Outcome is what was done about a finding.
type Outcome string

const (
	// Queued: an event was put into the inbox that has the object fetched anew and our record
	// follow it.
	Queued Outcome = "queued"
	// Repairable: it would be queued, but for the dry run.
	Repairable Outcome = "repairable"
	// Left: somebody must look.
	Left Outcome = "left"
)

// Finding is one difference between our record and Stripe's.
type Finding struct {
	Kind          Kind             `json:"kind"`
	Charge        billing.ChargeID `json:"charge,omitempty"`
	Plan          billing.PlanID   `json:"plan,omitempty"`
	PaymentIntent string           `json:"payment_intent,omitempty"`
	Account       string           `json:"account,omitempty"` // the connected one that the PaymentIntent is in
	Here          string           `json:"here"`              // what our record says
	There         string           `json:"there"`             // what Stripe's record says
	Outcome       Outcome          `json:"outcome"`
	Event         string           `json:"event,omitempty"` // of the inbox, that repairs it
	Advice        string           `json:"advice,omitempty"`

	// repair is the type of the event that makes our record follow Stripe's; empty when that is not
	// safe.
	repair   string
	refunded int64 // at Stripe
	livemode bool
}

// The types of the events by which our record follows Stripe's: those that Stripe itself would have
// sent.
const (
	eventSucceeded = "payment_intent.succeeded"
	eventCanceled  = "payment_intent.canceled"
	eventRefunded  = "charge.refunded"
	eventDisputed  = "charge.dispute.created"
)

// newFinding is a difference that is left for somebody to look at.
func newFinding(kind Kind, c *billing.Charge, p *billing.RecordedPayment, advice string) Finding {
	f := Finding{Kind: kind, Outcome: Left, Advice: advice, Here: "no charge", There: "no PaymentIntent"}
	if c != nil {
		f.Charge, f.Plan, f.PaymentIntent = c.ID, c.PlanID, c.PaymentIntent
		f.Here = fmt.Sprintf("%s, %s", c.Status, billing.FormatAmount(c.Amount, c.Currency))
	}
	if p != nil {
		f.PaymentIntent, f.livemode, f.refunded = p.ID, p.Livemode, p.AmountRefunded
		f.There = describe(p)
	}
	return f
}

// repairedBy makes it a finding that an event repairs.
func (f Finding) repairedBy(event string) Finding {
	f.repair, f.Outcome = event, Repairable
	return f
}

func describe(p *billing.RecordedPayment) string {
	text := fmt.Sprintf("%s, %s", p.Status, billing.FormatAmount(p.Amount, p.Currency))
	if p.Status == billing.IntentSucceeded && p.AmountReceived != 0 && p.AmountReceived != p.Amount {
		text += ", received " + billing.FormatAmount(p.AmountReceived, p.Currency)
	}
	if p.AmountRefunded != 0 {
		text += ", refunded " + billing.FormatAmount(p.AmountRefunded, p.Currency)
	}
	if p.Disputed {
		text += ", disputed"
	}
	return text
}
