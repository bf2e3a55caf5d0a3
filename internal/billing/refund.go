package billing

import "time"

// RefundID names a refund of ours: rfd_… (Stripe's are re_…). It is also its idempotency key at
// Stripe; see RefundIDFor.
type RefundID string

// RefundStatus is how far an ordered refund has come.
type RefundStatus string

const (
	// RefundOpen is to be asked of Stripe, or was asked and has no known answer.
	RefundOpen RefundStatus = "open"
	// RefundMade was accepted by Stripe. It becomes RefundFailed if it fails at the bank later.
	RefundMade RefundStatus = "made"
	// RefundFailed was refused by Stripe, or failed at the bank later; Failure says why.
	RefundFailed RefundStatus = "failed"
)

// Refund is an order to give back all that is left of one payment. It is written before Stripe is
// called; while it is open its charge is due, so that a worker takes it up, again after a crash.
// Asking twice gives back nothing twice: nothing is left after the first time, and Stripe refuses.
type Refund struct {
	ID             RefundID
	PlanID         PlanID
	ChargeID       ChargeID
	PaymentIntent  string // pi_… that was paid
	Amount         int64  // minor units that were left when it was ordered; as given back once it is made
	Currency       Currency
	IdempotencyKey string
	Status         RefundStatus
	StripeRefund   string // re_…; empty before
	Failure        string // in words; empty unless it failed
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// RefundParams is what a refund at Stripe is made with: all that is left of the payment.
type RefundParams struct {
	PaymentIntent string
	Metadata      map[string]string
	// ReverseTransfer takes the money back from the connected account that it was transferred to,
	// and RefundFee gives the application fee back: else the platform would pay the customer.
	// Source: docs.stripe.com/connect/destination-charges#issue-refunds.
	ReverseTransfer, RefundFee bool
}

// StripeRefund is what Tranche reads of a Stripe refund.
type StripeRefund struct {
	ID     string // re_…
	Status string // pending, succeeded, failed, …, in Stripe's words
	Amount int64  // minor units

	Currency      Currency
	PaymentIntent string // pi_…; empty for a charge without one
	Failure       string // Stripe's failure_reason; empty unless it failed
	Metadata      map[string]string
}

// Failed reports whether the refund gives no money back: it failed, or it was canceled.
func (r StripeRefund) Failed() bool { return r.Status == "failed" || r.Status == "canceled" }

// Why says in words why the refund failed.
func (r StripeRefund) Why() string {
	if r.Failure == "" {
		return "Stripe reports the refund as " + r.Status
	}
	return "Stripe reports the refund as " + r.Status + " (" + r.Failure + ")"
}

// NoticeStep is the step of the notice that the refund was made. The notice is unique by it, so it
// is sent once.
func (r Refund) NoticeStep() string { return string(NoticeRefundMade) + ":" + string(r.ID) }

// MetaRefund is the key under which Tranche puts a refund's id on the refund it makes at Stripe.
const MetaRefund = "tranche_refund"
