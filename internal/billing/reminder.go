package billing

import (
	"context"
	"fmt"
	"time"
)

// DueCharge is a charge and its due time.
type DueCharge struct {
	ID    ChargeID
	DueAt time.Time
}

// ReminderStore finds the charges and cards that need an advance notice.
type ReminderStore interface {
	// UpcomingCharges lists scheduled charges of collecting plans without an advance notice by
	// mail, due after the given one (the zero ID begins with its DueAt) and until to, earliest
	// first. It skips charges of plans that became active less than lead before the charge: their
	// customers have just seen the date. A limit above MaxPage means MaxPage.
	UpcomingCharges(ctx context.Context, after DueCharge, to time.Time, lead time.Duration, limit int) ([]DueCharge, error)
	// ExpiringCards lists active cards, with an id after the given one, that expire at the end of
	// the month, that a collecting plan is to charge later, and whose customers have no notice
	// about it by mail; sorted by id. Later is measured in UTC and half a day early, so the caller
	// checks in the customer's time zone. A limit above MaxPage means MaxPage.
	ExpiringCards(ctx context.Context, year int, month time.Month, after CardID, limit int) ([]CardID, error)
	// OpenCheckouts lists plans that wait for their first payment or card, with an id after the
	// given one, and whose customers have no reminder of it by mail; sorted by id. A limit above
	// MaxPage means MaxPage.
	OpenCheckouts(ctx context.Context, after PlanID, limit int) ([]Plan, error)
}

// StepCardExpiring returns the step of the notice that a card expires at the end of a month: one
// for each card and month.
func StepCardExpiring(id CardID, year int, month time.Month) string {
	return fmt.Sprintf("%s:%s:%04d-%02d", NoticeCardExpiring, id, year, month)
}

// StepUpcoming returns the step of the advance notice of a charge. It contains the due date, so
// that a charge that is moved is announced again.
func StepUpcoming(due time.Time) string {
	return fmt.Sprintf("%s:%d", NoticeUpcomingCharge, due.UnixMilli())
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
