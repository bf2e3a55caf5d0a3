package collect

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// otherAmount handles a payment whose amount differs from the charge's, because the PaymentIntent
// was changed at Stripe. The payment does not count as this charge. An operator must look, and
// nothing more is charged. A charge that has ended keeps its status.
func otherAmount(t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent) error {
	reason := fmt.Sprintf("%s took %s and not %s; it was changed at Stripe", pi.ID,
		money.FormatAmount(pi.Amount, pi.Currency), money.FormatAmount(c.Amount, c.Currency))
	if c.Reason == reason {
		return nil // it is already reported
	}
	t.Work.Log.Error().Str("charge", string(c.ID)).Str("payment_intent", pi.ID).Msg("paid amount differs from the charge")
	t.AuditBy(c, billing.ActorStripe, "charge.amount_differs", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "an operator must look")
	if c.Status.Ended() {
		t.ClearSchedule(c)
		c.Reason = reason
		return nil
	}
	return t.Move(c, billing.ChargeFailed, reason, time.Time{})
}

// SameAmount reports whether a PaymentIntent has the amount and currency of the charge.
func SameAmount(c billing.Charge, pi billing.PaymentIntent) bool {
	return pi.Amount == c.Amount && pi.Currency == c.Currency
}
