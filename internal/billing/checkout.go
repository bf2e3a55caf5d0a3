package billing

import "time"

// ExpiryAfter returns when a plan that waits for its checkout is canceled: the time in its own
// terms, or days after it was created. Zero means never, as for 0 days.
func (p Plan) ExpiryAfter(days int) time.Time {
	if !p.ExpiresAt.IsZero() || days == 0 {
		return p.ExpiresAt
	}
	return p.CreatedAt.AddDate(0, 0, days)
}

const (
	// checkoutReminderAfter is the time from the creation of a plan to the reminder of its
	// checkout.
	checkoutReminderAfter = 24 * time.Hour
	// checkoutReminderLate is how long after that the reminder may still be sent.
	checkoutReminderLate = 7 * 24 * time.Hour
)

// StepCheckoutReminder is the step of the notice that reminds the customer of a checkout. It is
// sent once per plan, for its first charge.
const StepCheckoutReminder = string(NoticeCheckoutReminder)

// CheckoutReminder returns the window for reminding the customer of a plan's open checkout. It
// starts a day after the plan was created, or halfway to its expiry if that is sooner. It ends a
// week later, or at the expiry if that is sooner. days is the days of ExpiryAfter.
func (p Plan) CheckoutReminder(days int) (from, until time.Time) {
	from = p.CreatedAt.Add(checkoutReminderAfter)
	expires := p.ExpiryAfter(days)
	if expires.IsZero() {
		return from, from.Add(checkoutReminderLate)
	}
	if half := p.CreatedAt.Add(expires.Sub(p.CreatedAt) / 2); half.Before(from) {
		from = half
	}
	if until = from.Add(checkoutReminderLate); expires.Before(until) {
		until = expires
	}
	return from, until
}

// RemindsOfCheckout reports whether the customer should be reminded of the checkout at a time.
func (p Plan) RemindsOfCheckout(now time.Time, days int) bool {
	from, until := p.CheckoutReminder(days)
	return p.Status == PlanAwaitingFirstPayment && !now.Before(from) && now.Before(until)
}

// FirstWithCheckoutReminder returns the lowest possible id of a plan whose customer may still be
// reminded of its checkout at a time.
func FirstWithCheckoutReminder(now time.Time) PlanID {
	return FirstPlanID(now.Add(-checkoutReminderAfter - checkoutReminderLate))
}
