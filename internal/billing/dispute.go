package billing

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
