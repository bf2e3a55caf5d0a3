package stripesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76/webhook"

	"tranche/internal/stripesim"
)

const hookSecret = "whsec_test"

// receiver is a webhook endpoint that answers with the given statuses in turn, then 200, and stores
// the events.
type receiver struct {
	http *httptest.Server

	mu       sync.Mutex
	answers  []int
	events   []map[string]any
	headers  []string
	payloads [][]byte
}

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.http = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.http.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var event map[string]any
	_ = json.Unmarshal(body, &event)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
	r.payloads = append(r.payloads, body)
	r.headers = append(r.headers, req.Header.Get("Stripe-Signature"))
	status := 200
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	if status == 302 {
		w.Header().Set("Location", r.http.URL+"/elsewhere")
	}
	w.WriteHeader(status)
}

func (r *receiver) types() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, event := range r.events {
		out = append(out, event["type"].(string))
	}
	return out
}

// hooked is a simulator that delivers to the receiver, in order.
func hooked(t *testing.T, r *receiver, change ...func(*stripesim.Options)) *sim {
	t.Helper()
	base := func(o *stripesim.Options) {
		o.WebhookConcurrency = 1
		o.Webhooks = []stripesim.WebhookEndpoint{{URL: r.http.URL, Secret: hookSecret}}
	}
	return newSim(t, append([]func(*stripesim.Options){base}, change...)...)
}

func (s *sim) drain() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(s.t, s.server.Drain(ctx))
}

func TestEventsAreDeliveredSignedAndInOrder(t *testing.T) {
	r := newReceiver(t)
	s := hooked(t, r)
	out := s.post("/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "my-key")
	s.drain()
	require.Equal(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}, r.types())
	event, err := webhook.ConstructEvent(r.payloads[2], r.headers[2], hookSecret)
	require.NoError(t, err)
	require.Equal(t, "my-key", event.Request.IdempotencyKey)
	require.Equal(t, out.header.Get("Request-Id"), event.Request.ID)
	require.EqualValues(t, 1, event.PendingWebhooks)
	require.Equal(t, out.id(), event.Data.Object["id"])
	require.Regexp(t, `^t=\d+,v1=[0-9a-f]{64},v0=[0-9a-f]{64}$`, r.headers[2])
	require.EqualValues(t, 0, s.get("/v1/events/"+event.ID, "").field("pending_webhooks"))
}

func TestSignaturesUseTheWallClock(t *testing.T) {
	r := newReceiver(t)
	wall := newClock()
	wall.advance(1000 * time.Hour)
	s := hooked(t, r, func(o *stripesim.Options) { o.Wall = wall.Now })
	s.customer()
	s.drain()
	require.Contains(t, r.headers[0], fmt.Sprintf("t=%d,", wall.Now().Unix()))
	require.EqualValues(t, s.clock.Now().Unix(), r.events[0]["created"])
}

func TestFailedDeliveriesAreRetriedAndSignedAgain(t *testing.T) {
	r := newReceiver(t, 500, 302, 404)
	var mu sync.Mutex
	now := time.Now()
	s := hooked(t, r, func(o *stripesim.Options) {
		o.WebhookBackoff = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
		o.Wall = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(time.Second)
			return now
		}
	})
	s.customer()
	s.drain()
	require.Len(t, r.headers, 4)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(r.headers))), 4, "each try has its own signature")
	for i := range r.payloads {
		_, err := webhook.ConstructEvent(r.payloads[i], r.headers[i], hookSecret)
		require.NoError(t, err)
	}
	require.Equal(t, r.events[0]["id"], r.events[3]["id"])
	require.Empty(t, s.get("/v1/events", "delivery_success=false").field("data"))
}

func TestGivenUpDeliveriesAreFoundByDeliverySuccess(t *testing.T) {
	r := newReceiver(t, 500)
	s := hooked(t, r)
	first := s.customer()
	s.drain()
	s.customer()
	s.drain()
	failed := s.get("/v1/events", "delivery_success=false").field("data").([]any)
	require.Len(t, failed, 1)
	require.Equal(t, first, failed[0].(map[string]any)["data"].(map[string]any)["object"].(map[string]any)["id"])
	require.Len(t, s.get("/v1/events", "delivery_success=true").field("data"), 1)
}

