package operator

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// parseDue parses a future due time in the format of Terms.Due. A date falls due at the local time
// of day of like, moved by the plan's business day rule; an instant is kept as it is.
func (c *change) parseDue(text string, like time.Time) (time.Time, error) {
	parsed, err := schedule.ParseDue(text)
	switch {
	case err != nil:
		return time.Time{}, invalid("due", "%q: %s", text, err)
	case parsed.OnRequest:
		return time.Time{}, invalid("due", "is missing; give a date like 2026-12-20")
	}
	rule := c.Plan.ScheduleFor(c.Charges, c.Work.Rules, c.Location()).BusinessDay
	due := parsed.At(c.timeOfDay(like), c.Location(), rule, c.Work.Rules.Holidays)
	return due, c.checkDue("due", due)
}

func (c *change) checkDue(field string, due time.Time) error {
	switch {
	case !due.After(c.Now):
		return invalid(field, "%s is not in the future", due.Format(time.RFC3339))
	case due.After(billing.LatestDue(c.Now)):
		return invalid(field, "%s is too far away", due.Format(time.RFC3339))
	}
	return nil
}

// dueNow returns now, or the millisecond after an earlier charge that fell due now.
func (c *change) dueNow(id billing.ChargeID) time.Time {
	due := c.Now
	for _, ch := range c.Charges {
		if ch.ID == id {
			break
		}
		if !ch.Status.Ended() && !ch.DueAt.Before(due) && !ch.DueAt.After(c.Now.Add(time.Second)) {
			due = ch.DueAt.Add(time.Millisecond)
		}
	}
	return due
}

// following returns the next n dates after the last charge, on the plan's schedule: the dates that
// a plan with more parts would have had from the beginning.
func (c *change) following(op Operation, every string, n int) ([]time.Time, error) {
	last := c.last()
	if last.DueAt.IsZero() {
		return nil, c.orRefuse(nil, op, fmt.Sprintf("charge %d is due on request: collect it first", last.Sequence))
	}
	s, err := c.scheduleEvery(every, last)
	if err != nil {
		return nil, err
	}
	dues, rest := s.Take(n, billing.LaterOf(last.DueAt, c.Now), c.Location(), c.Work.Rules.Holidays)
	if err := c.checkDue("every", dues[n-1]); err != nil {
		return nil, err
	}
	c.Plan.Schedule = rest
	return dues, nil
}

// scheduleEvery returns the plan's schedule with another interval, or with its own if every is
// empty. Another interval counts from the agreed date of the last charge.
func (c *change) scheduleEvery(every string, last billing.Charge) (schedule.Schedule, error) {
	s := c.Plan.ScheduleFor(c.Charges, c.Work.Rules, c.Location())
	interval := s.Every
	if every == "" && interval.Count == 0 {
		return s, invalid("every", "the plan has no interval of its own: give one, such as 1 month")
	}
	if every != "" {
		var err error
		if interval, err = calendar.ParseInterval(every); err != nil {
			return s, invalid("every", "%s", err)
		}
	}
	return s.WithInterval(interval, last.DueAt, c.Location(), c.Work.Rules.Holidays), nil
}
