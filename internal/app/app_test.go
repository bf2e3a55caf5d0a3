package app_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
	"tranche/internal/view"
)

const apiKey = "a-key-of-the-merchants-own-servers"

// settings returns the settings of a process on loopback, with a test's changes.
func settings(t *testing.T, stripe string, change map[string]string) config.Config {
	t.Helper()
	flags := map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_app", "STRIPE_WEBHOOK_SECRET": "whsec_app", "STRIPE_API_BASE": stripe, "TRANCHE_API_KEY": apiKey,
		"TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "127.0.0.1:0", "DATABASE_URL": storetest.SQLiteFile(t), "TRANCHE_TICK": "50ms",
		"STRIPE_READ_RATE": "1000", "STRIPE_WRITE_RATE": "1000", "STRIPE_TIMEOUT": "2s", "TRANCHE_LEASE": "3s", "TRANCHE_SHUTDOWN_TIMEOUT": "5s",
	}
	maps.Copy(flags, change)
	cfg, err := config.LoadFor(config.Sources{Flags: flags}, config.NeedsServe)
	require.NoError(t, err)
	return cfg
}

func stripe(t *testing.T) (*stripesim.Server, string) {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return sim, server.URL
}

func started(t *testing.T, cfg config.Config) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), cfg, zerolog.Nop())
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	return a
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestOneProcessDoesItAll(t *testing.T) {
	t.Parallel()
	sim, url := stripe(t)
	a := started(t, settings(t, url, nil))
	defer a.Stop()
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + a.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
	require.Eventually(t, func() bool {
		status, _ := get(t, "http://"+a.Addr()+"/readyz")
		return status == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond)

	due := soon()
	plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 2000, "due": "`+due+`"}],
		"customer": {"reference": "ada", "email": "ada@example.com"}}`)
	browser := &stripesim.Browser{BaseURL: url}
	_, err := browser.ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := a.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanCompleted
	}, 30*time.Second, 50*time.Millisecond)
}

// soon returns a due time in the near future. A busy machine takes seconds until the plan is made,
// and a due time that has passed by then is refused.
func soon() string { return time.Now().Add(12 * time.Second).UTC().Format(time.RFC3339) }

func create(t *testing.T, a *app.App, body string) view.Plan {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addr()+"/v1/plans", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	var plan view.Plan
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&plan))
	return plan
}

func TestStartAndStopLeaveNothingRunning(t *testing.T) {
	_, url := stripe(t)
	cfg := settings(t, url, nil)
	cycle := func() { started(t, cfg).Stop() }
	cycle() // what the libraries start once and keep is not counted
	before := runtime.NumGoroutine()
	for range 3 {
		cycle()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+3 }, 10*time.Second, 50*time.Millisecond)
}

func TestAProcessWithoutIngressAnswersHealthOnly(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	a := started(t, settings(t, url, map[string]string{
		"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t), "TRANCHE_ROLES": "worker",
	}))
	defer a.Stop()
	status, _ := get(t, "http://"+a.Addr()+"/healthz")
	require.Equal(t, http.StatusOK, status)
	status, _ = get(t, "http://"+a.Addr()+"/v1/plans")
	require.Equal(t, http.StatusNotFound, status)
}

func TestWhatIsAwayAtTheStartIsNamed(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	for name, change := range map[string]map[string]string{
		"open the database": {"DATABASE_URL": "postgres://tranche:hunter2@127.0.0.1:1/tranche"},
		"reach Redis":       {"REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"},
	} {
		_, err := app.New(t.Context(), settings(t, url, change), zerolog.Nop())
		require.ErrorIs(t, err, billing.ErrUnavailable, name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestARestartTakesUpWhatWasLeasedWithoutWaiting(t *testing.T) {
	t.Parallel()
	sim, url := stripe(t)
	cfg := settings(t, url, map[string]string{"TRANCHE_LEASE": "1h"})
	first := started(t, cfg)
	hook := "http://" + first.Addr() + "/webhooks/stripe"
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: hook, Secret: "whsec_app"})
	plan := create(t, first, `{"reference": "order-1", "kind": "deposit", "currency": "usd", "total": 3000, "deposit": 1000, "balance_due": "`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)+`", "customer": {"reference": "ada"}}`)
	_, err := (&stripesim.Browser{BaseURL: url}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, sim.Drain(ctx))
	first.Stop()

	// The balance fell due, and a process claimed it for an hour and died.
	second, err := app.New(t.Context(), cfg, zerolog.Nop())
	require.NoError(t, err)
	fallDue(t, second.Store(), plan.Charges[1].ID)
	claimed, err := second.Store().ClaimCharges(t.Context(), time.Now().Add(time.Minute), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	second.Stop()

	third := started(t, cfg)
	defer third.Stop()
	require.Eventually(t, func() bool {
		p, err := third.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanCompleted
	}, 15*time.Second, 50*time.Millisecond)
}

// fallDue makes a charge due now.
func fallDue(t *testing.T, store billing.Store, id billing.ChargeID) {
	t.Helper()
	require.NoError(t, store.Update(t.Context(), func(tx billing.Tx) error {
		c, err := tx.Charge(t.Context(), id)
		if err != nil {
			return err
		}
		now := time.Now().Truncate(time.Millisecond)
		c.DueAt, c.NextAttemptAt, c.ClaimAfter = now, now, now
		return tx.UpdateCharge(t.Context(), c)
	}))
}
