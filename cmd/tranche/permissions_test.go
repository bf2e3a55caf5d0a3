package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/stripekey"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
	"tranche/internal/view"
)

const (
	keyOfTest    = "rk_test_permissions_1234"
	permitAPIKey = "api-key-of-the-permissions-and-tests"
)

// keyWorld is Tranche with a restricted key: a process that serves, commands, and customers in
// browsers.
type keyWorld struct {
	t        *testing.T
	app      *app.App
	settings map[string]string
	sim      *stripesim.Server
	browser  *stripesim.Browser
	shop     string // the directory of the merchant's files
}

// newKeyWorld starts Tranche on an empty database with a key that has only the given scopes. With
// PostgreSQL it also has a Redis, as for several processes.
func newKeyWorld(t *testing.T, databaseURL string, scopes []string) *keyWorld {
	t.Helper()
	sim := stripesim.New(stripesim.Options{
		Account: stripesim.Account{ID: "acct_1Keys"}, SecretKeys: []string{"sk_test_shop"}, RestrictedKeys: map[string][]string{keyOfTest: scopes},
	})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	w := &keyWorld{t: t, sim: sim, browser: &stripesim.Browser{BaseURL: server.URL}, shop: t.TempDir(), settings: map[string]string{
		"STRIPE_SECRET_KEY": keyOfTest, "STRIPE_WEBHOOK_SECRET": "whsec_keys", "STRIPE_API_BASE": server.URL, "TRANCHE_API_KEY": permitAPIKey,
		"TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "127.0.0.1:0", "DATABASE_URL": databaseURL, "TRANCHE_TICK": "50ms",
		"STRIPE_READ_RATE": "1000", "STRIPE_WRITE_RATE": "1000", "STRIPE_TIMEOUT": "2s", "TRANCHE_LEASE": "3s", "TRANCHE_SHUTDOWN_TIMEOUT": "5s",
	}}
	if !strings.HasPrefix(databaseURL, "sqlite:") {
		w.settings["REDIS_URL"] = testenv.Redis(t)
	}
	cfg, err := config.LoadFor(config.Sources{Flags: w.settings}, config.NeedsServe)
	require.NoError(t, err)
	w.app, err = app.New(t.Context(), cfg, zerolog.Nop())
	require.NoError(t, err)
	require.NoError(t, w.app.Start(t.Context()))
	t.Cleanup(w.app.Stop)
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + w.app.Addr() + "/webhooks/stripe", Secret: "whsec_keys"})
	return w
}

// command runs a command next to the process and returns its outputs. An exit code other than 0 is
// an error.
func (w *keyWorld) command(args ...string) (string, error) {
	var out, talk heard
	code := run(w.t.Context(), args, func(name string) string { return w.settings[name] }, strings.NewReader(""), &out, &talk)
	said := string(out.bytes()) + string(talk.bytes())
	if code != exitOK {
		return said, fmt.Errorf("%s: exit %d: %s", args[0], code, said)
	}
	return said, nil
}

// post sends a request like the merchant's server. A status other than 2xx is an error.
func (w *keyWorld) post(path, body string) (view.Plan, error) {
	var plan view.Plan
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.app.Addr()+path, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+permitAPIKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	if resp.StatusCode/100 != 2 {
		return plan, fmt.Errorf("%d %s", resp.StatusCode, answer)
	}
	err = json.Unmarshal(answer, &plan)
	return plan, err
}

// until waits for a condition. It fails early if an event, an incident or a charge reports that it
// waits for a permission.
func (w *keyWorld) until(what string, done func(ctx context.Context) bool) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done(ctx) {
			return nil
		}
		if err := w.stuck(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: nothing happened", what)
		case <-tick.C:
		}
	}
}

const lacksPermission = "lacks the permission"

func (w *keyWorld) stuck(ctx context.Context) error {
	s := w.app.Store()
	events, err := s.Events(ctx, billing.EventFilter{Status: billing.EventPending, Limit: 100})
	for _, e := range events {
		if strings.Contains(e.Reason, lacksPermission) {
			return errors.Join(err, fmt.Errorf("event %s: %s", e.Type, e.Reason))
		}
	}
	open, err := s.Incidents(ctx, billing.IncidentFilter{Open: true, Limit: 100})
	for _, i := range open {
		if strings.Contains(i.Detail, lacksPermission) {
			return errors.Join(err, fmt.Errorf("incident %s: %s", i.Kind, i.Detail))
		}
	}
	return err
}

