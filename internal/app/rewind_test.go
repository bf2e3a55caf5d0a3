package app_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// rewound is a process whose database goes back in time while it runs. Its Stripe can lose events
// and webhooks.
type rewound struct {
	*app.App
	t        *testing.T
	database *storetest.Rewinder
	sim      *stripesim.Server
	browser  *stripesim.Browser
	silent   atomic.Bool
}

func startRewound(t *testing.T, change map[string]string) *rewound {
	t.Helper()
	sim, _ := stripe(t)
	w := &rewound{t: t, sim: sim}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.silent.Load() && r.URL.Path == "/v1/events" {
			_, _ = io.WriteString(rw, `{"object":"list","url":"/v1/events","has_more":false,"data":[]}`)
			return
		}
		sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	cfg := settings(t, front.URL, change)
	w.App, w.browser = started(t, cfg), &stripesim.Browser{BaseURL: front.URL}
	t.Cleanup(w.Stop)
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.silent.Load() {
			return // it is taken, and lost
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", w.Addr(), ""
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = resp.Body.Close()
		rw.WriteHeader(resp.StatusCode)
	}))
	t.Cleanup(hook.Close)
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: hook.URL + "/webhooks/stripe", Secret: "whsec_app"})
	w.database = storetest.RewinderOf(t, cfg.DatabaseURL)
	return w
}

// until waits for something that the process does by itself.
func (w *rewound) until(what string, done func(ctx context.Context) bool) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return done(w.t.Context()) }, 40*time.Second, 50*time.Millisecond, what)
}

func (w *rewound) untilStatus(id billing.ChargeID, status billing.ChargeStatus) {
	w.t.Helper()
	w.until(string(status), func(ctx context.Context) bool {
		c, err := w.Store().Charge(ctx, id)
		return err == nil && c.Status == status
	})
}

// payAhead pays a charge under a key that is none of its attempts', as a customer on the recovery
// page does.
func (w *rewound) payAhead(plan billing.PlanID, id billing.ChargeID) {
	w.t.Helper()
	ctx := w.t.Context()
	c, err := w.Store().Charge(ctx, id)
	require.NoError(w.t, err)
	p, err := w.Store().Plan(ctx, plan)
	require.NoError(w.t, err)
	card, err := w.Store().Card(ctx, p.CardID)
	require.NoError(w.t, err)
	pi, err := w.Gateway().CreatePaymentIntent(ctx, "ahead", billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: card.StripeCustomer, Metadata: c.Metadata(p.Reference, "att_lost"),
	})
	require.NoError(w.t, err)
	_, err = w.browser.ConfirmCardPayment(ctx, pi.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}})
	require.NoError(w.t, err)
}

// TestRunning_DatabaseGoesBack restores an older database under a running process. The process
// notices by the attempt that the witness has and the database has not, and then looks for payments
// at Stripe before the first attempt at a charge: a payment whose event is lost is not made again.
func TestRunning_DatabaseGoesBack(t *testing.T) {
	t.Parallel()
	for name, services := range map[string]map[string]string{
		"SQLite": nil, "PostgreSQL": {"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startRewound(t, services)
			plan := create(t, w.App, `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3, "every": "1 month", "customer": {"reference": "ada"}}`)
			_, err := w.browser.ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
				stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
			require.NoError(t, err)
			w.until("the plan starts", func(ctx context.Context) bool {
				p, err := w.Store().Plan(ctx, plan.ID)
				return err == nil && p.Status == billing.PlanActive
			})
			w.database.Backup("older")
			w.silent.Store(true)
			second, third := plan.Charges[1].ID, plan.Charges[2].ID
			fallDue(t, w.Store(), second)
			w.untilStatus(second, billing.ChargeSucceeded)
			w.payAhead(plan.ID, third)

			w.database.Restore("older")
			w.until("the rewind is noticed", func(ctx context.Context) bool {
				store, ok := w.Store().(billing.RewindStore)
				require.True(t, ok)
				rewinds, err := store.Rewinds(ctx)
				return err == nil && len(rewinds) > 0 && !rewinds[0].CaughtUpAt.IsZero()
			})
			fallDue(t, w.Store(), third)
			w.untilStatus(third, billing.ChargeSucceeded)
			require.Equal(t, 1, w.payments(third))
		})
	}
}

// payments counts the payments of a charge at Stripe.
func (w *rewound) payments(id billing.ChargeID) int {
	paid := 0
	for _, pi := range w.sim.PaymentIntents() {
		if strings.Contains(string(pi), string(id)) && strings.Contains(string(pi), `"succeeded"`) {
			paid++
		}
	}
	return paid
}
