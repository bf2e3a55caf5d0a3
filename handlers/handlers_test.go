package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76/webhook"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/forecast"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/testbench"
	"tranche/internal/view"
)

const (
	apiKey        = "a-key-of-the-merchants-own-servers"
	olderKey      = "an-older-key-of-the-merchants-own" // while one is rotated
	webhookSecret = "whsec_one"
	rolledSecret  = "whsec_two"
)

// surface is the whole HTTP surface on a real store and a simulated Stripe.
type surface struct {
	t     *testing.T
	url   string
	store billing.Store
	sim   *stripesim.Server

	handler   *handlers.Server
	endpoints *operator.Endpoints

	mu       sync.Mutex
	received []billing.Event
	arrived  chan struct{} // holds one while there may be events that take has not seen
}

// take waits until n stored events are passed on, and returns them. An event is passed on after its
// sender is answered.
func (s *surface) take(n int) []billing.Event {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		if len(s.received) >= n {
			taken := s.received
			s.received = nil
			s.mu.Unlock()
			require.Len(s.t, taken, n)
			return taken
		}
		s.mu.Unlock()
		select {
		case <-s.arrived:
		case <-limit:
			require.Fail(s.t, "events were not handed on", "%d are wanted", n)
		}
	}
}

func eachEngine(t *testing.T, test func(s *surface)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, st billing.Store) { test(newSurface(t, st)) })
}

func newSurface(t *testing.T, st billing.Store, change ...func(c *handlers.Config)) *surface {
	b := testbench.New(t, testbench.Config{Store: st, RealTime: true})
	s := &surface{arrived: make(chan struct{}, 1), t: t, store: st, sim: b.Sim}
	s.endpoints = endpoints(t, st, "a-key-of-32-characters-or-more-000")
	c := handlers.Config{
		Store: st, Planner: b.Planner, Parse: stripegw.ParseEvent,
		CheckHeader: func(header string, now time.Time) error { return stripegw.CheckHeader(header, 5*time.Minute, now) },
		Verify: func(payload []byte, header string, now time.Time) error {
			return stripegw.VerifySignature(payload, header, []string{webhookSecret, rolledSecret}, 5*time.Minute, now)
		},
		Received: func(events []billing.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.received = append(s.received, events...)
			select {
			case s.arrived <- struct{}{}:
			default:
			}
		},
		APIKeys: []string{apiKey, olderKey}, Grace: time.Minute, Endpoints: s.endpoints,
		Forecaster: forecast.New(forecast.Config{
			Store: st, Policies: dunning.DefaultPolicies(testbench.Morning), Rules: testbench.Rules(), UpcomingDays: 3,
		}).Forecast,
		Checks: map[string]func(context.Context) error{"database": st.Ping, "queue": func(context.Context) error { return nil }},
	}
	for _, f := range change {
		f(&c)
	}
	h := handlers.New(c)
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); h.Close() })
	s.url, s.handler = server.URL, h
	return s
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is an error answer.
type problem struct {
	Type, Title, Detail, Code, Plan string
	Status                          int
	Errors                          []billing.FieldError
}

func (s *surface) do(method, path string, header http.Header, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return answer{resp.StatusCode, resp.Header, data}
}

func (s *surface) api(method, path, body string) answer {
	s.t.Helper()
	return s.do(method, path, http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}}, body)
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.body)
	var p problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, a.status, p.Status)
	require.NotEmpty(t, p.Title)
	return p
}

func (a answer) plan(t *testing.T) view.Plan {
	t.Helper()
	var p view.Plan
	require.NoError(t, json.Unmarshal(a.body, &p), "%s", a.body)
	return p
}

const order = `{"reference": "order-1042", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month",
	"customer": {"reference": "cust-77", "email": "ada@example.com", "name": "Ada", "locale": "en-GB", "timezone": "Europe/London"}}`