// plan creates a plan, and plays its customer, who makes the first payment or enters the card.
func (w *keyWorld) plan(reference, kind, terms, card string) (view.Plan, error) {
	p, err := w.post("/v1/plans", fmt.Sprintf(`{"reference": %q, "kind": %q, "currency": "usd", %s, "customer": {"reference": "of-%s", "email": "ada@example.com"}}`,
		reference, kind, terms, reference))
	if err != nil {
		return p, err
	}
	details := stripesim.PaymentDetails{Card: &stripesim.Card{Number: card}}
	if p.Setup != nil {
		_, err = w.browser.ConfirmCardSetup(w.t.Context(), p.Setup.ClientSecret, details)
	} else {
		details.SetupFutureUsage = "off_session"
		_, err = w.browser.ConfirmCardPayment(w.t.Context(), p.FirstPayment.ClientSecret, details)
	}
	require.NoError(w.t, err)
	return p, w.until(reference+" starts", func(ctx context.Context) bool {
		now, err := w.app.Store().Plan(ctx, p.ID)
		return err == nil && now.Status != billing.PlanAwaitingFirstPayment
	})
}

// collect makes the plan's last charge due, and waits until it is paid.
func (w *keyWorld) collect(p view.Plan) error {
	s := w.app.Store()
	charges, err := s.PlanCharges(w.t.Context(), p.ID)
	require.NoError(w.t, err)
	last := charges[len(charges)-1]
	require.NoError(w.t, s.Update(w.t.Context(), func(tx billing.Tx) error {
		c, err := tx.Charge(w.t.Context(), last.ID)
		if err != nil {
			return err
		}
		now := w.app.Clock().Now().Truncate(time.Millisecond)
		c.DueAt, c.NextAttemptAt, c.ClaimAfter = now, now, now
		return tx.UpdateCharge(w.t.Context(), c)
	}))
	return w.until(p.Reference+" is charged", func(ctx context.Context) bool {
		c, err := s.Charge(ctx, last.ID)
		return err == nil && c.Status == billing.ChargeSucceeded
	})
}

const (
	laterTerms  = `"total": 3000, "parts": 3, "every": "1 month"`
	payingCard  = "4242424242424242"
	disputeCard = "4000000000000259"
)

// deeds are Tranche's operations; each returns its error. They may run in any order.
var deeds = map[string]func(w *keyWorld) error{
	"a plan with a first payment": func(w *keyWorld) error {
		for kind, terms := range map[string]string{
			"installments": laterTerms, "deposit": `"total": 3000, "deposit": 1000, "balance_due": "` + nextYear() + `"`, "recurring": `"amount": 1900, "every": "1 month"`,
		} {
			p, err := w.plan("first-"+kind, kind, terms, payingCard)
			if err == nil {
				err = w.collect(p)
			}
			if err != nil {
				return err
			}
		}
		return nil
	},
	"a plan without a first payment": func(w *keyWorld) error {
		p, err := w.plan("later", "deferred", `"total": 5000, "due": "`+nextYear()+`"`, payingCard)
		if err != nil {
			return err
		}
		return w.collect(p)
	},
	"a refund": func(w *keyWorld) error {
		p, err := w.plan("refunded", "installments", laterTerms, payingCard)
		if err != nil {
			return err
		}
		if _, err := w.post("/v1/plans/"+string(p.ID)+"/cancel", `{"refund": true}`); err != nil {
			return err
		}
		return w.until("the refund", func(ctx context.Context) bool {
			c, err := w.app.Store().Charge(ctx, p.Charges[0].ID)
			return err == nil && c.Status == billing.ChargeRefunded
		})
	},
	"a dispute": func(w *keyWorld) error {
		p, err := w.plan("disputed", "installments", laterTerms, disputeCard)
		if err != nil {
			return err
		}
		return w.until("the dispute", func(ctx context.Context) bool {
			c, err := w.app.Store().Charge(ctx, p.Charges[0].ID)
			return err == nil && c.Status == billing.ChargeDisputed
		})
	},
	"the removal of a card": func(w *keyWorld) error {
		p, err := w.plan("removed", "installments", laterTerms, payingCard)
		if err != nil {
			return err
		}
		plan, err := w.app.Store().Plan(w.t.Context(), p.ID)
		require.NoError(w.t, err)
		if _, err := w.command("card", "remove", string(plan.CardID), "--yes"); err != nil {
			return err
		}
		card, err := w.app.Store().Card(w.t.Context(), plan.CardID)
		require.NoError(w.t, err)
		detacher := cards.Detacher{Store: w.app.Store(), Gateway: w.app.Gateway()} // serve runs this periodically
		if _, err := detacher.Run(w.t.Context(), w.app.Clock().Now()); err != nil {
			return err
		}
		pm, err := w.app.Gateway().PaymentMethod(w.t.Context(), card.PaymentMethod)
		if err == nil && pm.Customer != "" {
			err = errors.New("the card stays attached at Stripe")
		}
		return err
	},
	"an import": func(w *keyWorld) error {
		p, err := w.plan("here", "installments", laterTerms, payingCard)
		if err != nil {
			return err
		}
		plan, err := w.app.Store().Plan(w.t.Context(), p.ID)
		require.NoError(w.t, err)
		card, err := w.app.Store().Card(w.t.Context(), plan.CardID)
		require.NoError(w.t, err)
		file := filepath.Join(w.shop, "plans.csv")
		require.NoError(w.t, os.WriteFile(file, []byte("reference,kind,currency,charges,customer,stripe_customer,card\n"+
			"imported,deposit,usd,10000 "+nextYear()+",of-here,"+card.StripeCustomer+","+card.PaymentMethod+"\n"), 0o600))
		_, err = w.command("plan", "import", file, "--verify-cards", "--yes")
		return err
	},
	"reconcile": func(w *keyWorld) error {
		_, err := w.command("reconcile")
		return err
	},
	"backfill": func(w *keyWorld) error {
		_, err := w.command("event", "backfill")
		return err
	},
	"doctor's check of the endpoint": func(w *keyWorld) error {
		said, err := w.command("doctor")
		if strings.Contains(said, "not checked") {
			return errors.New(said)
		}
		return err
	},
}

