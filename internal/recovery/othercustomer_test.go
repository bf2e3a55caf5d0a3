package recovery_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
)

// TestSaveCard_PaymentIntentOfNoCustomer has the page make a PaymentIntent while no Stripe customer
// is known. A card that the customer adds afterwards belongs to a new Stripe customer.
func TestSaveCard_PaymentIntentOfNoCustomer(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		plan := b.plan()
		b.deleteAtStripe("/v1/customers/" + plan.Customer.StripeCustomer)
		b.Settle()
		require.Empty(t, b.Details(plan.Plan.ID).Customer.StripeCustomer)
		b.advance(plan.Charges[1].DueAt.Sub(b.Now()) + time.Minute)
		b.Settle()
		p := b.Details(plan.Plan.ID)
		require.Equal(t, billing.ChargeRequiresPaymentMethod, p.Charges[1].Status)
		token := b.open(p, 2)
		h, err := b.payOne(t.Context(), token, recovery.PayRequest{Evidence: evidence()})
		require.NoError(t, err)
		require.Error(t, b.Pay(h.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000000000009995"}, SetupFutureUsage: "off_session"}))
		b.Settle()
		old := b.Details(plan.Plan.ID).Charges[1].PaymentIntent
		require.NotEmpty(t, old)

		h, err = b.service.SaveCard(t.Context(), token, evidence())
		require.NoError(t, err)
		_, err = b.Browser.ConfirmCardSetup(t.Context(), h.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		for range 4 {
			b.Settle()
			b.advance(12 * time.Hour)
		}
		c := b.Details(plan.Plan.ID).Charges[1]
		require.Equal(t, billing.ChargeSucceeded, c.Status)
		require.NotEqual(t, old, c.PaymentIntent)
		require.Equal(t, []string{c.PaymentIntent}, b.tookMoney(c))
		pi, err := b.Gateway.PaymentIntent(t.Context(), old)
		require.NoError(t, err)
		require.Equal(t, billing.IntentCanceled, pi.Status)
	})
}

// deleteAtStripe deletes an object, as the merchant does in the dashboard.
func (b *bench) deleteAtStripe(path string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodDelete, b.Browser.BaseURL+path, nil)
	require.NoError(b.t, err)
	req.SetBasicAuth("sk_test_bench", "")
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	require.Equal(b.t, http.StatusOK, res.StatusCode)
}
