package billing

// DisputeStatus is the state of a dispute, in Stripe's words. Source:
// docs.stripe.com/api/disputes/object.
type DisputeStatus string

const (
	// DisputeWarningNeedsResponse is an inquiry: the bank asks, and no money was taken back yet.
	DisputeWarningNeedsResponse DisputeStatus = "warning_needs_response"
	// DisputeWarningUnderReview is an inquiry that was answered.
	DisputeWarningUnderReview DisputeStatus = "warning_under_review"
	// DisputeWarningClosed is an inquiry that came to nothing.
	DisputeWarningClosed DisputeStatus = "warning_closed"
	// DisputeNeedsResponse waits for the merchant's evidence; the money was taken back.
	DisputeNeedsResponse DisputeStatus = "needs_response"
	// DisputeUnderReview was answered.
	DisputeUnderReview DisputeStatus = "under_review"
	// DisputeWon gave the merchant the money back.
	DisputeWon DisputeStatus = "won"
	// DisputeLost left it with the cardholder.
	DisputeLost DisputeStatus = "lost"
)

// Cleared says whether the dispute is over and the merchant has the money. A status it does not
// know is not.
func (s DisputeStatus) Cleared() bool { return s == DisputeWon || s == DisputeWarningClosed }

// StatusAfterReversals is the status of a charge that was paid, given what became of the money
// since: disputed while a dispute is open or lost, refunded when all was given back, succeeded
// otherwise.
func (p RecordedPayment) StatusAfterReversals() ChargeStatus {
	switch {
	case p.Disputed && !p.Dispute.Cleared():
		return ChargeDisputed
	case p.Amount > 0 && p.AmountRefunded >= p.Amount:
		return ChargeRefunded
	}
	return ChargeSucceeded
}
