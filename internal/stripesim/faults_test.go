package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"

	"tranche/internal/stripesim"
)

func TestRequestFaults(t *testing.T) {
	yes := true
	tests := []struct {
		name     string
		rule     stripesim.FaultRule
		status   int
		code     any
		executed bool
	}{
		{"rate limit", stripesim.FaultRule{Action: stripesim.ActionRateLimit}, 429, "rate_limit", false},
		{"lock timeout", stripesim.FaultRule{Action: stripesim.ActionLockTimeout}, 429, "lock_timeout", false},
		{"500", stripesim.FaultRule{Action: stripesim.ActionServerError}, 500, nil, false},
		{"500 although executed", stripesim.FaultRule{Action: stripesim.ActionServerErrorExecuted, ShouldRetry: &yes}, 500, nil, true},
		{"409", stripesim.FaultRule{Action: stripesim.ActionConflict}, 409, "idempotency_key_in_use", false},
		{"decline", stripesim.FaultRule{Action: stripesim.ActionDecline, DeclineCode: "stolen_card"}, 402, "card_declined", true},
		{"decline without a code", stripesim.FaultRule{Action: stripesim.ActionDecline}, 402, "card_declined", true},
		{"latency", stripesim.FaultRule{Action: stripesim.ActionLatency, Delay: stripesim.Duration(time.Millisecond)}, 200, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t)
			tt.rule.Method, tt.rule.Path, tt.rule.Count = "POST", "/v1/payment_intents", 1
			require.NoError(t, s.server.AddFault(tt.rule))
			out := s.post("/v1/payment_intents", create+"pm_card_visa")
			require.Equal(t, tt.status, out.status)
			require.Equal(t, tt.code, out.field("error", "code"))
			require.Equal(t, tt.executed, len(s.server.PaymentIntents()) == 1)
			require.Equal(t, map[string]int{string(tt.rule.Action): 1}, s.server.Faults())
			if tt.rule.ShouldRetry != nil {
				require.Equal(t, "true", out.header.Get("Stripe-Should-Retry"))
			}
			require.Equal(t, 200, s.post("/v1/payment_intents", create+"pm_card_visa").status, "the rule's count is used up")
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	for action, executed := range map[stripesim.FaultAction]bool{
		stripesim.ActionAnswerLost: true, stripesim.ActionConnectionReset: false, stripesim.ActionHalfBody: true,
	} {
		t.Run(string(action), func(t *testing.T) {
			s := newSim(t)
			require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: action, Count: 1}))
			_, err := s.try(http.MethodPost, "/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "k")
			require.Error(t, err)
			require.Equal(t, executed, len(s.server.PaymentIntents()) == 1)
			again := s.post("/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "k")
			require.Equal(t, 200, again.status)
			require.Equal(t, executed, again.header.Get("Idempotent-Replayed") == "true")
			require.Len(t, s.server.PaymentIntents(), 1)
		})
	}
}

func TestStripeGoRetriesALockTimeout(t *testing.T) {
	s := newSim(t)
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionLockTimeout, Count: 1}))
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(s.http.URL), MaxNetworkRetries: stripe.Int64(1), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		EnableTelemetry: stripe.Bool(false),
	})
	backend.(*stripe.BackendImplementation).SetNetworkRetriesSleep(false)
	var made stripe.Customer
	require.NoError(t, backend.Call(http.MethodPost, "/v1/customers", secretKey, &stripe.CustomerParams{Name: stripe.String("A")}, &made))
	require.NotEmpty(t, made.ID)
}

func TestFaultConditions(t *testing.T) {
	statuses := func(s *sim, n int) []int {
		var out []int
		for range n {
			out = append(out, s.post("/v1/customers", "metadata[a]=b").status)
		}
		return out
	}
	t.Run("nth", func(t *testing.T) {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Nth: 3}))
		require.Equal(t, []int{200, 200, 500, 200}, statuses(s, 4))
	})
	t.Run("probability comes from the seed", func(t *testing.T) {
		var runs [2][]int
		for i := range runs {
			s := newSim(t, func(o *stripesim.Options) { o.Seed = 7 })
			require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Probability: 0.5}))
			runs[i] = statuses(s, 20)
		}
		require.Equal(t, runs[0], runs[1])
		require.Contains(t, runs[0], 200)
		require.Contains(t, runs[0], 500)
	})
	t.Run("metadata of the request", func(t *testing.T) {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Metadata: map[string]string{"a": "b"}}))
		require.Equal(t, 200, s.post("/v1/customers", "metadata[a]=c").status)
		require.Equal(t, []int{500}, statuses(s, 1))
	})
	t.Run("metadata of the intent in the path", func(t *testing.T) {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionDecline, DeclineCode: "do_not_honor",
			Path: "/v1/payment_intents/*/confirm", Metadata: map[string]string{"plan": "p"}}))
		hit, _ := s.intent("metadata[plan]=p")
		miss, _ := s.intent("")
		require.Equal(t, 402, s.post("/v1/payment_intents/"+hit+"/confirm", "payment_method=pm_card_visa").status)
		require.Equal(t, 200, s.post("/v1/payment_intents/"+miss+"/confirm", "payment_method=pm_card_visa").status)
	})
	t.Run("cleared", func(t *testing.T) {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError}))
		s.server.ClearFaults()
		require.Equal(t, []int{200}, statuses(s, 1))
	})
	t.Run("wrong rules are refused", func(t *testing.T) {
		s := newSim(t)
		for _, rule := range []stripesim.FaultRule{{}, {Action: "x"}, {Action: stripesim.ActionDecline, Probability: 2},
			{Action: stripesim.ActionDecline, Nth: -1}, {Action: stripesim.ActionDecline, Path: "["}} {
			require.Error(t, s.server.AddFault(rule))
		}
	})
}

func TestLatencyEndsWithTheClient(t *testing.T) {
	s := newSim(t)
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionLatency, Delay: stripesim.Duration(time.Hour), Count: 1}))
	impatient := &http.Client{Timeout: time.Second} // long enough for the request to arrive
	req, err := http.NewRequest(http.MethodPost, s.http.URL+"/v1/customers", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secretKey)
	resp, err := impatient.Do(req)
	require.Error(t, err)
	if resp != nil {
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, 200, s.post("/v1/customers", "").status)
}
