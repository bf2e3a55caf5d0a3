package billing

import (
	"context"
	"fmt"
	"time"
)

// CatchUp is what becomes of the periods of a plan that an outage missed.
type CatchUp string

const (
	// CatchUpDaily charges what was missed, one charge a day for a customer. It is the default.
	CatchUpDaily CatchUp = ""
	// CatchUpAll charges everything that was missed at once.
	CatchUpAll CatchUp = "all"
	// CatchUpLatest skips what was missed but for the last period. It is for recurring plans.
	CatchUpLatest CatchUp = "latest"
	// CatchUpNone skips everything that was missed. It is for recurring plans.
	CatchUpNone CatchUp = "none"
)

// Problem is why a plan of a kind can't catch up so; empty when it can. The amount of a plan that
// does not recur stays owed whatever is missed.
func (c CatchUp) Problem(kind PlanKind) string {
	switch c {
	case CatchUpDaily, CatchUpAll:
		return ""
	case CatchUpLatest, CatchUpNone:
		if kind == KindRecurring {
			return ""
		}
		return fmt.Sprintf("%q goes with a recurring plan: the amount of another plan stays owed", string(c))
	}
	return fmt.Sprintf("is %q; use %q, %q, %q or %q", string(c), dailyWord, CatchUpAll, CatchUpLatest, CatchUpNone)
}

// dailyWord is how the default is written.
const dailyWord = "daily"

// String writes the default as daily.
func (c CatchUp) String() string {
	if c == CatchUpDaily {
		return dailyWord
	}
	return string(c)
}

// UnmarshalText reads a choice; "daily" is the default. An unknown one is kept, for Problem to
// report.
func (c *CatchUp) UnmarshalText(text []byte) error {
	*c = CatchUpOf(string(text))
	return nil
}

// CatchUpOf reads a choice as UnmarshalText does.
func CatchUpOf(s string) CatchUp {
	if s == dailyWord {
		return CatchUpDaily
	}
	return CatchUp(s)
}

// MissedAfter is how late a due charge is found before it counts as missed. Six hours is more than
// a deployment, a failover or a busy queue takes, and less than a night: a charge of 09:00 that is
// found later than 15:00 is not made together with others.
const MissedAfter = 6 * time.Hour

// ChargingWindow is how long after the local time of day of charges a missed charge may be made:
// from 09:00 to 21:00 with the default time. Customers are asleep outside of it.
const ChargingWindow = 12 * time.Hour

// Missed reports whether a charge is found so late that nothing ran when it was to be made.
func (c Charge) Missed(now time.Time) bool {
	return c.Status == ChargeScheduled && !c.NextAttemptAt.IsZero() && now.Sub(c.NextAttemptAt) > MissedAfter
}

// ChargingTime is the earliest time from now on at which a missed charge may be made: now within
// the charging hours, and otherwise when they begin next. at is the local time of day of charges.
func ChargingTime(now time.Time, at LocalTime, loc *time.Location) time.Time {
	today := DateOf(now, loc)
	for _, day := range []Date{today.AddDays(-1), today, today.AddDays(1)} { // yesterday's may end after midnight
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

// CatchUpTx keeps the days on which missed charges are made. It is part of Tx.
type CatchUpTx interface {
	// TakeCatchUpDay gives a charge the customer's first day from a date on that no other missed
	// charge has. A charge that has such a day keeps it.
	TakeCatchUpDay(ctx context.Context, customer CustomerID, charge ChargeID, from Date, now time.Time) (Date, error)
}

// NextCatchUp takes a day for a missed charge, and returns when the charge is made on it.
func NextCatchUp(ctx context.Context, tx CatchUpTx, c Charge, now time.Time, at LocalTime, loc *time.Location) (time.Time, error) {
	first := ChargingTime(now, at, loc)
	from := DateOf(first, loc)
	day, err := tx.TakeCatchUpDay(ctx, c.CustomerID, c.ID, from, now)
	if err != nil || day == from {
		return first, err
	}
	return day.At(at, loc), nil
}
