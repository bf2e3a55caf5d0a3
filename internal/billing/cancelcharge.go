package billing

import "time"

// Cancel ends the collection of a charge of plan p. No other function sets ChargeCanceled. While
// the customer could still pay the charge at Stripe, it stays due at now, so that a worker cancels
// the PaymentIntent or SetupIntent there. The worker clears the schedule once it sees that object
// canceled. Errors: ErrConflict when the charge is paid.
func (c *Charge) Cancel(p Plan, reason string, now time.Time) error {
	return c.moveTo(ChargeCanceled, reason, c.VoidAt(p, now))
}

// VoidAt returns when a worker is to cancel the PaymentIntent or SetupIntent of a charge of plan p
// that must not be paid any more: now, or the zero time when Stripe holds neither. An attempt
// without a PaymentIntent counts, because the response that names it may be lost or still in
// flight.
func (c Charge) VoidAt(p Plan, now time.Time) time.Time {
	if c.PaymentIntent != "" || c.AttemptCount > 0 || p.AwaitedCard(c) {
		return now
	}
	return time.Time{}
}

// Void reports whether the charge's PaymentIntent must not take money: the charge is canceled, or
// was paid outside Stripe.
func (c Charge) Void() bool { return c.Status == ChargeCanceled || c.PaidOutside }

// NoteIntent records the PaymentIntent of the charge. A charge that must not be paid becomes due at
// now, so that a worker cancels the PaymentIntent.
func (c *Charge) NoteIntent(id string, now time.Time) {
	c.PaymentIntent = id
	if c.Void() {
		c.NextAttemptAt, c.ClaimAfter = now, now
	}
}
