//go:build !race

package handlers_test

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/forecast"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/testbench"
	"tranche/jobs"
)

// hostileWorld is the whole HTTP surface, and a worker for the events that it takes in, on one
// database. Nothing in it is left to chance: see hostileTwins.step.
type hostileWorld struct {
	t       testing.TB
	name    string
	handler *handlers.Server
	store   billing.Store
	clock   clock.Clock
	worker  *jobs.Worker
	sim     *stripesim.Server
	fresh   chan []billing.Event // taken in, and not handled yet
}

// hostileTime is a clock that two worlds share.
type hostileTime struct{ now time.Time }

// Now returns the time.
func (h *hostileTime) Now() time.Time { return h.now }

// inProcess serves requests to Stripe without a network.
type inProcess struct{ http.Handler }

// RoundTrip serves the request.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func newHostileWorld(t testing.TB, name string, st billing.Store, at *hostileTime) *hostileWorld {
	t.Helper()
	w := &hostileWorld{t: t, name: name, store: st, clock: clock.New(at.now, 1, at.Now), fresh: make(chan []billing.Event, 1)}
	w.sim = stripesim.New(stripesim.Options{Now: at.Now, Wall: at.Now})
	t.Cleanup(w.sim.Close)
	gateway, err := stripegw.New(stripegw.Config{
		SecretKey: "sk_test_hostile", APIBase: "http://stripe.example", Transport: inProcess{w.sim}, HTTPTimeout: 10 * time.Second,
	})
	require.NoError(t, err)
	clk := w.clock
	rules, policies := testbench.Rules(), dunning.DefaultPolicies(testbench.Morning)
	planner := planning.New(planning.Config{Store: st, Gateway: gateway, Now: clk.Now, Rules: rules})
	manager := endpoints(t, st, hostileKey)
	manager.Clock = clk
	w.handler = handlers.New(handlers.Config{
		Store: st, Planner: planner, Rules: rules, Parse: stripegw.ParseEvent, Clock: clk, APIKeys: []string{apiKey}, Grace: time.Minute, Endpoints: manager, Log: zerolog.Nop(),
		CheckHeader: func(header string, now time.Time) error { return stripegw.CheckHeader(header, 5*time.Minute, now) },
		Verify: func(payload []byte, header string, now time.Time) error {
			return stripegw.VerifySignature(payload, header, []string{webhookSecret}, 5*time.Minute, now)
		},
		Received:   func(events []billing.Event) { w.fresh <- events },
		Forecaster: forecast.New(forecast.Config{Store: st, Policies: policies, Rules: rules, UpcomingDays: 3, Clock: clk}).Forecast,
		Pay:        hostilePage(st, gateway, clk),
	})
	t.Cleanup(w.handler.Close)
	w.worker = jobs.New(jobs.Config{
		Store: st, Gateway: gateway, Queue: testbench.Nowhere{}, Mailer: &testbench.Mailbox{}, Planner: planner, Rules: rules, Policies: policies,
		Webhooks: manager.Store, Clock: clk, Lease: time.Minute, MessageDomain: "shop.example", Log: zerolog.Nop(),
	})
	return w
}

const hostileKey = "0123456789abcdef0123456789abcdef"

func hostilePage(st billing.Store, gateway billing.Gateway, clk clock.Clock) *handlers.PayPage {
	const base = "https://pay.example.com"
	return &handlers.PayPage{
		Recovery: &recovery.Service{Store: st, Gateway: gateway, Now: clk.Now, Lease: time.Minute, MessageDomain: "shop.example",
			Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason }},
		Links:    &recovery.Links{Store: st, Key: hostileKey, BaseURL: base, TTL: 30 * 24 * time.Hour, Now: clk.Now},
		Merchant: "Example Shop", Contact: "billing@shop.example", BaseURL: base, PublishableKey: "pk_test_surface", StripeJSURL: "https://js.stripe.com/v3/",
	}
}

