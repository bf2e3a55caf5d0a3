package followup

import (
	"context"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/planwork"
)

// CountedDeclines returns the times of the declines of the charge's amount on a card that the
// networks still count, whichever charge they were for. fingerprint is planwork.Work.Fingerprint of
// the card; an empty one has no declines. Errors: billing.ErrUnavailable.
func CountedDeclines(ctx context.Context, t *planwork.Tx, c *billing.Charge, fingerprint string) ([]time.Time, error) {
	if fingerprint == "" {
		return nil, nil
	}
	return t.CardDeclines(ctx, c.On(fingerprint), t.Now.Add(-dunning.CapWindow))
}

// CodeCapped is the decline code of a charge that was not tried, because its card was declined so
// often that the networks allow no attempt before the deadline.
const CodeCapped = "network_cap"

// wasAsked reports whether the customer was already asked for another card, for a charge of the
// plan that waits for the same reason.
func wasAsked(t *planwork.Tx, c *billing.Charge, cause string) bool {
	for _, other := range t.Charges {
		if other.ID != c.ID && other.Status == billing.ChargeRequiresPaymentMethod && cause == CodeCapped && other.DeclineCode == cause {
			return true
		}
	}
	return false
}
