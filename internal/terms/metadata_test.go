package terms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/terms"
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
		tm, err := terms.FromMetadata(billing.PaymentIntent{ID: "pi_1", Amount: amount, Currency: money.Currency(currency), Metadata: map[string]string{
			billing.MetaKind: kind, billing.MetaTotal: total, billing.MetaParts: parts, billing.MetaEvery: every,
			billing.MetaBalanceDue: balanceDue, billing.MetaTimeZone: zone,
		}})
		if err != nil {
			require.NotEmpty(t, terms.InMetadataWords(err).Error())
			return
		}
		draft, err := tm.Draft(now, rules)
		drafts := draft.Charges
		if err != nil {
			require.NotEmpty(t, terms.InMetadataWords(err).Error())
			return
		}
		require.Equal(t, amount, drafts[0].Amount)
		requireDrafts(t, tm, drafts)
	})
}

// requireDrafts requires amounts above zero that add up to the total, each due after the previous
// one.
func requireDrafts(t *testing.T, tm terms.Terms, drafts []terms.ChargeDraft) {
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

func TestTermsFromMetadata(t *testing.T) {
	t.Parallel()
	pi := billing.PaymentIntent{ID: "pi_1", Amount: 25003, Currency: "usd", ReceiptEmail: "ada@example.com", Metadata: map[string]string{
		"tranche_kind": "installments", "tranche_total": "100003", "tranche_parts": "4", "tranche_every": "1 month", "tranche_customer": "cust-77",
	}}
	require.True(t, billing.AsksForPlan(pi.Metadata))
	got, err := terms.FromMetadata(pi)
	require.NoError(t, err)
	require.Equal(t, "pi_1", got.Reference, "the PaymentIntent's id replaces a missing reference")
	require.Equal(t, "ada@example.com", got.Customer.Email)
	draft, err := got.Draft(now, rules)
	drafts := draft.Charges
	require.NoError(t, err)
	require.Equal(t, int64(25003), drafts[0].Amount)
	require.Equal(t, int64(25000), drafts[3].Amount)

	pi.Metadata["tranche_parts"] = "four"
	_, err = terms.FromMetadata(pi)
	require.ErrorContains(t, err, "tranche_parts")

	pi.Metadata = map[string]string{"tranche_kind": "deposit", "tranche_total": "100003", "tranche_balance_due": "soon", "tranche_customer": "c"}
	got, err = terms.FromMetadata(pi)
	require.NoError(t, err)
	_, err = got.Draft(now, rules)
	require.ErrorContains(t, terms.InMetadataWords(err), "tranche_balance_due")
}

func TestMetadataNamesThePolicyAndTheConsent(t *testing.T) {
	t.Parallel()
	pi := billing.PaymentIntent{ID: "pi_1", Amount: 500, Currency: "usd", Metadata: map[string]string{
		billing.MetaKind: "installments", billing.MetaTotal: "1000", billing.MetaParts: "2", billing.MetaEvery: "1 month",
		billing.MetaPolicy: "gentle", billing.MetaBackup: "true",
	}}
	got, err := terms.FromMetadata(pi)
	require.NoError(t, err)
	require.Equal(t, "gentle", got.Policy)
	require.True(t, got.BackupCardsAllowed)
	pi.Metadata[billing.MetaBackup] = "perhaps"
	_, err = terms.FromMetadata(pi)
	require.ErrorContains(t, err, "tranche_backup_cards_allowed")
}