func TestAPlanIsMadeOnceHoweverOftenItIsAskedFor(t *testing.T) {
	eachEngine(t, func(s *surface) {
		first := s.api("POST", "/v1/plans", order)
		require.Equal(s.t, http.StatusCreated, first.status, "%s", first.body)
		p := first.plan(s.t)
		require.Equal(s.t, billing.PlanAwaitingFirstPayment, p.Status)
		require.Equal(s.t, []int64{33334, 33333, 33333}, []int64{p.Charges[0].Amount, p.Charges[1].Amount, p.Charges[2].Amount})
		require.Equal(s.t, p.Charges[0].PaymentIntent, p.FirstPayment.PaymentIntent)
		require.True(s.t, strings.HasPrefix(p.FirstPayment.ClientSecret, p.FirstPayment.PaymentIntent+"_secret_"))
		require.Equal(s.t, "/v1/plans/"+string(p.ID), first.header.Get("Location"))
		require.Equal(s.t, "no-store", first.header.Get("Cache-Control"))

		again := s.api("POST", "/v1/plans", order)
		require.Equal(s.t, http.StatusOK, again.status)
		require.Equal(s.t, p.FirstPayment, again.plan(s.t).FirstPayment)
		require.Len(s.t, s.sim.PaymentIntents(), 1)

		other := s.api("POST", "/v1/plans", strings.Replace(order, "100000", "200000", 1))
		require.Equal(s.t, http.StatusConflict, other.status)
		require.Equal(s.t, string(p.ID), other.problem(s.t).Plan)

		shown := s.api("GET", "/v1/plans/"+string(p.ID), "")
		require.Equal(s.t, http.StatusOK, shown.status)
		require.NotContains(s.t, string(shown.body), "secret", "the client secret is in the first answer only")
	})
}

func TestTheIdempotencyKeyHoldsForOneRequest(t *testing.T) {
	eachEngine(t, func(s *surface) {
		with := func(key, body string) answer {
			return s.do("POST", "/v1/plans", http.Header{"Authorization": {"Bearer " + apiKey}, "Idempotency-Key": {key}}, body)
		}
		first := with("k1", order)
		require.Equal(s.t, http.StatusCreated, first.status)
		require.Equal(s.t, first.plan(s.t).ID, with("k1", order).plan(s.t).ID)
		reused := with("k1", strings.Replace(order, "order-1042", "order-1043", 1))
		require.Equal(s.t, http.StatusUnprocessableEntity, reused.status)
		require.Equal(s.t, "idempotency_key_reused", reused.problem(s.t).Code)
		require.Equal(s.t, http.StatusBadRequest, with(strings.Repeat("k", 256), order).status)
	})
}

func TestThePlanOfManyAtOnceIsOne(t *testing.T) {
	eachEngine(t, func(s *surface) {
		answers := make([]answer, 8)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				body := order
				if i%2 == 1 { // another plan of the same new customer
					body = strings.Replace(order, "order-1042", fmt.Sprintf("order-%d", i), 1)
				}
				answers[i] = s.api("POST", "/v1/plans", body)
			})
		}
		wg.Wait()
		ids := map[billing.PlanID]bool{}
		for _, a := range answers {
			require.Less(s.t, a.status, 300, "%s", a.body)
			ids[a.plan(s.t).ID] = true
		}
		require.Len(s.t, ids, 5)
		require.Len(s.t, s.sim.PaymentIntents(), 5)
	})
}