// do sends one request to the handler. Errors: no client can send it.
func (w *hostileWorld) do(in hostileInput) (answer, error) {
	segments := make([]string, len(in.path))
	for i, s := range in.path {
		segments[i] = url.PathEscape(s)
	}
	target := "/" + strings.Join(segments, "/")
	if in.query != "" {
		target += "?" + in.query
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return answer{}, err
	}
	r := httptest.NewRequestWithContext(w.t.Context(), in.method, "http://shop.example/", strings.NewReader(in.body))
	r.URL, r.RequestURI = u, target
	r.Header = maps.Clone(in.header)
	if in.sign {
		r.Header["Stripe-Signature"] = signed(in.body, webhookSecret, w.clock.Wall())["Stripe-Signature"]
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{rec.Code, rec.Header(), rec.Body.Bytes()}, nil
}

// handle has the worker handle the event that an answer says was taken in, and returns what became
// of it.
func (w *hostileWorld) handle(a answer) string {
	if !strings.Contains(string(a.body), `"duplicate":false`) {
		return ""
	}
	var became strings.Builder
	for _, e := range <-w.fresh {
		err := w.worker.Do(w.t.Context(), task.ForEvent(billing.EventClaim{EventID: e.ID, Lease: e.Lease}))
		now, readErr := w.store.Event(w.t.Context(), e.ID)
		fmt.Fprintln(&became, err, readErr, now.ID, now.Type, now.Status, now.Reason, now.Awaits, now.Attempts, string(now.Payload))
	}
	return became.String()
}

// stripe calls the simulator as the merchant's own code and a customer's browser do.
func (w *hostileWorld) stripe(method, path string, form url.Values) string {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://stripe.example"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Authorization", "Bearer sk_test_hostile")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.sim.ServeHTTP(rec, r)
	require.Equal(w.t, http.StatusOK, rec.Code, "%s %s: %s", method, path, rec.Body)
	return rec.Body.String()
}

// openIncident opens an incident of a plan.
func (w *hostileWorld) openIncident(subject, plan string, at time.Time) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx billing.Tx) error {
		_, err := tx.OpenIncident(w.t.Context(), billing.Incident{
			Kind: billing.IncidentPaidTwice, Subject: subject, PlanID: billing.PlanID(plan), Detail: "paid twice", OpenedAt: at,
		})
		return err
	}))
}

// hostileTwins are two worlds on different databases that receive the same requests.
type hostileTwins struct {
	t      testing.TB
	seed   uint64
	steps  uint64
	time   *hostileTime
	worlds [2]*hostileWorld
	ids    map[string][]string // that are known, by prefix
	seen   map[string]bool
	events []string // of Stripe's
}

func newHostileTwins(t testing.TB, seed uint64) *hostileTwins {
	t.Helper()
	chance := cryptorand.Reader
	t.Cleanup(func() { cryptorand.Reader = chance })
	at := &hostileTime{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	return &hostileTwins{t: t, seed: seed, time: at, ids: map[string][]string{}, seen: map[string]bool{}, worlds: [2]*hostileWorld{
		newHostileWorld(t, "SQLite", storetest.SQLite(t), at), newHostileWorld(t, "PostgreSQL", storetest.Postgres(t), at),
	}}
}

// on has a test go on with the worlds that another one made.
func (tw *hostileTwins) on(t testing.TB) {
	tw.t = t
	for _, w := range tw.worlds {
		w.t = t
	}
}

// step runs do in both worlds, one second later and with the same random numbers, so that both
// create the same ids and secrets. Their outputs must be equal to the byte.
func (tw *hostileTwins) step(do func(w *hostileWorld) string) (shown [2]string) {
	tw.steps++
	tw.time.now = tw.time.now.Add(time.Second)
	for i, w := range tw.worlds {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], tw.seed)
		binary.LittleEndian.PutUint64(seed[8:], tw.steps)
		cryptorand.Reader = rand.NewChaCha8(seed)
		shown[i] = do(w)
	}
	return shown
}

// made is an id that Tranche makes, and what else later requests may name.
var made = regexp.MustCompile(`\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}\b|/(pay)/[A-Za-z0-9_-]{43}|data-(listed)="[0-9a-f]+"`)

// learn remembers the ids in a text: later requests name them.
func (tw *hostileTwins) learn(text string) {
	for _, m := range made.FindAllStringSubmatch(text, -1) {
		if tw.seen[m[0]] {
			continue
		}
		tw.seen[m[0]] = true
		prefix := m[1] + m[2] + m[3]
		id := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(m[0], "/pay/"), `data-listed="`), `"`)
		tw.ids[prefix] = append(tw.ids[prefix], id)
	}
}

// last is the id with a prefix that was learned last, or before others.
func (tw *hostileTwins) last(prefix string, before int) string {
	return tw.ids[prefix][len(tw.ids[prefix])-1-before]
}

// must sends a request that both worlds take, and returns the answer.
func (tw *hostileTwins) must(method, path, body string) string {
	tw.t.Helper()
	in := hostileInput{method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), body: body, header: plainHeader()}
	shown := tw.step(func(w *hostileWorld) string {
		a, err := w.do(in)
		require.NoError(tw.t, err)
		require.Less(tw.t, a.status, 300, "%s: %s %s: %s", w.name, method, path, a.body)
		return string(a.body)
	})
	require.Equal(tw.t, shown[0], shown[1], "%s %s", method, path)
	tw.learn(shown[0])
	return shown[0]
}

