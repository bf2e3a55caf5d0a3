package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/store/open"
	"tranche/internal/stripesim"
)

// secretRoad is all of Tranche in this process, with seeded secrets and all its outputs.
type secretRoad struct {
	t       *testing.T
	dir     string
	env     map[string]string
	sim     *stripesim.Server
	browser *stripesim.Browser
	stripe  *unkindStripe
	mail    *unkindMail
	admin   string // URL of the admin address
	url     string

	log, commands *heard
	answers       heard // of the API, except answers that hold a client secret or an endpoint's secret

	receiver *unkindReceiver
}

// TestNoSecretIsEverSaidOrStored simulates months of plans with every kind of failure, at debug
// level, and searches all outputs for the secrets.
func TestNoSecretIsEverSaidOrStored(t *testing.T) {
	t.Parallel()
	r := newSecretRoad(t)
	stop := r.serve()
	r.addEndpoint()
	r.badRequests()
	r.badWebhooks()
	r.badSettings()
	r.liveThroughPlans()
	r.runCommands()
	s := newSieve()
	s.exact = append(s.exact, r.receiver.secret)
	leaks := r.leaks(s) // while it runs: the database has its log next to it
	require.NoError(t, stop())
	leaks = append(leaks, r.leaks(s)...)
	require.Contains(t, string(r.log.bytes()), "[hidden]", "the texts of careless servers were logged")
	for _, l := range leaks {
		t.Errorf("in %s: %s", l.where, l.what)
	}
}

func newSecretRoad(t *testing.T) *secretRoad {
	t.Helper()
	r := &secretRoad{t: t, dir: t.TempDir(), log: &heard{}, commands: &heard{}}
	clk := clock.New(time.Now().UTC(), 43200, nil) // half a day in a second
	r.sim = stripesim.New(stripesim.Options{Now: clk.Now, SecretKeys: []string{seededKey}, WebhookBackoff: []time.Duration{100 * time.Millisecond, time.Second, time.Second}})
	server := httptest.NewServer(r.sim)
	t.Cleanup(func() { r.sim.Close(); server.Close() })
	r.browser = &stripesim.Browser{BaseURL: server.URL}
	r.stripe, r.mail, r.receiver = newUnkindStripe(t, server.URL), newUnkindMail(t), newUnkindReceiver(t)
	r.env = map[string]string{
		"STRIPE_SECRET_KEY": seededKey, "STRIPE_WEBHOOK_SECRET": seededHook + "," + seededOldHook, "STRIPE_API_BASE": r.stripe.URL,
		"TRANCHE_API_KEY": seededAPIKey, "TRANCHE_SECRET_KEY": seededLinkKey, "TRANCHE_CLOCK": clk.String(),
		"DATABASE_URL": "sqlite:" + filepath.Join(r.dir, "tranche.db"), "TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "127.0.0.1:0", "TRANCHE_LOG_LEVEL": "debug",
		"SMTP_URL": "smtp://tranche:" + seededMail + "@" + r.mail.addr + "?tls=none", "TRANCHE_MAIL_FROM": "shop@example.com",
		"TRANCHE_WEBHOOK_ALLOW_PRIVATE": "true", "TRANCHE_RETURN_URL": rigReturnURL, "TRANCHE_TICK": "50ms", "STRIPE_TIMEOUT": "2s", "TRANCHE_LEASE": "3s",
	}
	return r
}

// serve runs `tranche serve` in this process, and returns the function that stops it.
func (r *secretRoad) serve() (stop func() error) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve"}, r.getenv(nil), strings.NewReader(""), r.log, r.log) }()
	require.Eventually(r.t, func() bool {
		at := listening.FindSubmatch(r.log.bytes())
		if at != nil {
			r.url = "http://" + string(at[1])
			r.admin = "http://" + string(listeningAdmin.FindSubmatch(r.log.bytes())[1]) // on the same line
		}
		return at != nil
	}, 20*time.Second, 10*time.Millisecond)
	r.sim.AddWebhook(stripesim.WebhookEndpoint{URL: r.url + "/webhooks/stripe", Secret: seededHook})
	return func() error {
		cancel()
		if code := <-ended; code != exitOK {
			return fmt.Errorf("serve ended with %d: %s", code, r.log.bytes())
		}
		return nil
	}
}

