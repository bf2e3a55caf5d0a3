package terms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// inOneLine formats a draft as one line: "checkout" or "saved", then each charge, then the
// recurrence.
func inOneLine(d terms.Draft, loc *time.Location) string {
	var b strings.Builder
	b.WriteString(map[bool]string{true: "checkout", false: "saved"}[d.Charges[0].Checkout])
	for _, c := range d.Charges {
		when := "on request"
		if !c.DueAt.IsZero() {
			when = c.DueAt.In(loc).Format("2006-01-02T15:04")
		}
		fmt.Fprintf(&b, " | %d %s", c.Amount, when)
	}
	if r := d.Recurrence; !r.IsZero() {
		fmt.Fprintf(&b, " | then %d every %s", r.Amount, r.Every)
		for i, c := range r.Upcoming(3, loc, calendar.Holidays{}) {
			b.WriteString(map[bool]string{true: ": ", false: ", "}[i == 0] + c.DueAt.In(loc).Format("2006-01-02"))
		}
		if !r.Endless() {
			b.WriteString(", which ends")
		}
	}
	return b.String()
}

// TestDraftsOfEveryKind runs at 22:15 on Saturday, 31 January 2026, in London.
func TestDraftsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ why, body, want string }{
		{"the remainder last", `"kind": "installments", "total": 100000, "parts": 3, "every": "1 month", "remainder": "last"`,
			"checkout | 33333 2026-01-31T22:15 | 33333 2026-02-28T09:00 | 33334 2026-03-31T09:00"},
		{"the remainder spread", `"kind": "installments", "total": 100001, "parts": 3, "every": "1 month", "remainder": "spread"`,
			"checkout | 33334 2026-01-31T22:15 | 33334 2026-02-28T09:00 | 33333 2026-03-31T09:00"},
		{"a first part of another size, the remainder last", `"kind": "installments", "total": 100000, "parts": 3, "every": "week", "first_amount": 5001, "remainder": "last"`,
			"checkout | 5001 2026-01-31T22:15 | 47499 2026-02-07T09:00 | 47500 2026-02-14T09:00"},
		{"the first part later", `"kind": "installments", "total": 3000, "parts": 3, "every": "1 month", "starts": "2026-03-31"`,
			"saved | 1000 2026-03-31T09:00 | 1000 2026-04-30T09:00 | 1000 2026-05-31T09:00"},
		{"the first part at an instant, whose time of day the others keep", `"kind": "installments", "total": 3000, "parts": 2, "every": "1 month", "starts": "2026-03-31T18:30:00+01:00"`,
			"saved | 1500 2026-03-31T18:30 | 1500 2026-04-30T18:30"},
		{"a saved card", `"kind": "installments", "total": 3000, "parts": 2, "every": "1 month", "card": "default"`,
			"saved | 1500 2026-01-31T22:15 | 1500 2026-02-28T09:00"},
		{"a list that begins later", `"kind": "installments", "charges": [{"amount": 1000, "due": "2026-02-10"}, {"amount": 700, "due": "2 weeks after 2026-02-10"}]`,
			"saved | 1000 2026-02-10T09:00 | 700 2026-02-24T09:00"},
		{"a deposit of 12.5 per cent, rounded half up", `"kind": "deposit", "total": 100004, "deposit_percent": "12.5", "balance_due": "2026-05-01"`,
			"checkout | 12501 2026-01-31T22:15 | 87503 2026-05-01T09:00"},
		{"the balance days before a date", `"kind": "deposit", "total": 10000, "deposit": 2000, "balance_due": "30 days before 2026-07-14"`,
			"checkout | 2000 2026-01-31T22:15 | 8000 2026-06-14T09:00"},
		{"the balance a month before a long one's end", `"kind": "deposit", "total": 10000, "deposit": 2000, "balance_due": "1 month before 2026-07-31"`,
			"checkout | 2000 2026-01-31T22:15 | 8000 2026-06-30T09:00"},
		{"the balance on request", `"kind": "deposit", "total": 10000, "deposit": 2000, "balance_due": "on request"`,
			"checkout | 2000 2026-01-31T22:15 | 8000 on request"},
		{"a deposit later", `"kind": "deposit", "total": 10000, "deposit": 2000, "starts": "2026-02-02", "balance_due": "2026-05-01"`,
			"saved | 2000 2026-02-02T09:00 | 8000 2026-05-01T09:00"},
		{"recurring without an end", `"kind": "recurring", "amount": 1900, "every": "1 month"`,
			"checkout | 1900 2026-01-31T22:15 | then 1900 every 1 month: 2026-02-28, 2026-03-31, 2026-04-30"},
		{"recurring three times", `"kind": "recurring", "amount": 1900, "every": "2 weeks", "parts": 3`,
			"checkout | 1900 2026-01-31T22:15 | then 1900 every 2 weeks: 2026-02-14, 2026-02-28, which ends"},
		{"recurring once", `"kind": "recurring", "amount": 1900, "every": "2 weeks", "parts": 1`, "checkout | 1900 2026-01-31T22:15"},
		{"recurring until the last date, which counts", `"kind": "recurring", "amount": 1900, "every": "3 days", "until": "2026-02-06"`,
			"checkout | 1900 2026-01-31T22:15 | then 1900 every 3 days: 2026-02-03, 2026-02-06, which ends"},
		{"recurring until before the second", `"kind": "recurring", "amount": 1900, "every": "3 days", "until": "2026-02-02"`,
			"checkout | 1900 2026-01-31T22:15"},
		{"recurring until a span after a date", `"kind": "recurring", "amount": 1900, "every": "1 year", "until": "2 years after 2026-01-31"`,
			"checkout | 1900 2026-01-31T22:15 | then 1900 every 1 year: 2027-01-31, 2028-01-31, which ends"},
		{"a first payment of another size", `"kind": "recurring", "amount": 1900, "every": "1 month", "first_amount": 4900`,
			"checkout | 4900 2026-01-31T22:15 | then 1900 every 1 month: 2026-02-28, 2026-03-31, 2026-04-30"},
		{"a trial", `"kind": "recurring", "amount": 1900, "every": "1 month", "trial": "14 days"`,
			"saved | 1900 2026-02-14T09:00 | then 1900 every 1 month: 2026-03-14, 2026-04-14, 2026-05-14"},
		{"a trial that is paid for", `"kind": "recurring", "amount": 1900, "every": "1 month", "trial": "14 days", "first_amount": 100`,
			"checkout | 100 2026-01-31T22:15 | then 1900 every 1 month: 2026-02-14, 2026-03-14, 2026-04-14"},
		{"recurring from a date on", `"kind": "recurring", "amount": 1900, "every": "1 month", "starts": "2026-03-31"`,
			"saved | 1900 2026-03-31T09:00 | then 1900 every 1 month: 2026-04-30, 2026-05-31, 2026-06-30"},
		{"recurring off weekends, counted from the date itself", `"kind": "recurring", "amount": 1900, "every": "1 month", "starts": "2026-05-31", "business_day": "modified_following"`,
			"saved | 1900 2026-05-29T09:00 | then 1900 every 1 month: 2026-06-30, 2026-07-31, 2026-08-31"},
		{"deferred", `"kind": "deferred", "total": 9900, "due": "2026-03-01"`, "saved | 9900 2026-03-01T09:00"},
		{"deferred to an instant", `"kind": "deferred", "total": 9900, "due": "2026-03-01T12:00:00Z"`, "saved | 9900 2026-03-01T12:00"},
		{"deferred until asked for", `"kind": "deferred", "total": 9900, "due": "on request"`, "saved | 9900 on request"},
		{"deferred, off a weekend", `"kind": "deferred", "total": 9900, "due": "2026-03-01", "business_day": "following"`, "saved | 9900 2026-03-02T09:00"},
		{"an instant stays, weekend or not", `"kind": "deferred", "total": 9900, "due": "2026-03-01T12:00:00Z", "business_day": "following"`, "saved | 9900 2026-03-01T12:00"},
	} {
		tm := requested(t, `{"reference": "o", "currency": "usd", `+tc.body+`, `+ada+`}`)
		draft, err := tm.Draft(now, rules)
		require.NoError(t, err, tc.why)
		require.Equal(t, tc.want, inOneLine(draft, tm.Location()), tc.why)
	}
}

func TestFaultsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ why, body, want string }{
		{"fields of another kind", `"kind": "recurring", "amount": 1900, "every": "month", "total": 5, "deposit": 3, "due": "2026-03-01"`,
			"total: does not go with a plan of kind recurring"},
		{"a remainder that is none", `"kind": "installments", "total": 3000, "parts": 3, "every": "month", "remainder": "random"`, `remainder: is "random"; use "first"`},
		{"a rule that is none", `"kind": "deferred", "total": 3000, "due": "2026-03-01", "business_day": "nearest"`, `business_day: is "nearest"; use "following"`},
		{"a list beside a count", `"kind": "installments", "parts": 2, "starts": "2026-03-01", "charges": [{"amount": 1000}, {"amount": 700, "due": "2026-02-10"}]`,
			"parts: does not go with a list of charges"},
		{"a part below the minimum", `"kind": "installments", "total": 140, "parts": 3, "every": "month"`, "total: charge 1 of 3 is 0.48 USD; the minimum at Stripe is 0.50 USD"},
		{"a start in the past", `"kind": "installments", "total": 3000, "parts": 3, "every": "month", "starts": "2026-01-30"`, "starts: 2026-01-30 is not later than now"},
		{"a start on request", `"kind": "installments", "total": 3000, "parts": 3, "every": "month", "starts": "on request"`, "starts: needs a date"},
		{"a deposit said twice", `"kind": "deposit", "total": 3000, "deposit": 1000, "deposit_percent": "20", "balance_due": "2026-03-01"`, "deposit: is given together with deposit_percent"},
		{"a share of more than all", `"kind": "deposit", "total": 3000, "deposit_percent": "101", "balance_due": "2026-03-01"`, `deposit_percent: "101" is not a share`},
		{"all of it as a deposit", `"kind": "deposit", "total": 3000, "deposit_percent": "100", "balance_due": "2026-03-01"`, "deposit_percent: is 3000; use more than 0"},
		{"a balance due before the deposit", `"kind": "deposit", "total": 3000, "deposit": 1000, "balance_due": "30 days before 2026-02-20"`, "not after the one before it"},
		{"a date that is not understood", `"kind": "deferred", "total": 3000, "due": "soon"`, `due: "soon": is not a valid date; use a date like`},
		{"a span that is none", `"kind": "deferred", "total": 3000, "due": "some days before 2026-12-20"`, `is not an interval like`},
		{"a span before no date", `"kind": "deferred", "total": 3000, "due": "30 days before Christmas"`, `is not a date like`},
		{"year 1", `"kind": "deferred", "total": 3000, "due": "0001-01-01"`, "is before the year 1970"},
		{"deferred to the past", `"kind": "deferred", "total": 3000, "due": "2026-01-31"`, "due: 2026-01-31 is not later than now"},
		{"deferred too far", `"kind": "deferred", "total": 3000, "due": "10 years after 2026-12-20"`, "more than 10 years from now"},
		{"recurring of nothing", `"kind": "recurring", "every": "month"`, "amount: must be more than 0"},
		{"recurring below the minimum after a larger first", `"kind": "recurring", "amount": 10, "first_amount": 900, "every": "month"`, "amount: is 0.10 USD; the minimum at Stripe"},
		{"recurring too often", `"kind": "recurring", "amount": 1900, "every": "day", "parts": 4000`, "parts: is 4000; use 1 to 3700"},
		{"ended before it began", `"kind": "recurring", "amount": 1900, "every": "day", "starts": "2026-03-01", "until": "2026-02-28"`, "until: is before the first charge, on 2026-03-01"},
		{"a trial and a start", `"kind": "recurring", "amount": 1900, "every": "day", "trial": "1 week", "starts": "2026-03-01"`, "starts: does not go with a trial"},
		{"daily, off weekends", `"kind": "recurring", "amount": 1900, "every": "2 days", "business_day": "following"`, "business_day: does not go with an interval of less than a week"},
		{"no connected account's id", `"kind": "deferred", "total": 3000, "due": "on request", "account": "villa"`, `account: "villa" is not the id of a connected account`},
		{"a direct charge that goes on to another", `"kind": "deferred", "total": 3000, "due": "on request", "account": "acct_1", "connect": {"transfer_destination": "acct_2"}`, "connect: only an application fee goes with account"},
		{"a direct charge on behalf of another", `"kind": "deferred", "total": 3000, "due": "on request", "account": "acct_1", "connect": {"on_behalf_of": "acct_2", "application_fee": 5}`, "connect: only an application fee goes with account"},
		{"a fee of more than a direct charge", `"kind": "deferred", "total": 3000, "due": "on request", "account": "acct_1", "connect": {"application_fee": 3000}`, "the application fee takes 30.00 USD of it"},
		{"no account's id", `"kind": "deferred", "total": 3000, "due": "on request", "connect": {"transfer_destination": "villa"}`, `connect.transfer_destination: "villa" is not the id`},
		{"a fee of nothing", `"kind": "deferred", "total": 3000, "due": "on request", "connect": {"application_fee": 100}`, "connect.transfer_destination: is missing"},
		{"two fees", `"kind": "deferred", "total": 3000, "due": "on request", "connect": {"transfer_destination": "acct_1", "application_fee": 100, "application_fee_percent": "2"}`, "connect.application_fee: is given together"},
		{"a fee and a transfer amount", `"kind": "deferred", "total": 3000, "due": "on request", "connect": {"transfer_destination": "acct_1", "application_fee": 100, "transfer_amount": 5}`, "connect.transfer_amount: does not go with"},
		{"a fee of more than a part", `"kind": "installments", "total": 3000, "parts": 3, "every": "month", "connect": {"transfer_destination": "acct_1", "application_fee": 1000}`, "total: charge 1 of 3 is 10.00 USD, and the application fee takes 10.00 USD of it"},
		{"a transfer of more than a part", `"kind": "recurring", "amount": 1900, "every": "month", "first_amount": 5000, "connect": {"transfer_destination": "acct_1", "transfer_amount": 2000}`, "amount: is 19.00 USD, and 20.00 USD of it is to be transferred"},
		{"instalments that meet on a Monday", `"kind": "installments", "total": 90000, "parts": 9, "every": "day", "business_day": "following"`, "not after the one before it"},
	} {
		_, err := requested(t, `{"reference": "o", "currency": "usd", `+tc.body+`, `+ada+`}`).Draft(now, rules)
		var invalid *billing.InvalidError
		require.ErrorAs(t, err, &invalid, tc.why)
		require.ErrorContains(t, err, tc.want, tc.why)
	}
}

