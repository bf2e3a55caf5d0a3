package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// held is a proxy in front of Stripe that refuses some requests.
type held struct {
	sim    *stripesim.Server
	events atomic.Bool // whether Stripe's list of events can be read
	mu     sync.Mutex
	posted []string // requests that create a PaymentIntent, as the witness stood then
	peek   func() string
}

// ServeHTTP refuses the list of events while the test wants it to.
func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/events" && !h.events.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/v1/payment_intents" && h.peek != nil {
		h.mu.Lock()
		h.posted = append(h.posted, h.peek())
		h.mu.Unlock()
	}
	h.sim.ServeHTTP(w, r)
}

// TestCharges_WaitForCatchUp starts a process whose charge is due while Stripe's events can't be
// read. The charge waits and shows why. Once the events can be read, the charge is made, and the
// witness has its attempt before Stripe receives the request.
func TestCharges_WaitForCatchUp(t *testing.T) {
	t.Parallel()
	sim, _ := stripe(t)
	front := &held{sim: sim}
	front.events.Store(true)
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	cfg := settings(t, server.URL, map[string]string{"DATABASE_URL": testenv.SQLite(t)})
	first := started(t, cfg)
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + first.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
	plan := create(t, first, `{"reference": "order-1", "kind": "deposit", "currency": "usd", "total": 3000, "deposit": 1000, "balance_due": "`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)+`", "customer": {"reference": "ada"}}`)
	_, err := (&stripesim.Browser{BaseURL: server.URL}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := first.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanActive
	}, 30*time.Second, 50*time.Millisecond)
	first.Stop()

	front.events.Store(false)
	front.peek = func() string {
		content, _ := os.ReadFile(strings.TrimPrefix(cfg.DatabaseURL, "sqlite:") + "-witness")
		return string(content)
	}
	second, err := app.New(t.Context(), cfg, zerolog.Nop())
	require.NoError(t, err)
	fallDue(t, second.Store(), plan.Charges[1].ID)
	require.NoError(t, second.Start(t.Context()))
	defer second.Stop()
	charge := func() billing.Charge {
		c, err := second.Store().Charge(context.WithoutCancel(t.Context()), plan.Charges[1].ID)
		require.NoError(t, err)
		return c
	}
	require.Eventually(t, func() bool {
		return strings.Contains(charge().Reason, "charges wait until Stripe's record is caught up") || charge().Status != billing.ChargeScheduled
	}, 30*time.Second, 50*time.Millisecond)
	require.Zero(t, charge().AttemptCount)
	front.events.Store(true)
	require.Eventually(t, func() bool { return charge().Status == billing.ChargeSucceeded }, 40*time.Second, 50*time.Millisecond)
	front.mu.Lock()
	defer front.mu.Unlock()
	require.Len(t, front.posted, 1)
	require.Contains(t, front.posted[0], string(billing.AttemptIDFor(charge().ID, 1, billing.InitiatorMerchant)))
}