func (r *secretRoad) getenv(change map[string]string) func(string) string {
	env := maps.Clone(r.env)
	maps.Copy(env, change)
	return func(name string) string { return env[name] }
}

// command runs a command in this process and keeps its outputs.
func (r *secretRoad) command(change map[string]string, in string, args ...string) (code int, out string) {
	r.t.Helper()
	var said heard
	code = run(r.t.Context(), args, r.getenv(change), strings.NewReader(in), io.MultiWriter(&said, r.commands), r.commands)
	return code, string(said.bytes())
}

// send sends a request to Tranche and keeps the answer, unless the answer holds a client secret.
func (r *secretRoad) send(method, path string, header http.Header, body string) (int, []byte) {
	r.t.Helper()
	return r.sendTo(r.url, method, path, header, body)
}

// sendTo is send to one of Tranche's addresses.
func (r *secretRoad) sendTo(base, method, path string, header http.Header, body string) (int, []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, base+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	hands := path == "/v1/plans" || strings.HasPrefix(path, "/v1/webhook_endpoints")
	if method != http.MethodPost || !hands || resp.StatusCode/100 != 2 {
		_, _ = fmt.Fprintf(&r.answers, "%s %v %s\n", resp.Status, resp.Header, answer)
	}
	return resp.StatusCode, answer
}

func authorised() http.Header {
	return http.Header{"Authorization": {"Bearer " + seededAPIKey}, "Content-Type": {"application/json"}}
}

// addEndpoint adds a careless receiver for all messages, and rotates its secret.
func (r *secretRoad) addEndpoint() {
	var made struct{ ID, Secret string }
	status, answer := r.send(http.MethodPost, "/v1/webhook_endpoints", authorised(), `{"url": "`+r.receiver.URL+`/hook"}`)
	require.Equal(r.t, http.StatusCreated, status, "%s", answer)
	require.NoError(r.t, json.Unmarshal(answer, &made))
	status, answer = r.send(http.MethodPost, "/v1/webhook_endpoints/"+made.ID+"/rotate", authorised(), "")
	require.Equal(r.t, http.StatusOK, status)
	require.NoError(r.t, json.Unmarshal(answer, &made))
	require.NotEmpty(r.t, made.Secret)
	r.receiver.secret = strings.TrimPrefix(made.Secret, "whsec_")
}

// badRequests sends invalid requests, with secrets in wrong places.
func (r *secretRoad) badRequests() {
	wrong := http.Header{"Authorization": {"Bearer SEEDED-key-of-another"}}
	for _, path := range []string{
		"/v1/plans", "/v1/plans/plan_none", "/v1/plans/pi_9_secret_SEEDEDpath", "/nowhere/pi_9_secret_SEEDEDpath", "/pay/" + seededKey,
		"/v1/plans?client_secret=pi_9_secret_SEEDEDquery", "/v1/plans?limit=x&key=" + seededKey,
	} {
		for _, header := range []http.Header{wrong, authorised()} {
			status, _ := r.send(http.MethodGet, path, header, "")
			require.Less(r.t, status, 500)
		}
	}
	for _, body := range []string{"", "{", `{"reference": 7}`, `{"client_secret": "pi_9_secret_SEEDEDfield"}`, `{"reference": "x", "kind": "deposit", "currency": "usd"}`} {
		status, _ := r.send(http.MethodPost, "/v1/plans", authorised(), body)
		require.Equal(r.t, 4, status/100, body)
	}
}

