package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestTheNextStepOfADunningIsTheEarliestThatIsLeft(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	d := billing.Dunning{RemindAt: at, FinalAt: at.AddDate(0, 0, 4), DeadlineAt: at.AddDate(0, 0, 7)}
	require.Equal(t, d.RemindAt, d.Next())
	d.RemindAt = time.Time{}
	require.Equal(t, d.FinalAt, d.Next())
	d.FinalAt = time.Time{}
	require.Equal(t, d.DeadlineAt, d.Next())
}

func TestMetadataNamesThePolicyAndTheConsent(t *testing.T) {
	t.Parallel()
	pi := billing.PaymentIntent{ID: "pi_1", Amount: 500, Currency: "usd", Metadata: map[string]string{
		billing.MetaKind: "installments", billing.MetaTotal: "1000", billing.MetaParts: "2", billing.MetaEvery: "1 month",
		billing.MetaPolicy: "gentle", billing.MetaBackup: "true",
	}}
	terms, err := billing.TermsFromMetadata(pi)
	require.NoError(t, err)
	require.Equal(t, "gentle", terms.Policy)
	require.True(t, terms.BackupCardsAllowed)
	pi.Metadata[billing.MetaBackup] = "perhaps"
	_, err = billing.TermsFromMetadata(pi)
	require.ErrorContains(t, err, "tranche_backup_cards_allowed")
}
