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
	eachEngine(t, func(t *testing.T, d *desk) {
		plan := d.plan()
		d.deleteAtStripe("/v1/customers/" + plan.Customer.StripeCustomer)
		d.settle()
		require.Empty(t, d.details(plan.Plan.ID).Customer.StripeCustomer)
		d.advance(plan.Charges[1].DueAt.Sub(d.clock()) + time.Minute)
		d.settle()
		p := d.details(plan.Plan.ID)
		require.Equal(t, billing.ChargeRequiresPaymentMethod, p.Charges[1].Status)
		token := d.open(p, 2)
		h, err := d.payOne(t.Context(), token, recovery.PayRequest{Evidence: evidence()})
		require.NoError(t, err)
		require.Error(t, d.confirm(h.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000000000009995"}, SetupFutureUsage: "off_session"}))
		d.settle()
		old := d.details(plan.Plan.ID).Charges[1].PaymentIntent
		require.NotEmpty(t, old)

		h, err = d.SaveCard(t.Context(), token, evidence())
		require.NoError(t, err)
		_, err = d.browser.ConfirmCardSetup(t.Context(), h.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		for range 4 {
			d.settle()
			d.advance(12 * time.Hour)
		}
		c := d.details(plan.Plan.ID).Charges[1]
		require.Equal(t, billing.ChargeSucceeded, c.Status)
		require.NotEqual(t, old, c.PaymentIntent)
		require.Equal(t, []string{c.PaymentIntent}, d.tookMoney(c))
		pi, err := d.gateway.PaymentIntent(t.Context(), old)
		require.NoError(t, err)
		require.Equal(t, billing.IntentCanceled, pi.Status)
	})
}

// deleteAtStripe deletes an object, as the merchant does in the dashboard.
func (d *desk) deleteAtStripe(path string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodDelete, d.browser.BaseURL+path, nil)
	require.NoError(d.t, err)
	req.SetBasicAuth("sk_test_desk", "")
	res, err := http.DefaultClient.Do(req)
	require.NoError(d.t, err)
	defer res.Body.Close()
	require.Equal(d.t, http.StatusOK, res.StatusCode)
}
