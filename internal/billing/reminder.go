package billing

import (
	"context"
	"fmt"
	"time"
)

// DueCharge is a charge and when it falls due.
type DueCharge struct {
	ID    ChargeID
	DueAt time.Time
}

// ReminderStore finds what customers are to be told ahead of time.
type ReminderStore interface {
	// UpcomingCharges lists scheduled charges of plans that collect, due after the given one (the
	// zero ID begins with its DueAt) and until to, whose customers were not told by mail; earliest
	// first. A charge of a plan that became active less than lead before it is left out: its
	// customer has just seen the date. A limit above MaxPage means MaxPage.
	UpcomingCharges(ctx context.Context, after DueCharge, to time.Time, lead time.Duration, limit int) ([]DueCharge, error)
	// ExpiringCards lists active cards that expire at the end of the month, with an id after the
	// given one, that a plan which collects is to charge later, and whose customers were not told
	// by mail; by id. Later is on the UTC calendar and half a day early: the caller looks at the
	// customer's own. A limit above MaxPage means MaxPage.
	ExpiringCards(ctx context.Context, year int, month time.Month, after CardID, limit int) ([]CardID, error)
	// OpenCheckouts lists plans that wait for their first payment or card, with an id after the
	// given one, whose customers were not reminded by mail; by id. A limit above MaxPage means
	// MaxPage.
	OpenCheckouts(ctx context.Context, after PlanID, limit int) ([]Plan, error)
}

// StepCardExpiring is the step of the notice that a card expires at the end of a month: once for
// each card and month.
func StepCardExpiring(id CardID, year int, month time.Month) string {
	return fmt.Sprintf("%s:%s:%04d-%02d", NoticeCardExpiring, id, year, month)
}