func TestBadRequests_NameEachFieldAndStoreNothing(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for _, tc := range []struct {
			why, body string
			status    int
			fields    []string
		}{
			{"not JSON", `{`, 400, nil},
			{"nothing", ``, 400, nil},
			{"two objects", order + `{}`, 400, nil},
			{"a list", `[]`, 400, nil},
			{"a misspelt field", strings.Replace(order, `"every"`, `"evry"`, 1), 400, []string{"evry"}},
			{"a number in quotes", strings.Replace(order, `100000`, `"100000"`, 1), 400, []string{"total"}},
			{"cents with a point", strings.Replace(order, `100000`, `1000.00`, 1), 400, []string{"total"}},
			{"a wrong type inside", strings.Replace(order, `"ada@example.com"`, `5`, 1), 400, []string{"customer.email"}},
			{"two faults", strings.NewReplacer("usd", "usd", `"1 month"`, `"often"`, "ada@example.com", "ada").Replace(order), 422, []string{"customer.email", "every"}},
			{"an unknown currency", strings.Replace(order, "usd", "xxx", 1), 422, []string{"currency"}},
			{"too small a part", strings.Replace(order, "100000", "100", 1), 422, []string{"total", "total", "total"}},
			{"too large", `{"reference": "` + strings.Repeat("x", 200_000) + `"}`, 413, nil},
		} {
			a := s.api("POST", "/v1/plans", tc.body)
			require.Equal(s.t, tc.status, a.status, "%s: %s", tc.why, a.body)
			p := a.problem(s.t)
			require.NotEmpty(s.t, p.Detail, tc.why)
			var fields []string
			for _, f := range p.Errors {
				fields = append(fields, f.Field)
			}
			require.Equal(s.t, tc.fields, fields, tc.why)
		}
		plans, err := s.store.Plans(s.t.Context(), billing.PlanFilter{})
		require.NoError(s.t, err)
		require.Empty(s.t, plans)
		require.Empty(s.t, s.sim.PaymentIntents())
	})
}

func TestWhatStripeRefusesLeavesNothingAndWhatIsUnknownIsCompletedByTheSameRequest(t *testing.T) {
	eachEngine(t, func(s *surface) {
		require.NoError(s.t, s.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionAnswerLost, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
		lost := s.api("POST", "/v1/plans", order)
		require.Equal(s.t, http.StatusServiceUnavailable, lost.status)
		require.NotEmpty(s.t, lost.header.Get("Retry-After"))
		again := s.api("POST", "/v1/plans", order)
		require.Equal(s.t, http.StatusOK, again.status, "%s", again.body)
		require.Len(s.t, s.sim.PaymentIntents(), 1)

		refused := s.api("POST", "/v1/plans", strings.NewReplacer("order-1042", "order-2", `"customer"`, `"description": "`+strings.Repeat("é", 190)+`", "customer"`).Replace(order))
		require.Less(s.t, refused.status, 300, "a long description is Stripe's to judge: %s", refused.body)
	})
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for path, status := range map[string]int{
			"/v1/plans/plan_unknown": 404, "/v1/plans/plan_unknown/audit": 404, "/v1/nothing": 404, "/nothing": 404, "/v1/plans?limit=0": 400,
			"/v1/plans?status=lost": 400, "/v1/plans?cursor=x": 400, "/v1/notices?status=lost": 400, "/v1/notices?cursor=x": 400,
			"/v1/plans?limit=many": 400,
		} {
			a := s.api("GET", path, "")
			require.Equal(s.t, status, a.status, path)
			a.problem(s.t)
		}
		a := s.api("DELETE", "/v1/plans", "")
		require.Equal(s.t, http.StatusMethodNotAllowed, a.status)
		require.Equal(s.t, "GET, POST", a.header.Get("Allow"))
		require.Equal(s.t, http.StatusUnsupportedMediaType,
			s.do("POST", "/v1/plans", http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"text/xml"}}, order).status)
	})
}

func TestTheAPIWantsItsKey(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for _, auth := range []string{"", "Bearer ", "Bearer wrong", "Basic " + apiKey, apiKey} {
			a := s.do("GET", "/v1/plans", http.Header{"Authorization": {auth}}, "")
			require.Equal(s.t, http.StatusUnauthorized, a.status, auth)
			require.NotContains(s.t, string(a.body), apiKey)
		}
		require.Equal(s.t, http.StatusOK, s.api("GET", "/v1/plans", "").status)
	})
}

