package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
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
