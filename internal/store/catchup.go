package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

// catchUpTries bounds how often a day is looked for while others take theirs at the same time.
const catchUpTries = 20

// TakeCatchUpDay takes the customer's first free day. Two transactions never take the same one: the
// second waits for the first and then looks on. Errors: ErrUnavailable.
func (t *tx) TakeCatchUpDay(ctx context.Context, customer billing.CustomerID, charge billing.ChargeID, from calendar.Date, now time.Time) (calendar.Date, error) {
	doing := "take a day for the missed charge " + string(charge)
	scan := func(row scanner) (day calendar.Date, err error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return day, err
		}
		return calendar.ParseDate(text)
	}
	has, err := one(ctx, t.conn, doing, scan, "SELECT day FROM catch_up_days WHERE charge_id = $1", charge)
	if err == nil && !from.After(has) {
		return has, nil
	}
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return has, err
	}
	if _, err := t.exec(ctx, doing, "DELETE FROM catch_up_days WHERE charge_id = $1", charge); err != nil {
		return has, err
	}
	for range catchUpTries {
		taken, err := all(ctx, t.conn, doing, scan, "SELECT day FROM catch_up_days WHERE customer_id = $1 AND day >= $2 ORDER BY day", customer, from.String())
		if err != nil {
			return from, err
		}
		day := firstFree(from, taken)
		added, err := t.insertRows(ctx, doing, "catch_up_days", "customer_id, day, charge_id, created_at", [][]any{{customer, day.String(), charge, millis(now)}})
		if err != nil || added > 0 {
			return day, err
		}
	}
	return from, fmt.Errorf("%s: others take days all the time: %w", doing, billing.ErrUnavailable)
}

// firstFree is the first day, from on, that is not taken. taken is in order, and begins no earlier
// than from.
func firstFree(from calendar.Date, taken []calendar.Date) calendar.Date {
	day := from
	for _, other := range taken {
		if other != day {
			break
		}
		day = day.AddDays(1)
	}
	return day
}