func TestEndpointsGetOnlyTheirEvents(t *testing.T) {
	charges, all := newReceiver(t), newReceiver(t)
	s := newSim(t)
	_, secret := s.server.AddWebhook(stripesim.WebhookEndpoint{URL: charges.http.URL, EnabledEvents: []string{"charge.succeeded"}})
	require.True(t, strings.HasPrefix(secret, "whsec_"))
	made := s.ok("/v1/webhook_endpoints", "url="+all.http.URL+"&enabled_events[]=*")
	require.NotEmpty(t, made.field("secret"))
	require.Nil(t, s.get("/v1/webhook_endpoints/"+made.id(), "").field("secret"))
	s.intent("confirm=true&payment_method=pm_card_visa")
	s.drain()
	require.Equal(t, []string{"charge.succeeded"}, charges.types())
	require.Len(t, all.types(), 3)

	s.ok("/v1/webhook_endpoints/"+made.id(), "disabled=true")
	s.customer()
	s.drain()
	require.Len(t, all.types(), 3)
	require.Equal(t, true, s.do("DELETE", "/v1/webhook_endpoints/"+made.id(), "").field("deleted"))
	require.Equal(t, 404, s.get("/v1/webhook_endpoints/"+made.id(), "").status)
}

func TestEventAPIVersionIsAnOption(t *testing.T) {
	r := newReceiver(t)
	s := hooked(t, r, func(o *stripesim.Options) { o.EventAPIVersion = "2020-08-27" })
	s.customer()
	s.drain()
	require.Equal(t, "2020-08-27", r.events[0]["api_version"])
}

func TestWebhookFaults(t *testing.T) {
	tests := []struct {
		name  string
		rule  stripesim.FaultRule
		check func(t *testing.T, s *sim, r *receiver)
	}{
		{"duplicate", stripesim.FaultRule{Action: stripesim.ActionWebhookDuplicate, Event: "charge.*"}, func(t *testing.T, _ *sim, r *receiver) {
			require.Len(t, r.types(), 4)
			require.Equal(t, 2, strings.Count(strings.Join(r.types(), " "), "charge.succeeded"))
		}},
		{"delay", stripesim.FaultRule{Action: stripesim.ActionWebhookDelay, Event: "payment_intent.created", Delay: stripesim.Duration(50 * time.Millisecond)},
			func(t *testing.T, _ *sim, r *receiver) {
				require.Equal(t, []string{"charge.succeeded", "payment_intent.succeeded", "payment_intent.created"}, r.types())
			}},
		{"shuffle", stripesim.FaultRule{Action: stripesim.ActionWebhookShuffle, Delay: stripesim.Duration(20 * time.Millisecond)},
			func(t *testing.T, s *sim, r *receiver) {
				require.ElementsMatch(t, s.eventTypes(), r.types())
			}},
		{"drop", stripesim.FaultRule{Action: stripesim.ActionWebhookDrop, Event: "payment_intent.succeeded"}, func(t *testing.T, s *sim, r *receiver) {
			require.Equal(t, []string{"payment_intent.created", "charge.succeeded"}, r.types())
			missed := s.get("/v1/events", "delivery_success=false").field("data").([]any)
			require.Len(t, missed, 1)
		}},
		{"api_version", stripesim.FaultRule{Action: stripesim.ActionWebhookAPIVersion, APIVersion: "2019-01-01", Count: 1}, func(t *testing.T, s *sim, r *receiver) {
			require.Equal(t, "2019-01-01", r.events[0]["api_version"])
			require.Equal(t, stripesim.APIVersion, r.events[1]["api_version"])
		}},
		{"by metadata", stripesim.FaultRule{Action: stripesim.ActionWebhookDrop, Metadata: map[string]string{"plan": "p1"}},
			func(t *testing.T, _ *sim, r *receiver) { require.Empty(t, r.types()) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReceiver(t)
			s := hooked(t, r)
			require.NoError(t, s.server.AddFault(tt.rule))
			s.ok("/v1/payment_intents", create+"pm_card_visa&metadata[plan]=p1")
			s.drain()
			tt.check(t, s, r)
			require.Positive(t, s.server.Faults()[string(tt.rule.Action)])
		})
	}
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	r := newReceiver(t, 500)
	s := hooked(t, r, func(o *stripesim.Options) { o.WebhookBackoff = []time.Duration{time.Hour} })
	s.customer()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.server.Drain(ctx), context.DeadlineExceeded)
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	block := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(block)
	server := stripesim.New(stripesim.Options{Webhooks: []stripesim.WebhookEndpoint{{URL: slow.URL}}})
	front := httptest.NewServer(server)
	defer front.Close()
	browser := stripesim.Browser{BaseURL: front.URL}
	for range 5 {
		req, err := http.NewRequest(http.MethodPost, front.URL+"/v1/customers", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+secretKey)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	server.Close()
	server.Close()
	require.NoError(t, server.Drain(t.Context()))
	stacks := make([]byte, 1<<20)
	require.NotContains(t, string(stacks[:runtime.Stack(stacks, true)]), "stripesim.(*dispatcher)")
	_, err := browser.CreatePaymentMethod(t.Context(), stripesim.Card{Number: "4242424242424242"}, nil)
	require.NoError(t, err, "requests are answered after Close")
}
