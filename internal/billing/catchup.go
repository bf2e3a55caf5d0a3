package billing

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/calendar"
)

// CatchUp is the rule for periods of a plan that an outage missed.
type CatchUp string

const (
	// CatchUpDaily makes the missed charges, one per day and customer. It is the default.
	CatchUpDaily CatchUp = ""
	// CatchUpAll makes all missed charges at once.
	CatchUpAll CatchUp = "all"
	// CatchUpLatest makes the charge of the last missed period and skips the others. Recurring
	// plans only.
	CatchUpLatest CatchUp = "latest"
	// CatchUpNone skips all missed charges. Recurring plans only.
	CatchUpNone CatchUp = "none"
)

// Problem explains why the rule does not suit a kind of plan; empty when it does. The total of a
// plan that does not recur stays owed, so none of its charges can be skipped.
func (c CatchUp) Problem(kind PlanKind) string {
	switch c {
	case CatchUpDaily, CatchUpAll:
		return ""
	case CatchUpLatest, CatchUpNone:
		if kind == KindRecurring {
			return ""
		}
		return fmt.Sprintf("%q is for recurring plans only: the total of other plans stays owed", string(c))
	}
	return fmt.Sprintf("is %q; use %q, %q, %q or %q", string(c), dailyWord, CatchUpAll, CatchUpLatest, CatchUpNone)
}

// dailyWord is the name of the default.
const dailyWord = "daily"

// String returns the rule's name; the default is daily.
func (c CatchUp) String() string {
	if c == CatchUpDaily {
		return dailyWord
	}
	return string(c)
}

// UnmarshalText reads a rule; "daily" is the default. An unknown name is kept, for Problem to
// report.
func (c *CatchUp) UnmarshalText(text []byte) error {
	*c = CatchUpOf(string(text))
	return nil
}

// CatchUpOf returns the rule with a name, as UnmarshalText does.
func CatchUpOf(s string) CatchUp {
	if s == dailyWord {
		return CatchUpDaily
	}
	return CatchUp(s)
}

// MissedAfter is how late a due charge must be claimed to count as missed. Six hours is longer than
// a deployment, a failover or a backlog in the queue lasts, and shorter than a night: a charge due
// at 09:00 that is found after 15:00 is not made together with others.
const MissedAfter = 6 * time.Hour

// ChargingWindow is how long after the local charge time a missed charge may be made: from 09:00 to
// 21:00 with the default charge time. Customers may be asleep at other times.
const ChargingWindow = 12 * time.Hour

// Missed reports whether a charge is so late that no worker can have run when it fell due.
func (c Charge) Missed(now time.Time) bool {
	return c.Status == ChargeScheduled && !c.NextAttemptAt.IsZero() && now.Sub(c.NextAttemptAt) > MissedAfter
}

// ChargingTime returns the earliest time from now on when a missed charge may be made: now within
// the charging window, otherwise the start of the next window. at is the local charge time.
func ChargingTime(now time.Time, at calendar.LocalTime, loc *time.Location) time.Time {
	today := calendar.DateOf(now, loc)
	for _, day := range []calendar.Date{today.AddDays(-1), today, today.AddDays(1)} { // yesterday's may end after midnight
		begin := day.At(at, loc)
		if now.Before(begin) {
			return begin
		}
		if now.Before(begin.Add(ChargingWindow)) {
			return now
		}
	}
	return today.AddDays(2).At(at, loc) // no clock is set that far
}

// CatchUpTx assigns the days for missed charges. It is part of Tx.
type CatchUpTx interface {
	// TakeCatchUpDay assigns to a charge the first day, from the date from on, that no other missed
	// charge of the customer has. A charge keeps the day it has.
	TakeCatchUpDay(ctx context.Context, customer CustomerID, charge ChargeID, from calendar.Date, now time.Time) (calendar.Date, error)
}

// NextCatchUp assigns a day to a missed charge, and returns when the charge is made on that day.
func NextCatchUp(ctx context.Context, tx CatchUpTx, c Charge, now time.Time, at calendar.LocalTime, loc *time.Location) (time.Time, error) {
	first := ChargingTime(now, at, loc)
	from := calendar.DateOf(first, loc)
	day, err := tx.TakeCatchUpDay(ctx, c.CustomerID, c.ID, from, now)
	if err != nil || day == from {
		return first, err
	}
	return day.At(at, loc), nil
}