// TestAPIKeys_WhileOneIsRotated: both keys are accepted, and the audit trail names the one that was
// used.
func TestAPIKeys_WhileOneIsRotated(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for i, key := range []string{apiKey, olderKey} {
			made := s.do("POST", "/v1/plans", http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}},
				strings.Replace(order, "order-1042", fmt.Sprintf("order-%d", i), 1))
			require.Equal(s.t, http.StatusCreated, made.status, "%s", made.body)
			var plan struct{ ID billing.PlanID }
			require.NoError(s.t, json.Unmarshal(made.body, &plan))
			trail, err := s.store.AuditTrail(s.t.Context(), billing.AuditFilter{Plan: plan.ID})
			require.NoError(s.t, err)
			require.NotEmpty(s.t, trail)
			require.Equal(s.t, billing.NewActor(billing.ActorKey, handlers.KeyFingerprint(key)), trail[0].Actor)
		}
		for _, key := range []string{"", apiKey + "," + olderKey, apiKey[:len(apiKey)-1], apiKey + " " + olderKey} {
			require.Equal(s.t, http.StatusUnauthorized, s.do("GET", "/v1/plans", http.Header{"Authorization": {"Bearer " + key}}, "").status, key)
		}
	})
}

func TestCurrency_UpperCase(t *testing.T) {
	eachEngine(t, func(s *surface) {
		made := s.api("POST", "/v1/plans", strings.Replace(order, `"usd"`, `"USD"`, 1))
		require.Equal(s.t, http.StatusCreated, made.status, string(made.body))
		require.EqualValues(s.t, "usd", made.plan(s.t).Currency)
		require.Equal(s.t, http.StatusOK, s.api("POST", "/v1/plans", order).status, "the terms are the same")
		stored, err := s.store.Plan(s.t.Context(), made.plan(s.t).ID)
		require.NoError(s.t, err)
		require.EqualValues(s.t, "usd", stored.Currency)
		require.Contains(s.t, string(stored.Terms), `"currency":"usd"`)
		a := s.api("POST", "/v1/plans", strings.Replace(order, `"usd"`, `7`, 1))
		require.Equal(s.t, "currency", a.problem(s.t).Errors[0].Field)
	})
}

func TestPlansAreListedPageByPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for i := range 5 {
			a := s.api("POST", "/v1/plans", strings.Replace(order, "order-1042", fmt.Sprintf("order-%d", i), 1))
			require.Equal(s.t, http.StatusCreated, a.status)
		}
		var seen []string
		for path := "/v1/plans?limit=2"; path != ""; {
			var page view.List[view.Plan]
			require.NoError(s.t, json.Unmarshal(s.api("GET", path, "").body, &page))
			for _, p := range page.Data {
				seen = append(seen, p.Reference)
				require.Len(s.t, p.Charges, 3)
			}
			path = ""
			if page.HasMore {
				path = "/v1/plans?limit=2&cursor=" + page.Next
			}
		}
		require.ElementsMatch(s.t, []string{"order-0", "order-1", "order-2", "order-3", "order-4"}, seen)
		for query, want := range map[string]int{"reference=order-3": 1, "reference=none": 0, "customer=cust-77": 5, "customer=none": 0, "status=completed": 0} {
			var page view.List[view.Plan]
			require.NoError(s.t, json.Unmarshal(s.api("GET", "/v1/plans?"+query, "").body, &page))
			require.Len(s.t, page.Data, want, query)
		}
	})
}

func event(id string) string {
	return fmt.Sprintf(`{"id": %q, "object": "event", "api_version": "2030-01-01.aurora", "created": 1767225600, "livemode": false,
		"type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_hush"}}}`, id)
}

// signed makes the header of a webhook.
func signed(body, secret string, at time.Time) http.Header {
	s := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: secret, Timestamp: at})
	return http.Header{"Stripe-Signature": {s.Header}}
}

func TestAnEventIsStoredBeforeItIsAcknowledgedAndOnce(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for i, secret := range []string{webhookSecret, rolledSecret, webhookSecret} {
			a := s.do("POST", "/webhooks/stripe", signed(event("evt_1"), secret, time.Now()), event("evt_1"))
			require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
			require.JSONEq(s.t, fmt.Sprintf(`{"received": true, "duplicate": %t}`, i > 0), string(a.body))
			e, err := s.store.Event(s.t.Context(), "evt_1")
			require.NoError(s.t, err, "stored by the time of the answer")
			require.Equal(s.t, "pi_1", e.ObjectID)
			require.NotContains(s.t, string(e.Payload), "hush")
			require.Equal(s.t, billing.EventPending, e.Status)
			require.True(s.t, e.ClaimAfter.After(e.ReceivedAt), "the scheduler finds it, should its task be lost")
		}
		s.take(1)
	})
}

