package forecast

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/outbox"
)

// nextWake returns the time of the next row that becomes due, or zero if none does. A plan that is
// paused or over waits for a person.
func (w *world) nextWake(ctx context.Context) (time.Time, error) {
	plan, charges, err := w.details(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := earliest{after: w.time}
	if err := w.noticeWakes(ctx, &next); err != nil {
		return time.Time{}, err
	}
	if !stands(plan.Status) {
		for _, c := range charges {
			next.add(c.ClaimAfter)
			if plan.Status.Collects() && c.Status == billing.ChargeScheduled && w.f.UpcomingDays > 0 && !c.DueAt.IsZero() {
				next.add(c.DueAt.Add(-time.Duration(w.f.UpcomingDays) * 24 * time.Hour))
			}
		}
		if err := w.dunningWakes(ctx, charges, &next); err != nil {
			return time.Time{}, err
		}
		if err := w.expiryWake(ctx, plan, &next); err != nil {
			return time.Time{}, err
		}
	}
	return next.at, nil
}

// stands reports whether nothing more happens to a plan automatically.
func stands(s billing.PlanStatus) bool {
	switch s {
	case billing.PlanPaused, billing.PlanCanceled, billing.PlanCompleted, billing.PlanDefaulted:
		return true
	}
	return false
}

// earliest is the earliest of the future times; zero if there are none.
type earliest struct{ after, at time.Time }

func (e *earliest) add(t time.Time) {
	if t.After(e.after) && (e.at.IsZero() || t.Before(e.at)) {
		e.at = t
	}
}

func (w *world) noticeWakes(ctx context.Context, next *earliest) error {
	for n, err := range billing.EachNotice(ctx, w.store, billing.NoticeFilter{Plan: w.plan, Status: billing.NoticePending}) {
		if err != nil {
			return err
		}
		next.add(n.ClaimAfter)
	}
	return nil
}

// dunningWakes adds the dunnings of charges that failed and are still open.
func (w *world) dunningWakes(ctx context.Context, charges []billing.Charge, next *earliest) error {
	for _, c := range charges {
		if c.Status.Ended() || c.AttemptCount == 0 && c.Reason == "" {
			continue
		}
		d, err := w.store.Dunning(ctx, c.ID)
		if errors.Is(err, billing.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if d.Status == billing.DunningOpen {
			next.add(d.ClaimAfter)
		}
	}
	return nil
}

// expiryWake adds the time at which the customer is warned that the plan's card expires: see
// outbox.Reminders.Expiring.
func (w *world) expiryWake(ctx context.Context, plan billing.Plan, next *earliest) error {
	if plan.CardID == "" || !plan.Status.Collects() {
		return nil
	}
	card, err := w.store.Card(ctx, plan.CardID)
	if err != nil || card.ExpYear == 0 {
		return err
	}
	next.add(outbox.ExpiringFrom(card.ExpYear, time.Month(card.ExpMonth)))
	return nil
}
