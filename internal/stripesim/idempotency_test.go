package stripesim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

const create = "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method="

func TestReplayAnswersTheSameAndDoesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		form   string
		status int
	}{
		"success":                    {create + "pm_card_visa", 200},
		"decline":                    {create + "pm_card_chargeDeclined", 402},
		"400 raised while executing": {create + "pm_none", 400},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t)
			first := s.post("/v1/payment_intents", tt.form, "Idempotency-Key", "k1")
			require.Equal(t, tt.status, first.status)
			require.Equal(t, first.header.Get("Request-Id"), first.header.Get("Original-Request"))
			require.Equal(t, "k1", first.header.Get("Idempotency-Key"))
			require.Equal(t, stripesim.APIVersion, first.header.Get("Stripe-Version"))
			require.Empty(t, first.header.Get("Idempotent-Replayed"))
			again := s.post("/v1/payment_intents", tt.form, "Idempotency-Key", "k1")
			require.Equal(t, tt.status, again.status)
			require.Equal(t, first.body, again.body)
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
			require.Equal(t, first.header.Get("Request-Id"), again.header.Get("Original-Request"))
			require.NotEqual(t, first.header.Get("Request-Id"), again.header.Get("Request-Id"))
			require.LessOrEqual(t, len(s.server.PaymentIntents()), 1)
		})
	}
}

func TestParameterOrderDoesNotMatterToAKey(t *testing.T) {
	s := newSim(t)
	first := s.post("/v1/customers", "email=a@b.c&name=A", "Idempotency-Key", "k")
	again := s.post("/v1/customers", "name=A&email=a@b.c", "Idempotency-Key", "k")
	require.Equal(t, first.id(), again.id())
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	s := newSim(t)
	s.post("/v1/customers", "name=A", "Idempotency-Key", "k")
	params := s.post("/v1/customers", "name=B", "Idempotency-Key", "k")
	require.Equal(t, 400, params.status)
	require.Equal(t, "idempotency_error", params.field("error", "type"))
	require.Equal(t, "Keys for idempotent requests can only be used with the same parameters they were first used with. "+
		"Try using a key other than 'k' if you meant to execute a different request.", params.field("error", "message"))
	endpoint := s.post("/v1/setup_intents", "", "Idempotency-Key", "k")
	require.Equal(t, 400, endpoint.status)
	require.Contains(t, endpoint.field("error", "message"), "can only be used for the same endpoint they were first used for ('/v1/setup_intents' vs '/v1/customers')")
}

func TestValidationFailuresAreNotSaved(t *testing.T) {
	s := newSim(t)
	require.Equal(t, 400, s.post("/v1/customers", "bogus=1", "Idempotency-Key", "k").status)
	fixed := s.post("/v1/customers", "name=A", "Idempotency-Key", "k")
	require.Equal(t, 200, fixed.status)
	require.Empty(t, fixed.header.Get("Idempotent-Replayed"))
}

func TestUnauthorizedAndRateLimitComeBeforeTheKey(t *testing.T) {
	s := newSim(t)
	require.Equal(t, 401, s.post("/v1/customers", "name=A", "Idempotency-Key", "k", "Authorization", "Bearer nope").status)
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Count: 1}))
	require.Equal(t, 429, s.post("/v1/customers", "name=B", "Idempotency-Key", "k").status)
	require.Equal(t, 200, s.post("/v1/customers", "name=C", "Idempotency-Key", "k").status)
}

func TestServerErrorsAreReplayed(t *testing.T) {
	for action, made := range map[stripesim.FaultAction]int{stripesim.ActionServerError: 0, stripesim.ActionServerErrorExecuted: 1} {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: action, Count: 1}))
		require.Equal(t, 500, s.post("/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "k").status)
		require.Len(t, s.server.PaymentIntents(), made, action)
		again := s.post("/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "k")
		require.Equal(t, 500, again.status)
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
		require.Len(t, s.server.PaymentIntents(), made, action)
	}
}

func TestKeysLiveOnTheSimulatedClock(t *testing.T) {
	s := newSim(t)
	first := s.post("/v1/customers", "name=A", "Idempotency-Key", "k").id()
	s.clock.advance(24*time.Hour - time.Second)
	require.Equal(t, first, s.post("/v1/customers", "name=A", "Idempotency-Key", "k").id())
	s.clock.advance(time.Second)
	require.NotEqual(t, first, s.post("/v1/customers", "name=A", "Idempotency-Key", "k").id())
}

func TestConcurrentUseOfAKeyConflicts(t *testing.T) {
	s := newSim(t)
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionLatency, Nth: 1, Delay: stripesim.Duration(300 * time.Millisecond)}))
	done := make(chan reply)
	go func() {
		out, _ := s.try(http.MethodPost, "/v1/customers", "name=A", "Idempotency-Key", "k")
		done <- out
	}()
	require.Eventually(t, func() bool {
		keys := s.get("/_sim/state", "").field("idempotency_keys").([]any)
		return len(keys) == 1 && keys[0].(map[string]any)["done"] == false
	}, 5*time.Second, time.Millisecond)
	clash := s.post("/v1/customers", "name=A", "Idempotency-Key", "k")
	require.Equal(t, 409, clash.status)
	require.Equal(t, "idempotency_key_in_use", clash.field("error", "code"))
	require.Contains(t, clash.field("error", "message"), "There is currently another in-progress request using this Idempotent Key")
	require.Equal(t, 200, (<-done).status)
}

func TestKeysAreBoundedAndOnlyForPosts(t *testing.T) {
	s := newSim(t)
	require.Equal(t, 400, s.post("/v1/customers", "", "Idempotency-Key", strings.Repeat("k", 256)).status)
	require.Equal(t, 200, s.post("/v1/customers", "", "Idempotency-Key", strings.Repeat("k", 255)).status)
	read := s.do("GET", "/v1/customers", "", "Idempotency-Key", "g")
	require.Empty(t, read.header.Get("Original-Request"))
}
