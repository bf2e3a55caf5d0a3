package terms_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/terms"
)

var (
	now     = time.Date(2026, 1, 31, 22, 15, 0, 0, time.UTC)
	morning = calendar.LocalTime{Hour: 9}
	rules   = billing.Rules{ChargeTime: morning}
)

var zones = []string{
	"UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran",
}

// requested reads terms as the API would.
func requested(t require.TestingT, body string) terms.Terms {
	var out terms.Terms
	require.NoError(t, json.Unmarshal([]byte(body), &out))
	return out
}

const ada = `"customer": {"reference": "cust-77", "email": "ada@example.com", "timezone": "Europe/London"}`

func TestInstalmentsByCountAndInterval(t *testing.T) {
	t.Parallel()
	draft, err := requested(t, `{"reference": "order-1042", "kind": "installments", "currency": "usd", "total": 100000,
		"parts": 3, "every": "1 month", `+ada+`}`).Draft(now, rules)
	drafts := draft.Charges
	require.NoError(t, err)
	require.Len(t, drafts, 3)
	require.Equal(t, []int64{33334, 33333, 33333}, []int64{drafts[0].Amount, drafts[1].Amount, drafts[2].Amount})
	require.Equal(t, now, drafts[0].DueAt, "the first is paid in the checkout")
	require.Equal(t, "2026-02-28T09:00:00Z", drafts[1].DueAt.Format(time.RFC3339))
	require.Equal(t, "2026-03-31T08:00:00Z", drafts[2].DueAt.Format(time.RFC3339), "nine in the morning in London, in summer")
}

func TestDepositThenBalance(t *testing.T) {
	t.Parallel()
	draft, err := requested(t, `{"reference": "villa-9", "kind": "deposit", "currency": "eur", "total": 250000, "deposit": 50000,
		"balance_due": "2026-12-20", `+ada+`}`).Draft(now, rules)
	drafts := draft.Charges
	require.NoError(t, err)
	require.Equal(t, int64(50000), drafts[0].Amount)
	require.Equal(t, int64(200000), drafts[1].Amount)
	require.Equal(t, "2026-12-20T09:00:00Z", drafts[1].DueAt.Format(time.RFC3339))
}

func TestExplicitList(t *testing.T) {
	t.Parallel()
	draft, err := requested(t, `{"reference": "o", "kind": "installments", "currency": "usd",
		"charges": [{"amount": 1000}, {"amount": 700, "due": "2026-02-10"}, {"amount": 300, "due": "2026-02-10T18:30:00+01:00"}], `+ada+`}`).Draft(now, rules)
	drafts := draft.Charges
	require.NoError(t, err)
	require.Equal(t, "2026-02-10T09:00:00Z", drafts[1].DueAt.Format(time.RFC3339))
	require.Equal(t, "2026-02-10T17:30:00Z", drafts[2].DueAt.Format(time.RFC3339))
}

