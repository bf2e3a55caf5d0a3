package reconcile

import (
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// Kind is the kind of difference that a finding is. The names are part of the command's JSON.
type Kind string

const (
	// SucceededNotHere is paid at Stripe; our charge is not, or its plan was never created.
	SucceededNotHere Kind = "succeeded_not_here"
	// CanceledNotHere is canceled at Stripe; our charge is still open.
	CanceledNotHere Kind = "canceled_not_here"
	// PaidNotThere is paid here and not at Stripe.
	PaidNotThere Kind = "paid_not_there"
	// AmountDiffers has another amount or currency at Stripe than here.
	AmountDiffers Kind = "amount_differs"
	// RefundedNotHere is refunded at Stripe, and less or not at all here.
	RefundedNotHere Kind = "refunded_not_here"
	// RefundedNotThere is refunded here, and less or not at all at Stripe: the refund failed.
	RefundedNotThere Kind = "refunded_not_there"
	// DisputedNotHere is disputed at Stripe, and not here.
	DisputedNotHere Kind = "disputed_not_here"
	// DisputedNotThere is disputed here, and never was at Stripe.
	DisputedNotThere Kind = "disputed_not_there"
	// SecondPayment took money for a charge that has another PaymentIntent, or was paid outside Stripe.
	SecondPayment Kind = "second_payment"
	// Orphan has our metadata and belongs to no charge, or its charge has another PaymentIntent.
	Orphan Kind = "orphan_payment_intent"
	// MissingThere is a charge whose PaymentIntent Stripe does not have.
	MissingThere Kind = "payment_intent_missing"
)

// Outcome is what was done about a finding.
type Outcome string

const (
	// Queued means that an event was added to the inbox, whose handler fetches the object again and
	// updates our record.
	Queued Outcome = "queued"
	// Repairable means that the repair would be queued, were this not a dry run.
	Repairable Outcome = "repairable"
	// Left means that a person must look into it.
	Left Outcome = "left"
)

// Finding is one difference between our record and Stripe's.
type Finding struct {
	Kind          Kind             `json:"kind"`
	Charge        billing.ChargeID `json:"charge,omitempty"`
	Plan          billing.PlanID   `json:"plan,omitempty"`
	PaymentIntent string           `json:"payment_intent,omitempty"`
	Account       string           `json:"account,omitempty"` // the connected account of the PaymentIntent
	Here          string           `json:"here"`              // our record, as text
	There         string           `json:"there"`             // Stripe's record, as text
	Outcome       Outcome          `json:"outcome"`
	Event         string           `json:"event,omitempty"` // the event in the inbox that repairs it
	Advice        string           `json:"advice,omitempty"`

	// repair is the type of the event whose handler updates our record from Stripe's; empty if that is
	// not safe.
	repair   string
	refunded int64 // at Stripe
	livemode bool
}

// The types of the events that repair our record: the events that Stripe itself would have sent.
const (
	eventSucceeded = "payment_intent.succeeded"
	eventCanceled  = "payment_intent.canceled"
	eventRefunded  = "charge.refunded"
	eventDisputed  = "charge.dispute.created"
)

// newFinding returns a finding that is left to a person.
func newFinding(kind Kind, c *billing.Charge, p *billing.RecordedPayment, advice string) Finding {
	f := Finding{Kind: kind, Outcome: Left, Advice: advice, Here: "no charge", There: "no PaymentIntent"}
	if c != nil {
		f.Charge, f.Plan, f.PaymentIntent = c.ID, c.PlanID, c.PaymentIntent
		f.Here = fmt.Sprintf("%s, %s", c.Status, money.FormatAmount(c.Amount, c.Currency))
	}
	if p != nil {
		f.PaymentIntent, f.livemode, f.refunded = p.ID, p.Livemode, p.AmountRefunded
		f.There = describe(p)
	}
	return f
}

// repairedBy returns the finding with the event that repairs it.
func (f Finding) repairedBy(event string) Finding {
	f.repair, f.Outcome = event, Repairable
	return f
}

func describe(p *billing.RecordedPayment) string {
	text := fmt.Sprintf("%s, %s", p.Status, money.FormatAmount(p.Amount, p.Currency))
	if p.Status == billing.IntentSucceeded && p.AmountReceived != 0 && p.AmountReceived != p.Amount {
		text += ", received " + money.FormatAmount(p.AmountReceived, p.Currency)
	}
	if p.AmountRefunded != 0 {
		text += ", refunded " + money.FormatAmount(p.AmountRefunded, p.Currency)
	}
	if p.Disputed {
		text += ", disputed"
	}
	return text
}