// lost lists the deeds that fail without each permission, by the row's name in Stripe's dashboard.
var lost = map[string][]string{
	"PaymentIntents":      {"a plan with a first payment"},
	"SetupIntents":        {"a plan without a first payment"},
	"PaymentMethods":      {"a plan with a first payment", "a plan without a first payment"},
	"Customers":           {"a plan with a first payment"},
	"Charges and Refunds": {"a refund"},
	"Disputes":            {"a dispute"},
	"Events":              {"backfill"},
	"Webhook Endpoints":   {"doctor's check of the endpoint"},
}

// TestPermissions_ExactlyTheListed runs all deeds with a key that has only the listed permissions.
func TestPermissions_ExactlyTheListed(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		w := newKeyWorld(t, url, stripekey.Scopes())
		for name, deed := range deeds {
			require.NoError(t, deed(w), name)
		}
		said, err := w.command("doctor")
		require.NoError(t, err)
		require.Regexp(t, `(?m)^permissions +ok +the restricted key has all 8 required permissions`, said)
		require.Contains(t, said, "receives every event")
		status, alarms := w.ready()
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, alarms, "permission_missing")
	})
}

func (w *keyWorld) ready() (int, string) {
	resp, err := http.Get("http://" + w.app.AdminAddr() + "/readyz")
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(body)
}

// TestPermissions_OneMissing removes each permission, or leaves only read access instead of write
// access. The operations in lost fail and name the missing permission; so does doctor.
func TestPermissions_OneMissing(t *testing.T) {
	t.Parallel()
	for _, p := range stripekey.Permissions() {
		require.NotEmpty(t, lost[p.Row], "the list has a row that this test does not know")
		without := slices.DeleteFunc(stripekey.Scopes(), func(s string) bool { return s == p.Scope() })
		t.Run(p.Row, func(t *testing.T) { t.Parallel(); requireLost(t, p, without) })
		if p.Access == stripekey.Write {
			t.Run(p.Row+" to read", func(t *testing.T) { t.Parallel(); requireLost(t, p, append(without, p.Scope()+":read")) })
		}
	}
}

func requireLost(t *testing.T, p stripekey.Permission, scopes []string) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, url string) { newKeyWorld(t, url, scopes).requireLost(p, scopes) })
}

func (w *keyWorld) requireLost(p stripekey.Permission, scopes []string) {
	t := w.t
	t.Helper()
	said, err := w.command("doctor")
	verdict := "fail"
	if p.Advisory {
		verdict = "warn"
		require.NoError(t, err)
	} else {
		require.Error(t, err)
	}
	require.Regexp(t, `(?m)^permissions +`+verdict+` +the key lacks the permission `+p.String()+`; without it .*edit the restricted key`, said)
	require.Equal(t, 1, strings.Count(said, "the key lacks "), said)
	failing := lost[p.Row]
	if slices.Contains(scopes, p.Scope()+":read") && p.Row == "PaymentMethods" { // a customer is created with its first card
		failing = []string{"the removal of a card"}
	}
	for _, name := range failing {
		err := deeds[name](w)
		require.Error(t, err, "%s works without %s", name, p)
		if p.Advisory {
			continue
		}
		require.ErrorContains(t, err, p.String(), name)
		if strings.HasSuffix(p.Row, "Intents") { // the merchant's requests need it
			require.ErrorContains(t, err, "502 ")
			require.ErrorContains(t, err, `"code":"stripe_permission"`)
		}
		require.NotContains(t, err.Error(), "send the same request again")
	}
	if !p.Advisory && p.Row != "Events" { // the command, a separate process, requires it
		require.Eventually(t, func() bool {
			_, alarms := w.ready()
			return strings.Contains(alarms, "permission_missing")
		}, 10*time.Second, 50*time.Millisecond)
	}
}

// nextYear is a date within the ten years that a plan may last.
func nextYear() string { return time.Now().AddDate(1, 0, 0).Format(time.DateOnly) }
