package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/stripekey"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

const restrictedKey = "rk_test_restricted"

// restricted is a Stripe account that accepts a key with the recommended permissions; a proxy in
// front of it can hide the path of the account.
func restricted(t *testing.T, account string, proxied bool) (sim *stripesim.Server, url string) {
	t.Helper()
	sim = stripesim.New(stripesim.Options{
		Account: stripesim.Account{ID: account}, SecretKeys: []string{"sk_test_other"},
		RestrictedKeys: map[string][]string{restrictedKey: stripekey.Scopes()},
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if proxied && r.URL.Path == "/v1/account" {
			http.Error(w, "no such page", http.StatusNotFound)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { sim.Close(); server.Close() })
	return sim, server.URL
}

// TestRestrictedKey_OfAnotherAccount makes a plan with a restricted key, and starts again with a
// key of another account: the process does not start, however the account is known.
func TestRestrictedKey_OfAnotherAccount(t *testing.T) {
	t.Parallel()
	for name, proxied := range map[string]bool{"Stripe names the account": false, "nothing names the account": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := testenv.SQLite(t)
			change := map[string]string{"STRIPE_SECRET_KEY": restrictedKey, "DATABASE_URL": database}
			sim, url := restricted(t, "acct_1Mine", proxied)
			a := started(t, settings(t, url, change))
			sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + a.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
			plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 2000, "due": "`+time.Now().AddDate(0, 2, 0).Format(time.DateOnly)+`"}],
				"customer": {"reference": "ada", "email": "ada@example.com"}}`)
			browser := &stripesim.Browser{BaseURL: url}
			_, err := browser.ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
				stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				p, err := a.Store().Plan(t.Context(), plan.ID)
				return err == nil && p.Status == billing.PlanActive
			}, 30*time.Second, 50*time.Millisecond)
			a.Stop()

			_, other := restricted(t, "acct_1Other", proxied)
			_, err = app.New(t.Context(), settings(t, other, change), zerolog.Nop())
			var mismatch *binding.MismatchError
			require.ErrorAs(t, err, &mismatch)
			started(t, settings(t, url, change)).Stop()
		})
	}
}

// TestAccountHidden_ChargesAreMade has a server that does not offer Stripe's paths for the account
// and for events. The account is then known by the key's mode and a payment, and charges are made.
func TestAccountHidden_ChargesAreMade(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed} {
		for _, path := range []string{"/v1/account", "/v1/events"} {
			t.Run(fmt.Sprint(status, path), func(t *testing.T) {
				t.Parallel()
				sim := stripesim.New(stripesim.Options{Account: stripesim.Account{ID: "acct_1Mine"}})
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == path {
						w.WriteHeader(status)
						_, _ = io.WriteString(w, "<html><h1>Nothing here</h1></html>")
						return
					}
					sim.ServeHTTP(w, r)
				}))
				t.Cleanup(func() { sim.Close(); server.Close() })
				a := started(t, settings(t, server.URL, nil))
				defer a.Stop()
				sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + a.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
				due := soon()
				plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 2000, "due": "`+due+`"}],
					"customer": {"reference": "ada", "email": "ada@example.com"}}`)
				_, err := (&stripesim.Browser{BaseURL: server.URL}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
					stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
				require.NoError(t, err)
				require.Eventually(t, func() bool {
					p, err := a.Store().Plan(t.Context(), plan.ID)
					return err == nil && p.Status == billing.PlanCompleted
				}, 30*time.Second, 50*time.Millisecond)
			})
		}
	}
}
