package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// awaitingCard makes a recurring plan that begins with a card, its first charge due on a day.
func (b *bench) awaitingCard(starts string) billing.Details {
	b.t.Helper()
	created, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: terms.Terms{
		Reference: "sub-1", Kind: billing.KindRecurring, Currency: "eur", Amount: 1900, Every: "1 month", Starts: starts,
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "UTC"},
	}})
	require.NoError(b.t, err)
	return b.Details(created.Plan.ID)
}

// TestSaveCard_PlanThatBeginsWithOne saves the card with the plan's own SetupIntent, however often
// the customer starts.
func TestSaveCard_PlanThatBeginsWithOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.awaitingCard("2026-02-01")
		tok := b.open(p, 1)
		v, err := b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.StateSetup, v.State)
		require.True(t, v.ChangeCard)
		require.False(t, v.DueOnSave)
		require.Len(t, v.Uses, 1)
		_, err = b.service.SaveCard(t.Context(), tok, nil)
		require.ErrorIs(t, err, recovery.ErrNoConsent)
		given, err := b.payOne(t.Context(), tok, recovery.PayRequest{Evidence: evidence()})
		require.NoError(t, err)
		require.Empty(t, given.ClientSecret.Reveal(), "nothing is paid before the card is there")
		var secret billing.Secret
		for range 2 {
			h, err := b.service.SaveCard(t.Context(), tok, evidence())
			require.NoError(t, err)
			require.True(t, secret == "" || secret == h.ClientSecret, "one SetupIntent")
			secret = h.ClientSecret
		}
		_, err = b.Browser.ConfirmCardSetup(t.Context(), secret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		h, err := b.service.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		require.Equal(t, recovery.Confirmation{State: recovery.StateProcessing}, h, "the card is given, and its event on the way")
		b.Settle()
		after := b.Details(p.Plan.ID)
		require.Equal(t, billing.PlanActive, after.Plan.Status)
		require.NotEmpty(t, after.Plan.CardID)
		consents, err := b.Store.Consents(t.Context(), billing.ConsentFilter{Card: after.Plan.CardID})
		require.NoError(t, err)
		require.NotEmpty(t, consents)
		require.Equal(t, p.Plan.SetupIntent, consents[0].Intent)
		v, err = b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.StatePayEarly, v.State)
	})
}

// TestSaveCard_LateOrCanceled requires that a card saved after the first date is charged at once,
// and that the page shows this; a canceled plan accepts no card.
func TestSaveCard_LateOrCanceled(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.awaitingCard("2026-02-01")
		b.advance(20 * 24 * time.Hour)
		tok := b.open(p, 1)
		v, err := b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.True(t, v.DueOnSave)
		h, err := b.service.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		_, err = b.Operator().Cancel(t.Context(), p.Plan.ID, "")
		require.NoError(t, err)
		b.Settle()
		_, err = b.Browser.ConfirmCardSetup(t.Context(), h.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.Error(t, err, "the SetupIntent is canceled")
		h, err = b.service.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		require.Equal(t, recovery.Confirmation{State: recovery.StateClosed}, h)
	})
}
