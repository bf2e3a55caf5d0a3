package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// FuzzTermsFromMetadata: metadata on a PaymentIntent is refused, or is a plan whose parts add up
// and whose first part is the amount that the customer is about to pay.
func FuzzTermsFromMetadata(f *testing.F) {
	f.Add(int64(25003), "usd", "installments", "100003", "4", "1 month", "", "Europe/London")
	f.Add(int64(50000), "eur", "deposit", "250000", "", "", "2026-12-20", "")
	f.Add(int64(1), "kwd", "deposit", "9223372036854775807", "", "", "9999-12-31", "Local")
	f.Add(int64(-1), "", "installments", "-5", "500", "999999 days", "", "Antarctica/Troll")
	f.Add(int64(100), "jpy", "installments", "9223372036854775807", "2", "week", "", "Asia/Kathmandu")
	f.Fuzz(func(t *testing.T, amount int64, currency, kind, total, parts, every, balanceDue, zone string) {
		tm, err := billing.TermsFromMetadata(billing.PaymentIntent{ID: "pi_1", Amount: amount, Currency: money.Currency(currency), Metadata: map[string]string{
			billing.MetaKind: kind, billing.MetaTotal: total, billing.MetaParts: parts, billing.MetaEvery: every,
			billing.MetaBalanceDue: balanceDue, billing.MetaTimeZone: zone,
		}})
		if err != nil {
			require.NotEmpty(t, billing.InMetadataWords(err).Error())
			return
		}
		draft, err := tm.Draft(now, rules)
		drafts := draft.Charges
		if err != nil {
			require.NotEmpty(t, billing.InMetadataWords(err).Error())
			return
		}
		require.Equal(t, amount, drafts[0].Amount)
		requireDrafts(t, tm, drafts)
	})
}

// requireDrafts requires amounts above zero that add up to the total, each due after the previous
// one.
func requireDrafts(t *testing.T, tm billing.Terms, drafts []billing.ChargeDraft) {
	t.Helper()
	var sum int64
	for i, d := range drafts {
		require.Positive(t, d.Amount)
		require.Positive(t, sum+d.Amount, "the sum overflows")
		sum += d.Amount
		if i > 0 {
			require.True(t, d.DueAt.After(drafts[i-1].DueAt))
		}
	}
	require.Equal(t, tm.Total, sum)
}

// FuzzDateAt: in every zone, a time of day has one instant on each day. It lies on that day, or
// right after a gap in that day, and the next day's is later.
func FuzzDateAt(f *testing.F) {
	f.Add(2026, 3, 29, 1, 30, "Europe/London")
	f.Add(2026, 10, 25, 1, 30, "Europe/London")
	f.Add(2011, 12, 30, 9, 0, "Pacific/Apia") // a day that was left out
	f.Add(2026, 4, 5, 1, 45, "Australia/Lord_Howe")
	f.Add(2024, 2, 29, 0, 0, "Africa/Cairo")
	f.Add(1970, 1, 1, 23, 59, "Asia/Kathmandu")
	f.Fuzz(func(t *testing.T, year, month, day, hour, minute int, zone string) {
		if year < 1971 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 28 || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
			return // no plan is created from these
		}
		loc := billing.LoadLocation(zone)
		date, at := calendar.Date{Year: year, Month: time.Month(month), Day: day}, calendar.LocalTime{Hour: hour, Minute: minute}
		instant := date.At(at, loc)
		require.False(t, date.AddDays(1).At(at, loc).Before(instant))
		wall := instant.In(loc)
		if wall.Hour() == hour && wall.Minute() == minute && calendar.DateOf(instant, loc) == date {
			return
		}
		_, before := instant.Add(-time.Nanosecond).In(loc).Zone()
		_, after := wall.Zone()
		require.Greater(t, after, before, "another time only right after clocks went forward")
	})
}