// TestLimitsOfTheSettings: the merchant's limits replace Stripe's.
func TestLimitsOfTheSettings(t *testing.T) {
	t.Parallel()
	own := rules
	own.Limits = money.Limits{"usd": {Minimum: 1000, Maximum: 5000}, "kwd": {Minimum: 1}}
	deferred := func(currency string, total int64) error {
		_, err := requested(t, fmt.Sprintf(`{"reference": "o", "kind": "deferred", "currency": %q, "total": %d, "due": "on request", %s}`, currency, total, ada)).Draft(now, own)
		return err
	}
	require.NoError(t, deferred("usd", 1000))
	require.NoError(t, deferred("usd", 5000))
	require.NoError(t, deferred("eur", 50), "another currency keeps Stripe's")
	require.NoError(t, deferred("kwd", 10))
	require.ErrorContains(t, deferred("usd", 999), "charge 1 of 1 is 9.99 USD; the minimum in the settings is 10.00 USD")
	require.ErrorContains(t, deferred("usd", 5001), "the maximum in the settings is 50.00 USD")
	require.ErrorContains(t, deferred("kwd", 15), "must be a multiple of 10 in KWD")
}

// TestDraftsInEveryCurrency: in every currency that Stripe accepts, random terms are refused, or
// split into parts that add up, in order of time, each at least the minimum and an amount that can
// be charged.
func TestDraftsInEveryCurrency(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		tm := anyTerms(t, c)
		draft, err := tm.Draft(now, rules)
		if _, invalid := errors.AsType[*billing.InvalidError](err); invalid {
			refused++
			return
		}
		require.NoError(t, err)
		taken++
		var sum int64
		for i, d := range draft.Charges {
			require.Empty(t, c.AmountProblem(d.Amount))
			sum += d.Amount
			if i > 0 && !d.DueAt.IsZero() {
				require.True(t, d.DueAt.After(draft.Charges[i-1].DueAt))
			}
			require.Equal(t, i == 0 && tm.Card == "" && d.DueAt.Equal(now), d.Checkout)
		}
		if tm.Kind != billing.KindRecurring {
			require.Equal(t, tm.Total, sum)
			require.True(t, draft.Recurrence.IsZero())
		}
		for _, d := range draft.Recurrence.Upcoming(3, tm.Location(), rules.Holidays) {
			require.Empty(t, c.AmountProblem(d.Amount))
			require.True(t, d.DueAt.After(draft.Charges[0].DueAt))
		}
	})
	require.Positive(t, taken)
	require.Positive(t, refused)
}

