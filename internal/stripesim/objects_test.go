package stripesim_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

func TestListsFilter(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4242424242424242")
	other := s.ok("/v1/customers", "email=other@example.com").id()
	paid := s.ok("/v1/payment_intents", offSession(customer, method)).id()
	s.intent("confirm=true&payment_method=pm_card_createDispute")
	refund := s.ok("/v1/refunds", "payment_intent="+paid+"&amount=100").id()
	s.ok("/v1/refunds/"+refund, "metadata[why]=late")
	setup := s.ok("/v1/setup_intents", "customer="+customer+"&payment_method_types[]=card").id()
	s.ok("/v1/setup_intents/"+setup, "description=spare card")
	canceled := s.ok("/v1/setup_intents", "confirm=true&payment_method_types[]=card&payment_method=pm_card_visa").id()
	require.Equal(t, 400, s.post("/v1/setup_intents/"+canceled+"/cancel", "").status)
	s.ok("/v1/setup_intents/"+setup+"/cancel", "")
	require.Equal(t, 400, s.post("/v1/setup_intents/"+setup, "description=x").status)

	tests := []struct {
		path, query string
		want        int
	}{
		{"customers", "email=other@example.com", 1},
		{"customers", "created[gte]=1", 2},
		{"customers", "created[lt]=1", 0},
		{"payment_intents", "customer=" + other, 0},
		{"payment_intents", "customer=" + customer, 2},
		{"charges", "customer=" + customer, 2},
		{"charges", "payment_intent=" + paid, 1},
		{"refunds", "payment_intent=" + paid, 1},
		{"disputes", "", 1},
		{"setup_intents", "customer=" + customer, 1},
		{"payment_methods", "type=card&customer=" + customer, 1},
		{"payment_methods", "type=link&customer=" + customer, 0},
		{"customers/" + customer + "/payment_methods", "type=card", 1},
		{"webhook_endpoints", "", 0},
	}
	for _, tt := range tests {
		require.Len(t, s.get("/v1/"+tt.path, tt.query).field("data"), tt.want, tt.path+"?"+tt.query)
	}
	require.Equal(t, method, s.get("/v1/customers/"+customer+"/payment_methods/"+method, "").id())
	for _, path := range []string{"customers/" + other + "/payment_methods/" + method, "customers/cus_x/payment_methods"} {
		require.Equal(t, 404, s.get("/v1/"+path, "").status, path)
	}
	require.Equal(t, 400, s.get("/v1/payment_methods", "customer=cus_x").status)
	require.Equal(t, 400, s.get("/v1/payment_intents", "customer=cus_x").status)
}

func TestExpandReachesTheMoneyMovement(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	out := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge.balance_transaction&expand[]=customer")
	require.EqualValues(t, 2000-88, out.field("latest_charge", "balance_transaction", "net"))
	require.Nil(t, out.field("customer"), "null stays null")
	refund := s.ok("/v1/refunds", "payment_intent="+id+"&expand[]=charge.payment_intent")
	require.Equal(t, id, refund.field("charge", "payment_intent", "id"))
}

func TestPaymentMethodUpdate(t *testing.T) {
	s := newSim(t)
	_, method := s.saved("4242424242424242")
	out := s.ok("/v1/payment_methods/"+method, "card[exp_month]=7&card[exp_year]=2055&billing_details[name]=Ada&billing_details[address][city]=York")
	require.EqualValues(t, 7, out.field("card", "exp_month"))
	require.Equal(t, "York", out.field("billing_details", "address", "city"))
	require.Contains(t, s.eventTypes(), "payment_method.updated")
	event := s.get("/v1/events", "type=payment_method.updated").field("data").([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"exp_month": 12.0, "exp_year": 2049.0},
		event["data"].(map[string]any)["previous_attributes"].(map[string]any)["card"])
	loose := s.card("4242424242424242")
	require.Equal(t, 400, s.post("/v1/payment_methods/"+loose, "card[exp_month]=7").status)
	require.Equal(t, 404, s.post("/v1/payment_methods/pm_x", "").status)
}

func TestPaymentMethodChosenAndUnset(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("payment_method=pm_card_visa")
	require.Equal(t, "requires_confirmation", s.get("/v1/payment_intents/"+id, "").field("status"))
	out := s.ok("/v1/payment_intents/"+id, "payment_method=")
	require.Equal(t, "requires_payment_method", out.field("status"))
	require.Nil(t, out.field("payment_method"))
	asked := s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_visa&payment_method_options[card][request_three_d_secure]=any")
	require.Equal(t, "requires_action", asked.field("status"))
}

func TestAnUpdateClearsTheLastError(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("")
	require.Equal(t, 402, s.post("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_chargeDeclined").status)
	require.NotNil(t, s.get("/v1/payment_intents/"+id, "").field("last_payment_error"))
	require.Nil(t, s.ok("/v1/payment_intents/"+id, "description=x").field("last_payment_error"))
}

// transport answers deliveries in process, without a connection.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestDefaultBackoffBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		start := time.Now()
		hook := transport(func(*http.Request) (*http.Response, error) {
			tries = append(tries, time.Since(start))
			if len(tries) == 2 {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader(""))}, nil
		})
		server := stripesim.New(stripesim.Options{WebhookTransport: hook, Webhooks: []stripesim.WebhookEndpoint{{URL: "http://hook.example"}}})
		defer server.Close()
		post(server, "/v1/customers")
		if err := server.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		require.Equal(t, []time.Duration{0, 200 * time.Millisecond, 1200 * time.Millisecond, 6200 * time.Millisecond,
			36200 * time.Millisecond, 156200 * time.Millisecond}, tries)
	})
}

func TestDeliveriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, running, most := make(chan struct{}), make(chan int, 1), 0
		running <- 0
		hook := transport(func(*http.Request) (*http.Response, error) {
			n := <-running + 1
			most = max(most, n)
			running <- n
			<-gate
			running <- <-running - 1
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, nil
		})
		server := stripesim.New(stripesim.Options{
			WebhookTransport: hook, WebhookConcurrency: 3, Webhooks: []stripesim.WebhookEndpoint{{URL: "http://hook.example"}},
		})
		defer server.Close()
		for range 20 {
			post(server, "/v1/customers")
		}
		synctest.Wait()
		close(gate)
		if err := server.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		require.Equal(t, 3, most)
	})
}
