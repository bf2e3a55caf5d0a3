package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/stripesim"
)

// TestWithoutAnyWebhookTheSweepBringsTheEvents has a Stripe that knows no endpoint: what the
// customer paid is only learnt from the event list.
func TestWithoutAnyWebhookTheSweepBringsTheEvents(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	a := started(t, settings(t, url, map[string]string{"TRANCHE_SWEEP_EVERY": "100ms"}))
	defer a.Stop()
	require.Eventually(t, func() bool {
		status, _ := get(t, "http://"+a.Addr()+"/healthz")
		return status == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond)
	plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 2000, "parts": 2, "every": "1 month",
		"customer": {"reference": "ada", "email": "ada@example.com"}}`)
	browser := &stripesim.Browser{BaseURL: url}
	_, err := browser.ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	paid := time.Now()
	require.Eventually(t, func() bool {
		p, err := a.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanActive
	}, 20*time.Second, 50*time.Millisecond)
	t.Logf("known after %s", time.Since(paid).Round(time.Millisecond))
}

// TestCheckoutExpiry_Runs: the application cancels a plan whose checkout is not completed in time,
// and what its customer could have paid.
func TestCheckoutExpiry_Runs(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	fast := clock.New(time.Now().UTC(), 3600, nil)
	a := started(t, settings(t, url, map[string]string{"TRANCHE_CLOCK": fast.String()}))
	defer a.Stop()
	plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 2000, "parts": 2, "every": "1 month",
		"expires_after": "2 hours", "customer": {"reference": "ada", "email": "ada@example.com"}}`)
	require.Eventually(t, func() bool {
		p, err := a.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanCanceled
	}, 30*time.Second, 50*time.Millisecond)
	browser := &stripesim.Browser{BaseURL: url}
	_, err := browser.ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.Error(t, err)
}
