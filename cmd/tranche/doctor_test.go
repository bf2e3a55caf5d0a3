package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// doctored runs commands on one database, with the Stripe at the given address.
func doctored(t *testing.T, database string) func(stripe string, args ...string) (code int, out string) {
	t.Helper()
	return func(stripe string, args ...string) (int, string) {
		env := map[string]string{
			"DATABASE_URL": database, "STRIPE_API_BASE": stripe, "STRIPE_SECRET_KEY": "sk_test_doctor", "STRIPE_WEBHOOK_SECRET": "whsec_doctor",
			"TRANCHE_API_KEY": "api-key-of-the-doctor", "TRANCHE_BASE_URL": "https://pay.example.com",
		}
		var out, talk heard
		code := run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &talk)
		return code, string(out.bytes())
	}
}

func account(t *testing.T, id string, webhooks ...stripesim.WebhookEndpoint) string {
	t.Helper()
	sim := stripesim.New(stripesim.Options{Account: stripesim.Account{ID: id}, Webhooks: webhooks})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return server.URL
}

func TestDoctorSeesADatabaseOfAnotherAccount(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	code, _ := command(account(t, "acct_one"), "bind")
	require.Equal(t, exitOK, code)
	code, out := command(account(t, "acct_two"), "doctor")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^binding +fail +nothing is charged: the database belongs to Stripe account acct_one and the key to acct_two`, out)
}

func TestDoctorSeesWhichEventsAreNotSent(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	hook := stripesim.WebhookEndpoint{URL: "https://pay.example.com/webhooks/stripe", EnabledEvents: []string{"payment_intent.succeeded"}}
	_, out := command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +warn +these events are not sent: .*\bcustomer\.deleted, `, out)
	require.NotContains(t, out, "payment_intent.succeeded")
	hook.EnabledEvents = nil
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +ok +https://pay\.example\.com/webhooks/stripe is sent every event that is used`, out)
	hook.URL = "https://other.example.com/webhooks/stripe"
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +warn +Stripe knows no enabled endpoint`, out)
}

// TestDoctorSeesThatNobodyListensToAConnectedAccount that a plan names.
func TestDoctorSeesThatNobodyListensToAConnectedAccount(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	hook := stripesim.WebhookEndpoint{URL: "https://pay.example.com/webhooks/stripe"}
	alone := account(t, "acct_one", hook)
	_, out := command(alone, "doctor")
	require.NotContains(t, out, "connected accounts")

	resp, err := http.PostForm(alone+"/_sim/connect", url.Values{"account": {"acct_1Villa"}})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	code, out := command(alone, "plan", "create", "--account", "acct_1Villa", "--application-fee-percent", "2.5", "--kind", "deferred", "--reference", "order-1",
		"--currency", "eur", "--total", "9900", "--due", time.Now().AddDate(1, 0, 0).Format(time.DateOnly), "--customer", "ada", "--timezone", "UTC")
	require.Equal(t, exitOK, code, out)
	_, out = command(alone, "plan", "show", "order-1")
	require.Contains(t, out, "In the account of acct_1Villa")
	_, out = command(alone, "doctor")
	require.Regexp(t, `(?m)^connected accounts +warn +plans name 1 of them, and no enabled endpoint`, out)

	hook.Connect = true
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^connected accounts +ok +https://pay\.example\.com/webhooks/stripe is sent every event that is used`, out)
	require.Regexp(t, `(?m)^webhook endpoint +warn +Stripe knows no enabled endpoint`, out, "one that listens to connected accounts alone")
}

func TestDoctorSeesAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	var keyed atomic.Bool // the clock was asked for with the key
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusUnauthorized)
		keyed.CompareAndSwap(false, r.URL.Path == "/" && r.Header.Get("Authorization") != "")
		_, _ = w.Write([]byte(`{"error": {"message": "Invalid API Key provided: sk_test_doctor"}}`))
	}))
	t.Cleanup(late.Close)
	code, out := doctored(t, testenv.SQLite(t))(late.URL, "doctor")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^clock +fail +this machine's clock is 10m\d*s from Stripe's`, out)
	require.Regexp(t, `(?m)^stripe key +fail +get the account: stripe: unauthorized`, out)
	require.NotContains(t, out, "sk_test_doctor")
	require.False(t, keyed.Load())
}