func TestWebhooksThatAreNotStripesAreRefused(t *testing.T) {
	eachEngine(t, func(s *surface) {
		body := event("evt_1")
		for why, header := range map[string]http.Header{
			"no signature":        {},
			"wrong secret":        signed(body, "whsec_other", time.Now()),
			"another body":        signed(body+" ", webhookSecret, time.Now()),
			"too old":             signed(body, webhookSecret, time.Now().Add(-6*time.Minute)),
			"from the future":     signed(body, webhookSecret, time.Now().Add(6*time.Minute)),
			"a broken header":     {"Stripe-Signature": {"v1"}},
			"signed with nothing": signed(body, "", time.Now()),
		} {
			a := s.do("POST", "/webhooks/stripe", header, body)
			require.Equal(s.t, http.StatusBadRequest, a.status, why)
			require.Equal(s.t, "bad_signature", a.problem(s.t).Code, why)
		}
		for _, body := range []string{"", "{}", "[]", `{"id": 5}`, `{"id": "evt_1"}`, "\x00"} {
			a := s.do("POST", "/webhooks/stripe", signed(body, webhookSecret, time.Now()), body)
			require.Equal(s.t, http.StatusBadRequest, a.status, "%q: %s", body, a.body)
		}
		large := strings.Repeat("x", 2<<20)
		require.Equal(s.t, http.StatusRequestEntityTooLarge, s.do("POST", "/webhooks/stripe", signed(large, webhookSecret, time.Now()), large).status)
		events, err := s.store.Events(s.t.Context(), billing.EventFilter{})
		require.NoError(s.t, err)
		require.Empty(s.t, events)
	})
}

func TestEventsThatArriveTogetherAreEachAnsweredRightly(t *testing.T) {
	eachEngine(t, func(s *surface) {
		const senders, each = 16, 20
		fresh := make([]int, senders)
		var wg sync.WaitGroup
		for n := range senders {
			wg.Go(func() {
				for i := range each {
					body := event(fmt.Sprintf("evt_%d", (n/2)*each+i)) // every event comes twice
					a := s.do("POST", "/webhooks/stripe", signed(body, webhookSecret, time.Now()), body)
					if a.status == http.StatusOK && bytes.Contains(a.body, []byte(`"duplicate":false`)) {
						fresh[n]++
					}
				}
			})
		}
		wg.Wait()
		total := 0
		for _, n := range fresh {
			total += n
		}
		require.Equal(s.t, senders/2*each, total, "one of two copies is new")
		events, err := s.store.Events(s.t.Context(), billing.EventFilter{})
		require.NoError(s.t, err)
		require.Len(s.t, events, senders/2*each)
	})
}

func TestNothingIsAcknowledgedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	st := storetest.SQLite(t)
	s := newSurface(t, st)
	require.NoError(t, st.Close())
	body := event("evt_1")
	a := s.do("POST", "/webhooks/stripe", signed(body, webhookSecret, time.Now()), body)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, http.StatusServiceUnavailable, s.api("GET", "/v1/plans", "").status)
	require.Equal(t, http.StatusServiceUnavailable, s.do("GET", "/readyz", nil, "").status)
	require.Equal(t, http.StatusOK, s.do("GET", "/healthz", nil, "").status)
}

func TestReadinessNamesWhatIsDown(t *testing.T) {
	t.Parallel()
	h := handlers.New(handlers.Config{HealthOnly: true, Checks: map[string]func(context.Context) error{
		"database": func(context.Context) error { return nil },
		"queue":    func(context.Context) error { return errors.New("dial tcp 10.0.0.1: secret detail") },
	}})
	t.Cleanup(h.Close)
	rec := httptest.NewRecorder()
	h.Admin().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.JSONEq(t, `{"status": "down", "checks": {"database": "ok", "queue": "down"}}`, rec.Body.String())
	rec = httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/stripe", http.NoBody))
	require.Equal(t, http.StatusNotFound, rec.Code, "a process without the ingress role takes nothing in")
}