func TestFaultyTermsNameEveryField(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why, body string
		fields    []string
	}{
		{"nothing given", `{}`, []string{"reference", "customer.reference", "currency"}},
		{"unknown kind", `{"reference": "o", "kind": "lease", "currency": "usd", ` + ada + `}`, []string{"kind"}},
		{"unknown currency", `{"reference": "o", "kind": "deposit", "currency": "XXX", ` + ada + `}`, []string{"currency"}},
		{"nothing to split", `{"reference": "o", "kind": "installments", "currency": "usd", ` + ada + `}`, []string{"parts", "every", "total"}},
		{"one part", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 1000, "parts": 1, "every": "month", ` + ada + `}`, []string{"parts"}},
		{"parts below Stripe's minimum", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 140, "parts": 3, "every": "month", ` + ada + `}`,
			[]string{"total", "total", "total"}},
		{"a third decimal that is not 0", `{"reference": "o", "kind": "deposit", "currency": "kwd", "total": 20000, "deposit": 1001, "balance_due": "2026-05-01", ` + ada + `}`,
			[]string{"deposit", "balance_due"}},
		{"too much for Stripe", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 200000000, "deposit": 100, "balance_due": "2026-05-01", ` + ada + `}`,
			[]string{"balance_due"}},
		{"deposit of everything", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 1000, "balance_due": "2026-05-01", ` + ada + `}`, []string{"deposit"}},
		{"balance without a date", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, ` + ada + `}`, []string{"balance_due"}},
		{"balance due in the past", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2026-01-30", ` + ada + `}`, []string{"balance_due"}},
		{"balance due in the next century", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2126-01-30", ` + ada + `}`, []string{"balance_due"}},
		{"list does not add up", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 2000, "charges": [{"amount": 1000}, {"amount": 700, "due": "2026-02-10"}], ` + ada + `}`, []string{"total"}},
		{"list out of order", `{"reference": "o", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 700, "due": "2026-03-10"}, {"amount": 700, "due": "2026-02-10"}], ` + ada + `}`, []string{"charges[2]"}},
		{"first of the list on request", `{"reference": "o", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000, "due": "on request"}, {"amount": 700, "due": "2026-03-10"}], ` + ada + `}`, []string{"charges[0].due"}},
		{"list entry without a date", `{"reference": "o", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 700}], ` + ada + `}`, []string{"charges[1].due"}},
		{"fields of another kind", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2026-05-01", "parts": 3, ` + ada + `}`, []string{"parts"}},
		{"customer's particulars", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2026-05-01",
			"customer": {"reference": "c", "email": "not an address", "locale": "English", "timezone": "Mars/Olympus"}}`,
			[]string{"customer.email", "customer.locale", "customer.timezone"}},
		{"a time zone with leap seconds", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2026-05-01",
			"customer": {"reference": "c", "timezone": "right/UTC"}}`, []string{"customer.timezone"}},
		{"a header in a name", `{"reference": "o", "kind": "deposit", "currency": "usd", "total": 1000, "deposit": 500, "balance_due": "2026-05-01",
			"customer": {"reference": "c", "name": "Ada\nBcc: all@example.com"}}`, []string{"customer.name"}},
	} {
		_, err := requested(t, tc.body).Draft(now, rules)
		var invalid *billing.InvalidError
		require.ErrorAs(t, err, &invalid, tc.why)
		fields := make([]string, len(invalid.Fields))
		for i, f := range invalid.Fields {
			fields[i] = f.Field
		}
		require.Equal(t, tc.fields, fields, "%s: %v", tc.why, err)
	}
}

func TestDraftsAddUpAndAscend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tm := terms.Terms{
			Reference: "o", Kind: billing.KindInstallments, Currency: rapid.SampledFrom([]money.Currency{"usd", "jpy", "kwd", "isk"}).Draw(t, "currency"),
			Total: rapid.Int64Range(1_000_000, 90_000_000).Draw(t, "total") / 100 * 100,
			Parts: rapid.IntRange(2, 120).Draw(t, "parts"), Every: rapid.SampledFrom([]string{"day", "2 weeks", "1 month"}).Draw(t, "every"),
			Customer: terms.Customer{Reference: "c", TimeZone: rapid.SampledFrom(zones).Draw(t, "zone")},
		}
		at := now.Add(time.Duration(rapid.Int64Range(0, 3e8).Draw(t, "seconds")) * time.Second)
		draft, err := tm.Draft(at, rules)
		drafts := draft.Charges
		require.NoError(t, err)
		var sum int64
		for i, d := range drafts {
			sum += d.Amount
			require.Positive(t, d.Amount)
			if i > 0 {
				require.True(t, d.DueAt.After(drafts[i-1].DueAt))
			}
		}
		require.Equal(t, tm.Total, sum)
	})
}

func FuzzTermsDraft(f *testing.F) {
	f.Add([]byte(`{"reference": "order-1042", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", ` + ada + `}`))
	f.Add([]byte(`{"reference": "villa-9", "kind": "deposit", "currency": "eur", "total": 250000, "deposit": 50000, "balance_due": "2026-12-20", ` + ada + `}`))
	f.Add([]byte(`{"reference": "o", "kind": "installments", "currency": "kwd", "charges": [{"amount": 9223372036854775807}, {"amount": 9223372036854775807, "due": "2026-02-10"}], ` + ada + `}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var tm terms.Terms
		if json.Unmarshal(body, &tm) != nil {
			return
		}
		draft, err := tm.Draft(now, rules)
		drafts := draft.Charges
		if err != nil {
			return
		}
		var sum int64
		for _, d := range drafts {
			require.Positive(t, d.Amount)
			sum += d.Amount
		}
		require.Positive(t, sum)
		if tm.Total != 0 {
			require.Equal(t, tm.Total, sum)
		}
	})
}