// badWebhooks sends webhooks that are not from Stripe, and events that Stripe would not send.
func (r *secretRoad) badWebhooks() {
	secret := `"client_secret": "pi_9_secret_SEEDEDhook", "number": "4242424242424242"`
	sign := func(body string) string {
		at := time.Now().Unix()
		mac := hmac.New(sha256.New, []byte(seededHook))
		_, _ = fmt.Fprintf(mac, "%d.%s", at, body)
		return fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil)))
	}
	whole := `{"id": "evt_seeded", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_9", "client_secret": "pi_9_secret_SEEDEDhook"}}}`
	for _, c := range []struct {
		signature, body string
		want            int
	}{
		{"t=1,v1=" + seededHook, "{" + secret + "}", 400}, {"", "{" + secret + "}", 400}, {sign(whole) + "0", whole, 400},
		{sign("{" + secret + "}"), "{" + secret + "}", 400}, {sign("{" + secret), "{" + secret, 400},
		{sign(whole), whole, 200}, {sign(whole), whole, 200},
	} {
		status, answer := r.send(http.MethodPost, "/webhooks/stripe", http.Header{"Stripe-Signature": {c.signature}}, c.body)
		require.Equal(r.t, c.want, status, "%s", answer)
	}
}

// badSettings starts serve with invalid secrets, and with unavailable services.
func (r *secretRoad) badSettings() {
	for name, change := range map[string]map[string]string{
		"key":      {"STRIPE_SECRET_KEY": "pk_test_SEEDEDwrong kind"},
		"hook":     {"STRIPE_WEBHOOK_SECRET": "SEEDEDhook, ,"},
		"api key":  {"TRANCHE_API_KEY": "SEEDED"},
		"mail":     {"SMTP_URL": "smtp://a:SEEDED%zz@host"},
		"database": {"DATABASE_URL": "postgres://tranche:" + seededDatabase + "@127.0.0.1:1/tranche"},
		"redis":    {"REDIS_URL": "redis://:" + seededRedis + "@127.0.0.1:1/0"},
		"stripe":   {"STRIPE_API_BASE": "http://user:SEEDEDproxy@127.0.0.1:1", "DATABASE_URL": "sqlite:" + filepath.Join(r.dir, "other.db")},
		"account":  {"STRIPE_SECRET_KEY": seededOldKey, "DATABASE_URL": "sqlite:" + filepath.Join(r.dir, "third.db")},
	} {
		code, _ := r.command(change, "", "doctor")
		require.NotEqual(r.t, exitOK, code, name)
		code, _ = r.command(change, "", "doctor", "--json")
		require.NotEqual(r.t, exitOK, code, name)
		if name != "stripe" && name != "account" { // with these settings it starts, and waits
			code, _ = r.command(change, "", "serve")
			require.NotEqual(r.t, exitOK, code, name)
		}
		code, _ = r.command(change, "", "reconcile")
		require.True(r.t, code != exitOK || name != "key" && name != "database" && name != "stripe" && name != "account", name)
		if code != exitOK { // otherwise it prints a client secret, as intended
			code, _ = r.command(change, installments("bad-"+name, "usd", 9000, 3, "1 week"), "plan", "create", "--file", "-")
			require.NotEqual(r.t, exitOK, code, name)
		}
	}
}

