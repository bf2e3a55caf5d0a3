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