func plainHeader() http.Header {
	return http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}}
}

var (
	intentID = regexp.MustCompile(`"payment_intent":\s?"(pi_[A-Za-z0-9]+)"`)
	newPlans = []string{
		`{"reference": "a-%[1]d", "kind": "installments", "currency": "usd", "total": 100003, "parts": 4, "every": "1 month", "customer": {"reference": "ada-%[1]d", "email": "ada@example.com", "name": "Ada", "locale": "en-GB", "timezone": "Europe/London"}}`,
		`{"reference": "b-%[1]d", "kind": "recurring", "currency": "eur", "amount": 2000, "every": "1 week", "customer": {"reference": "bob-%[1]d", "email": "bob@example.com"}}`,
		`{"reference": "c-%[1]d", "kind": "deposit", "currency": "jpy", "total": 250000, "deposit": 50000, "balance_due": "2027-12-20", "customer": {"reference": "ada-%[1]d", "email": "ada@example.com"}}`,
		`{"reference": "d-%[1]d", "kind": "installments", "currency": "usd", "total": 90000, "parts": 3, "every": "1 month", "customer": {"reference": "dan-%[1]d", "email": "dan@example.com"}}`,
	}
)

// renew gives both worlds new plans, three of them active, with links, an incident and an endpoint,
// because hostile requests end the old plans.
func (tw *hostileTwins) renew(n int) {
	tw.t.Helper()
	tw.must("POST", "/v1/webhook_endpoints", fmt.Sprintf(`{"url": "https://shop.example/hook-%d"}`, n))
	for i, terms := range newPlans {
		found := intentID.FindStringSubmatch(tw.must("POST", "/v1/plans", fmt.Sprintf(terms, n)))
		require.NotNil(tw.t, found)
		if i < len(newPlans)-1 { // the first payment of the last one waits
			tw.step(func(w *hostileWorld) string {
				return w.stripe("POST", "/v1/payment_intents/"+found[1]+"/confirm", url.Values{"payment_method": {"pm_card_visa"}})
			})
		}
	}
	tw.deliver()
	for i := range newPlans {
		tw.must("POST", "/v1/plans/"+tw.last("plan", i)+"/link", "")
		tw.must("GET", "/v1/plans/"+tw.last("plan", i)+"/links", "")
		tw.must("POST", "/v1/charges/"+tw.last("chg", i)+"/link", "")
		tw.must("GET", "/pay/"+tw.last("pay", 0), "")
	}
	tw.step(func(w *hostileWorld) string {
		w.openIncident(fmt.Sprintf("pi_%d", n), tw.last("plan", 0), tw.time.now)
		return ""
	})
	tw.must("POST", "/v1/plans", fmt.Sprintf(`{"reference": "e-%[1]d", "kind": "deferred", "currency": "usd", "total": 500, "due": "2026-08-01", "customer": {"reference": "eve-%[1]d"}}`, n))
	tw.must("POST", "/v1/plans/"+fmt.Sprintf("e-%d", n)+"/cancel", "") // its customer can be erased
	for _, path := range []string{"customers", "incidents", "webhook_deliveries", "notices"} {
		tw.must("GET", "/v1/"+path, "")
	}
	tw.must("GET", "/v1/customers/"+fmt.Sprintf("ada-%d", n)+"/cards", "")
}

// deliver takes in Stripe's latest events.
func (tw *hostileTwins) deliver() {
	tw.t.Helper()
	lists := tw.step(func(w *hostileWorld) string { return w.stripe("GET", "/v1/events?limit=40", nil) })
	require.Equal(tw.t, lists[0], lists[1])
	for _, event := range eventsOf(tw.t, lists[0]) {
		in := hostileInput{method: "POST", path: []string{"webhooks", "stripe"}, body: event, header: http.Header{}, sign: true}
		shown := tw.step(func(w *hostileWorld) string {
			a, err := w.do(in)
			require.NoError(tw.t, err)
			require.Equal(tw.t, http.StatusOK, a.status, "%s", a.body)
			return string(a.body) + w.handle(a)
		})
		require.Equal(tw.t, shown[0], shown[1])
		tw.events = append(tw.events, event)
	}
	tw.events = tw.events[max(0, len(tw.events)-60):]
}

// eventsOf splits a list of Stripe's into its events, oldest first.
func eventsOf(t testing.TB, list string) []string {
	t.Helper()
	var page struct{ Data []json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(list), &page))
	var events []string
	for _, one := range slices.Backward(page.Data) {
		events = append(events, string(one))
	}
	return events
}