// liveThroughPlans creates plans with cards that succeed, are declined later or require
// authentication, while answers are lost.
func (r *secretRoad) liveThroughPlans() {
	ctx := r.t.Context()
	for _, f := range []stripesim.FaultRule{
		{Action: stripesim.ActionAnswerLost, Method: "POST", Path: "/v1/payment_intents", Nth: 6},
		{Action: stripesim.ActionHalfBody, Method: "POST", Path: "/v1/payment_intents/*/confirm", Nth: 7},
		{Action: stripesim.ActionServerErrorExecuted, Method: "POST", Path: "/v1/customers", Nth: 2},
		{Action: stripesim.ActionRateLimit, Method: "GET", Probability: 0.1},
		{Action: stripesim.ActionWebhookDuplicate, Probability: 0.5},
	} {
		require.NoError(r.t, r.sim.AddFault(f))
	}
	for i, number := range append(seededPANs(), seededPANs()[:2]...) {
		var plan struct {
			ID           string
			FirstPayment struct {
				ClientSecret string `json:"client_secret"`
			} `json:"first_payment"`
		}
		reference := fmt.Sprintf("order-%d", i)
		require.Eventually(r.t, func() bool { // a careless answer: the same request again
			status, answer := r.send(http.MethodPost, "/v1/plans", authorised(), installments(reference, "usd", 9000, 3, "2 days"))
			return status/100 == 2 && json.Unmarshal(answer, &plan) == nil
		}, 20*time.Second, 50*time.Millisecond)
		intent, err := r.browser.ConfirmCardPayment(ctx, plan.FirstPayment.ClientSecret, stripesim.PaymentDetails{
			Card: &stripesim.Card{Number: number, CVC: seededCVC}, SetupFutureUsage: "off_session",
		})
		if err == nil && intent.Status == "requires_action" {
			_, _ = r.browser.Authenticate(ctx, intent, true)
		}
		r.send(http.MethodGet, "/v1/plans/"+plan.ID, authorised(), "")
	}
	r.wait()
	for _, path := range []string{"/v1/plans", "/v1/notices", "/healthz", "/readyz"} {
		status, _ := r.send(http.MethodGet, path, authorised(), "")
		require.Less(r.t, status, 600)
	}
	for _, path := range []string{"/readyz", "/metrics"} {
		_, answer := r.sendTo(r.admin, http.MethodGet, path, http.Header{}, "")
		require.Contains(r.t, string(answer), "alarms", path)
	}
}

// wait waits until payments, declines, lost answers and mails have occurred.
func (r *secretRoad) wait() {
	r.t.Helper()
	s := r.store()
	require.Eventually(r.t, func() bool {
		outcomes := map[billing.Outcome]int{}
		charges, err := s.ListCharges(r.t.Context(), billing.ChargeFilter{})
		require.NoError(r.t, err)
		for _, c := range charges {
			attempts, err := s.Attempts(r.t.Context(), c.ID)
			require.NoError(r.t, err)
			for _, a := range attempts {
				outcomes[a.Outcome]++
				if a.SendCount > 1 {
					outcomes["again"]++
				}
			}
		}
		_, mails := r.mail.taken()
		return outcomes[billing.OutcomeSucceeded] > 5 && outcomes[billing.OutcomeDeclined] > 2 && outcomes["again"] > 0 && mails > 5 &&
			r.receiver.count() > 20
	}, 2*time.Minute, 100*time.Millisecond)
}

// store opens the database a second time, next to serve.
func (r *secretRoad) store() interface {
	billing.Store
	billing.ChargeLister
} {
	r.t.Helper()
	s, err := open.Store(r.t.Context(), r.env["DATABASE_URL"], open.Options{})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = s.Close() })
	return s
}

// runCommands runs every command with an output, for people and for programs.
func (r *secretRoad) runCommands() {
	s := r.store()
	events, err := s.Events(r.t.Context(), billing.EventFilter{})
	require.NoError(r.t, err)
	require.NotEmpty(r.t, events)
	charges, err := s.ListCharges(r.t.Context(), billing.ChargeFilter{})
	require.NoError(r.t, err)
	commands := [][]string{
		{"doctor"}, {"plan", "list"}, {"plan", "show", "order-0"}, {"plan", "show", "order-1"}, {"charge", "list"}, {"charge", "list", "--overdue"},
		{"charge", "list", "--status", "failed"}, {"notice", "list", "--full"}, {"event", "list"}, {"reconcile", "--dry-run"},
		{"event", "backfill"}, {"bind"}, {"health", "--ready", "--addr", strings.TrimPrefix(r.url, "http://")}, {"help", "settings"},
		{"endpoint", "list"}, {"delivery", "list"}, {"delivery", "list", "--status", "pending"},
		{"event", "show", "evt_seeded"}, {"plan", "create", "--file", "-", "--dry-run"},
	}
	shown := map[string]bool{} // one of each kind is enough
	for _, e := range events {
		if kind := e.Type + string(e.Status); !shown[kind] {
			shown[kind] = true
			commands = append(commands, []string{"event", "show", e.ID})
		}
	}
	for _, c := range charges {
		if kind := string(c.Status) + c.DeclineCode; !shown[kind] {
			shown[kind] = true
			commands = append(commands, []string{"charge", "show", string(c.ID)})
		}
	}
	for _, args := range commands {
		for _, more := range [][]string{nil, {"--json"}} {
			code, _ := r.command(nil, installments("dry", "usd", 9000, 3, "1 week"), append(args, more...)...)
			require.NotEqual(r.t, exitUsage, code, "%v: %s", args, r.commands.bytes())
		}
	}
	r.command(nil, "", "charge", "retry", string(charges[0].ID), "--yes")
}

