package billing

import (
	"time"

	"tranche/internal/money"
)

// RefundID identifies a refund in Tranche: rfd_… (Stripe's are re_…). It is also its idempotency
// key at Stripe; see RefundIDFor.
type RefundID string

// RefundStatus is the progress of an ordered refund.
type RefundStatus string

const (
	// RefundOpen is not requested at Stripe yet, or was requested and the result is unknown.
	RefundOpen RefundStatus = "open"
	// RefundMade was accepted by Stripe. It becomes RefundFailed if it fails at the bank later.
	RefundMade RefundStatus = "made"
	// RefundFailed was refused by Stripe, or failed at the bank later; Failure holds the cause.
	RefundFailed RefundStatus = "failed"
)

// Refund is an order to refund all that is left of one payment. It is stored before Stripe is
// called. While it is open, its charge is due, so that a worker processes it, also after a crash. A
// repeated request refunds nothing twice: after the first one nothing is left, and Stripe refuses.
type Refund struct {
	ID             RefundID
	PlanID         PlanID
	ChargeID       ChargeID
	PaymentIntent  string // pi_… of the payment
	Amount         int64  // minor units: the amount left when it was ordered, then the amount refunded
	Currency       money.Currency
	IdempotencyKey string
	Status         RefundStatus
	StripeRefund   string // re_…; empty before
	Failure        string // in words; empty unless it failed
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// RefundParams are the parameters of a refund at Stripe, of all that is left of the payment.
type RefundParams struct {
	PaymentIntent string
	Metadata      map[string]string
	// ReverseTransfer reclaims the money from the connected account that it was transferred to, and
	// RefundFee refunds the application fee; otherwise the platform would pay the customer. Source:
	// docs.stripe.com/connect/destination-charges#issue-refunds.
	ReverseTransfer, RefundFee bool
}

// StripeRefund is what Tranche reads of a Stripe refund.
type StripeRefund struct {
	ID     string // re_…
	Status string // pending, succeeded, failed, …, in Stripe's words
	Amount int64  // minor units

	Currency      money.Currency
	PaymentIntent string // pi_…; empty for a charge without one
	Failure       string // Stripe's failure_reason; empty unless it failed
	Metadata      map[string]string
}

// Failed reports whether the refund returns no money: it failed, or it was canceled.
func (r StripeRefund) Failed() bool { return r.Status == "failed" || r.Status == "canceled" }

// Why describes why the refund failed.
func (r StripeRefund) Why() string {
	if r.Failure == "" {
		return "Stripe reports the refund as " + r.Status
	}
	return "Stripe reports the refund as " + r.Status + " (" + r.Failure + ")"
}

// NoticeStep returns the step of the notice about the refund. The notice is unique by its step, so
// it is sent once.
func (r Refund) NoticeStep() string { return string(NoticeRefundMade) + ":" + string(r.ID) }

// MetaRefund is the metadata key for the refund's id on the refund at Stripe.
const MetaRefund = "tranche_refund"

// DisputeStatus is the state of a dispute, in Stripe's words. Source:
// docs.stripe.com/api/disputes/object.
type DisputeStatus string

const (
	// DisputeWarningNeedsResponse is an inquiry: the bank asks, and no money was withdrawn yet.
	DisputeWarningNeedsResponse DisputeStatus = "warning_needs_response"
	// DisputeWarningUnderReview is an inquiry that was answered.
	DisputeWarningUnderReview DisputeStatus = "warning_under_review"
	// DisputeWarningClosed is an inquiry that was closed without a dispute.
	DisputeWarningClosed DisputeStatus = "warning_closed"
	// DisputeNeedsResponse waits for the merchant's evidence; the money was withdrawn.
	DisputeNeedsResponse DisputeStatus = "needs_response"
	// DisputeUnderReview has the merchant's evidence and no decision yet.
	DisputeUnderReview DisputeStatus = "under_review"
	// DisputeWon returned the money to the merchant.
	DisputeWon DisputeStatus = "won"
	// DisputeLost left the money with the cardholder.
	DisputeLost DisputeStatus = "lost"
)

// Cleared reports whether the dispute is over and the merchant has the money; false for an unknown
// status.
func (s DisputeStatus) Cleared() bool { return s == DisputeWon || s == DisputeWarningClosed }

// StatusAfterReversals returns the status of a paid charge after refunds and disputes: disputed
// while a dispute is open or lost, refunded when the full amount was refunded, succeeded otherwise.
func (p RecordedPayment) StatusAfterReversals() ChargeStatus {
	switch {
	case p.Disputed && !p.Dispute.Cleared():
		return ChargeDisputed
	case p.Amount > 0 && p.AmountRefunded >= p.Amount:
		return ChargeRefunded
	}
	return ChargeSucceeded
}
