package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/forecast"
	"tranche/internal/notify"
	"tranche/internal/store/sqlite"
	"tranche/internal/terms"
	"tranche/internal/view"
)

var update = flag.Bool("update", false, "update the example in docs/forecast.md")

// TestForecastDocument compares the example in docs/forecast.md with the command's output.
func TestForecastDocument(t *testing.T) {
	t.Parallel()
	empty, err := sqlite.NewScratch(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, empty.Close()) })
	at := calendar.LocalTime{Hour: 9}
	now := func() time.Time { return time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC) }
	made, err := forecast.New(forecast.Config{
		Store: empty, Policies: dunning.DefaultPolicies(at), Rules: billing.Rules{ChargeTime: at}, UpcomingDays: 3, Merchant: notify.Merchant{Name: "Example Shop"},
		Clock: clock.New(time.Time{}, 0, now),
	}).Forecast(t.Context(), view.ForecastRequest{Decline: "expired_card", Terms: &terms.Terms{
		Reference: "order-1042", Kind: billing.KindInstallments, Currency: "usd", Total: 100000, Parts: 3, Every: "1 month",
		Customer: terms.Customer{Reference: "cust-77", Email: "ada@example.com", TimeZone: "Europe/London"},
	}})
	require.NoError(t, err)
	var shown bytes.Buffer
	(&cli{out: &shown}).printForecast(made, false)
	command := `$ tranche forecast --reference order-1042 --kind installments --currency usd --total 100000 \
    --parts 3 --every "1 month" --customer cust-77 --email ada@example.com --timezone Europe/London --decline expired_card
`
	path := filepath.Join("..", "..", "docs", "forecast.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const begin, end = "-update -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + "```\n" + command + shown.String() + "```\n" + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	require.Equal(t, want, string(text), "run it with -update")
}