// leaks searches all of Tranche's outputs.
func (r *secretRoad) leaks(s *sieve) []leak {
	r.t.Helper()
	mails, _ := r.mail.taken()
	places := map[string][]byte{
		"log": r.log.bytes(), "commands": r.commands.bytes(), "answers of the API": r.answers.bytes(), "mails": mails,
		"URLs asked at Stripe": []byte(r.stripe.asked()), "messages to endpoints": r.receiver.bytes(),
	}
	files, err := os.ReadDir(r.dir)
	require.NoError(r.t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(r.dir, f.Name()))
		require.NoError(r.t, err)
		places[f.Name()] = content
	}
	require.Contains(r.t, places, "tranche.db")
	store := r.store() // a long text is cut in pieces in the file, and whole here
	events, err := store.Events(r.t.Context(), billing.EventFilter{})
	require.NoError(r.t, err)
	for _, e := range events {
		places["event "+e.ID] = e.Payload
	}
	trail, err := store.AuditTrail(r.t.Context(), billing.AuditFilter{})
	require.NoError(r.t, err)
	places["audit"] = fmt.Appendf(nil, "%+v", trail)
	var found []leak
	for where, text := range places {
		require.NotEmpty(r.t, where)
		found = append(found, s.find(where, text)...)
	}
	return found
}

// TestTheSieveFindsWhatIsPlanted shows that the test above can fail.
func TestTheSieveFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	s := newSieve()
	for _, secret := range append(seededPANs(), seededKey, seededOldKey, seededHook, seededOldHook, seededAPIKey, seededLinkKey, seededMail, seededDatabase,
		seededRedis, "pi_3abc_secret_xyz", "seti_1_secret_a", "sk_live_abcdefgh", "whsec_abcdefgh", `"cvc": "`+seededCVC+`"`, "card[cvc]="+seededCVC) {
		require.NotEmpty(t, s.find("a line", []byte("before "+secret+" after")), secret)
	}
	require.Empty(t, s.find("a line", []byte("pi_3abc succeeded at 12:31:731 for whsec and sk_test_; client_secret [scrubbed]")))

	r := &secretRoad{t: t, dir: t.TempDir(), log: &heard{}, commands: &heard{}, stripe: &unkindStripe{}, mail: &unkindMail{}, receiver: &unkindReceiver{}}
	r.env = map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(r.dir, "tranche.db")}
	code, _ := r.command(nil, "", "migrate")
	require.Equal(t, exitOK, code)
	require.Empty(t, r.leaks(s))
	_, err := r.store().InsertEvents(t.Context(), []billing.Event{{
		ID: "evt_1", Type: "x", ReceivedAt: time.Unix(1, 0), Status: billing.EventIgnored, Payload: []byte(`{"client_secret": "pi_1_secret_planted"}`),
	}})
	require.NoError(t, err)
	places := map[string]bool{}
	for _, l := range r.leaks(s) {
		places[l.where] = true
	}
	require.True(t, places["event evt_1"] && (places["tranche.db"] || places["tranche.db-wal"]), "%v", places)
}