// anyTerms draws random terms of any kind, most of them valid.
func anyTerms(t *rapid.T, c money.Currency) terms.Terms {
	tm := terms.Terms{
		Reference: "o", Currency: c, Kind: rapid.SampledFrom([]billing.PlanKind{
			billing.KindInstallments, billing.KindDeposit, billing.KindRecurring, billing.KindDeferred,
		}).Draw(t, "kind"),
		BusinessDay: rapid.SampledFrom([]calendar.BusinessDay{"", "", calendar.BusinessDayFollowing, calendar.BusinessDayPreceding, calendar.BusinessDayModifiedFollowing}).Draw(t, "rule"),
		Customer:    terms.Customer{Reference: "c", TimeZone: rapid.SampledFrom(zones).Draw(t, "zone")},
	}
	amount := func(label string) int64 {
		return rapid.OneOf(rapid.Int64Range(1, 2000), rapid.Map(rapid.Int64Range(1, 100_000), func(n int64) int64 { return n * 100 })).Draw(t, label)
	}
	every := rapid.SampledFrom([]string{"day", "3 days", "2 weeks", "1 month", "5 months", "year"})
	if tm.Kind != billing.KindDeferred && rapid.Bool().Draw(t, "later") {
		tm.Starts = rapid.SampledFrom([]string{"2026-02-01", "2026-02-28", "2026-03-29T01:30:00+01:00", "1 month before 2026-05-31"}).Draw(t, "starts")
	}
	switch tm.Kind {
	case billing.KindInstallments:
		tm.Total, tm.Parts, tm.Every = amount("total"), rapid.IntRange(2, 60).Draw(t, "parts"), every.Draw(t, "every")
		tm.Remainder = rapid.SampledFrom([]money.Remainder{"", money.RemainderFirst, money.RemainderLast, money.RemainderSpread}).Draw(t, "remainder")
		if rapid.Bool().Draw(t, "first") {
			tm.FirstAmount = amount("first amount")
		}
	case billing.KindDeposit:
		tm.Total, tm.BalanceDue = amount("total"), rapid.SampledFrom([]string{"2026-07-31", "on request", "10 days before 2026-07-01"}).Draw(t, "balance due")
		tm.DepositPercent = rapid.SampledFrom([]string{"20", "12.5", "33.33", "0.01", "99.99"}).Draw(t, "percent")
	case billing.KindRecurring:
		tm.Amount, tm.Every = amount("amount"), every.Draw(t, "every")
		tm.Parts = rapid.IntRange(0, 5).Draw(t, "parts")
	default:
		tm.Total, tm.Due = amount("total"), rapid.SampledFrom([]string{"2026-07-31", "on request", "2 weeks after 2026-02-01"}).Draw(t, "due")
	}
	return tm
}

func TestPercentRoundsHalfUpToWhatCanBeCharged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		percent  string
		amount   int64
		currency money.Currency
		want     int64
	}{
		{"20", 1002, "usd", 200}, {"25", 1002, "usd", 251}, {"12.5", 100, "usd", 13}, {"0.01", 5000, "usd", 1}, {"0.01", 4999, "usd", 0},
		{"33.33", 100000, "kwd", 33330}, {"12.5", 1000, "kwd", 130}, {"12.5", 1000, "isk", 100}, {"15", 1000, "isk", 200}, {"100", 9_223_372_036_854_775_807, "jpy", 9_223_372_036_854_775_807},
	} {
		p, err := money.ParsePercent(tc.percent)
		require.NoError(t, err)
		require.Equal(t, tc.want, p.Of(tc.amount, tc.currency), "%s per cent of %d %s", tc.percent, tc.amount, tc.currency)
	}
	for _, s := range []string{"", "0", "0.00", "-5", "100.01", "1.234", "5%", ".5", "1e2", "1000", " 5"} {
		_, err := money.ParsePercent(s)
		require.Error(t, err, "%q", s)
	}
}
