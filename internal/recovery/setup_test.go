package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// awaitingCard makes a recurring plan that begins with a card, its first charge due on a day.
func (d *desk) awaitingCard(starts string) billing.Details {
	d.t.Helper()
	created, err := d.planner.Create(d.t.Context(), planning.Request{Terms: terms.Terms{
		Reference: "sub-1", Kind: billing.KindRecurring, Currency: "eur", Amount: 1900, Every: "1 month", Starts: starts,
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "UTC"},
	}})
	require.NoError(d.t, err)
	return d.details(created.Plan.ID)
}

// TestSaveCard_PlanThatBeginsWithOne saves the card with the plan's own SetupIntent, however often
// the customer starts.
func TestSaveCard_PlanThatBeginsWithOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.awaitingCard("2026-02-01")
		tok := d.open(p, 1)
		v, err := d.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.BranchSetup, v.Branch)
		require.True(t, v.ChangeCard)
		require.False(t, v.DueOnSave)
		require.Len(t, v.Uses, 1)
		_, err = d.SaveCard(t.Context(), tok, nil)
		require.ErrorIs(t, err, recovery.ErrNoConsent)
		given, err := d.payOne(t.Context(), tok, recovery.PayRequest{Evidence: evidence()})
		require.NoError(t, err)
		require.Empty(t, given.ClientSecret.Reveal(), "nothing is paid before the card is there")
		var secret billing.Secret
		for range 2 {
			h, err := d.SaveCard(t.Context(), tok, evidence())
			require.NoError(t, err)
			require.True(t, secret == "" || secret == h.ClientSecret, "one SetupIntent")
			secret = h.ClientSecret
		}
		_, err = d.browser.ConfirmCardSetup(t.Context(), secret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		h, err := d.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		require.Equal(t, recovery.Confirmation{Branch: recovery.BranchProcessing}, h, "the card is given, and its event on the way")
		d.settle()
		after := d.details(p.Plan.ID)
		require.Equal(t, billing.PlanActive, after.Plan.Status)
		require.NotEmpty(t, after.Plan.CardID)
		consents, err := d.store.Consents(t.Context(), billing.ConsentFilter{Card: after.Plan.CardID})
		require.NoError(t, err)
		require.NotEmpty(t, consents)
		require.Equal(t, p.Plan.SetupIntent, consents[0].Intent)
		v, err = d.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.BranchAhead, v.Branch)
	})
}

// TestSaveCard_LateOrCanceled requires that a card saved after the first date is charged at once,
// and that the page shows this; a canceled plan accepts no card.
func TestSaveCard_LateOrCanceled(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.awaitingCard("2026-02-01")
		d.advance(20 * 24 * time.Hour)
		tok := d.open(p, 1)
		v, err := d.Page(t.Context(), tok)
		require.NoError(t, err)
		require.True(t, v.DueOnSave)
		h, err := d.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		_, err = operator.New(d.store, d.clock, billing.Rules{}).Cancel(t.Context(), p.Plan.ID, "")
		require.NoError(t, err)
		d.settle()
		_, err = d.browser.ConfirmCardSetup(t.Context(), h.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.Error(t, err, "the SetupIntent is canceled")
		h, err = d.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
		require.Equal(t, recovery.Confirmation{Branch: recovery.BranchClosed}, h)
	})
}
