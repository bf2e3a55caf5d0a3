package app_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/stripesim"
)

// TestWithoutAnyWebhookTheSweepBringsTheEvents has a Stripe without webhook endpoints: the
// customer's payment is found only in the event list.
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

// reminding starts a process with a recovery page and a clock whose days take four seconds, and
// makes a plan whose checkout is not completed.
func reminding(t *testing.T, reminder, expiresAfter string) (*app.App, billing.PlanID) {
	t.Helper()
	_, url := stripe(t)
	a := started(t, settings(t, url, map[string]string{
		"TRANCHE_CLOCK": clock.New(time.Now().UTC(), 21600, nil).String(), "TRANCHE_CHECKOUT_REMINDER": reminder,
		"TRANCHE_BASE_URL": "https://pay.example.com", "TRANCHE_SECRET_KEY": "0123456789abcdef0123456789abcdef", "STRIPE_PUBLISHABLE_KEY": "pk_test_app",
	}))
	t.Cleanup(a.Stop)
	plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 2000, "parts": 2, "every": "1 month",
		"expires_after": "`+expiresAfter+`", "customer": {"reference": "ada", "email": "ada@example.com"}}`)
	return a, plan.ID
}

// TestCheckoutReminder_Runs: the application reminds of a checkout that is not completed, by a mail
// whose link opens the recovery page.
func TestCheckoutReminder_Runs(t *testing.T) {
	t.Parallel()
	a, plan := reminding(t, "true", "1 month")
	var notices []billing.Notice
	require.Eventually(t, func() bool {
		var err error
		notices, err = a.Store().Notices(t.Context(), billing.NoticeFilter{Plan: plan})
		return err == nil && len(notices) > 0 && notices[0].Status == billing.NoticeKept
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, billing.NoticeCheckoutReminder, notices[0].Kind)
	link := regexp.MustCompile(`https://pay\.example\.com(/pay/\S+)`).FindStringSubmatch(notices[0].Body)
	require.NotNil(t, link, notices[0].Body)
	status, page := get(t, "http://"+a.Addr()+link[1])
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "Please pay by card.")
}

// TestCheckoutReminder_OffByDefault: the checkout expires, and its customer was not reminded.
func TestCheckoutReminder_OffByDefault(t *testing.T) {
	t.Parallel()
	a, plan := reminding(t, "", "2 days")
	require.Eventually(t, func() bool {
		p, err := a.Store().Plan(t.Context(), plan)
		return err == nil && p.Status == billing.PlanCanceled
	}, 30*time.Second, 50*time.Millisecond)
	notices, err := a.Store().Notices(t.Context(), billing.NoticeFilter{Plan: plan})
	require.NoError(t, err)
	require.Empty(t, notices)
}
