package stripesim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

func TestAPaymentIsProcessingAndEndsLater(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		metadata []string
		status   string
		event    string
		code     any
	}{
		"it succeeds":    {nil, "succeeded", "payment_intent.succeeded", nil},
		"it is declined": {[]string{"sim_decline_later", "insufficient_funds"}, "requires_payment_method", "payment_intent.payment_failed", "insufficient_funds"},
	} {
		s := newSim(t)
		customer, method := s.saved("4242424242424242", append(tt.metadata, "sim_processing", "15m")...)
		made := s.ok("/v1/payment_intents", offSession(customer, method))
		require.Equal(t, "processing", made.field("status"), name)
		require.Equal(t, method, made.field("payment_method"))
		require.Nil(t, made.field("latest_charge"))
		require.EqualValues(t, s.clock.Now().Add(15*time.Minute).Unix(), made.field("processing", "card", "customer_notification", "completes_at"))
		for path, form := range map[string]string{"/confirm": "payment_method=" + method, "/cancel": "", "": "amount=3000"} {
			out := s.post("/v1/payment_intents/"+made.id()+path, form)
			require.Equal(t, http.StatusBadRequest, out.status, path)
			require.Equal(t, "payment_intent_unexpected_state", out.field("error", "code"), path)
		}
		s.clock.advance(14 * time.Minute)
		require.Equal(t, "processing", s.get("/v1/payment_intents/"+made.id(), "").field("status"), name)
		s.clock.advance(time.Minute)
		ended := s.get("/v1/payment_intents/"+made.id(), "")
		require.Equal(t, tt.status, ended.field("status"), name)
		require.Equal(t, tt.code, ended.field("last_payment_error", "decline_code"), name)
		require.Nil(t, ended.field("processing"))
		types := s.eventTypes()
		require.Equal(t, tt.event, types[len(types)-1], name)
		require.Contains(t, types, "payment_intent.processing")
	}
}

func TestProcessingIsEndedOnDemand(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]string{"": "succeeded", "do_not_honor": "requires_payment_method"} {
		s := newSim(t)
		require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionProcessing, Count: 1}))
		made := s.ok("/v1/payment_intents", create+"pm_card_visa")
		require.Equal(t, "processing", made.field("status"))
		require.Nil(t, made.field("processing", "card", "customer_notification", "completes_at"))
		s.clock.advance(365 * 24 * time.Hour)
		require.Equal(t, "processing", s.get("/v1/payment_intents/"+made.id(), "").field("status"))
		s.control("end_processing", "payment_intent="+made.id()+"&decline_code="+code, http.StatusOK)
		require.Equal(t, status, s.get("/v1/payment_intents/"+made.id(), "").field("status"))
		s.control("end_processing", "payment_intent="+made.id(), http.StatusBadRequest)
		require.Equal(t, "succeeded", s.ok("/v1/payment_intents", create+"pm_card_visa").field("status"), "the rule's count is used up")
	}
	s := newSim(t)
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionProcessing, Delay: stripesim.Duration(time.Hour), DeclineCode: "lost_card"}))
	made := s.ok("/v1/payment_intents", create+"pm_card_visa")
	s.clock.advance(time.Hour)
	require.Equal(t, "lost_card", s.get("/v1/payment_intents/"+made.id(), "").field("last_payment_error", "decline_code"))
}

// control calls the control surface and requires a response with that status.
func (s *sim) control(name, form string, status int) {
	s.t.Helper()
	resp, err := http.Post(s.http.URL+"/_sim/"+name, "application/x-www-form-urlencoded", strings.NewReader(form))
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
	require.Equal(s.t, status, resp.StatusCode)
}

func TestProcessingEndsWithoutARequest(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	customer, method := s.saved("4242424242424242", "sim_processing", "15m")
	s.ok("/v1/payment_intents", offSession(customer, method))
	s.clock.advance(time.Hour)
	require.Eventually(t, func() bool {
		return strings.Count(string(s.server.PaymentIntents()[1]), `"status":"succeeded"`) == 1
	}, 10*time.Second, 50*time.Millisecond)
}

func TestADeclineWithoutACharge(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *sim) reply{
		"by a fault": func(s *sim) reply {
			require.NoError(s.t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionDecline, NoCharge: true, Path: "/v1/payment_intents"}))
			customer, method := s.saved("4242424242424242")
			return s.post("/v1/payment_intents", offSession(customer, method))
		},
		"by metadata": func(s *sim) reply {
			customer, method := s.saved("4242424242424242", "sim_decline_later", "generic_decline", "sim_no_charge", "true")
			return s.post("/v1/payment_intents", offSession(customer, method))
		},
		"a canceled mandate": func(s *sim) reply {
			customer, method := s.saved("4000003560000263")
			return s.post("/v1/payment_intents", offSession(customer, method))
		},
	}
	for name, decline := range tests {
		s := newSim(t)
		out := decline(s)
		require.Equal(t, http.StatusPaymentRequired, out.status, "%s: %v", name, out.body)
		require.Nil(t, out.field("error", "charge"), name)
		require.Equal(t, "requires_payment_method", out.field("error", "payment_intent", "status"), name)
		require.Nil(t, out.field("error", "payment_intent", "latest_charge"), name)
		require.NotContains(t, s.eventTypes(), "charge.failed", name)
		require.Contains(t, s.eventTypes(), "payment_intent.payment_failed", name)
	}
}

func TestIndianCards(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]struct {
		first, last, code string
	}{
		"4000003560000123": {"processing", "succeeded", ""},
		"4000003560000297": {"processing", "requires_payment_method", "transaction_not_approved"},
		"4000003560000248": {"processing", "requires_payment_method", "processing_error"},
		"4000003560000263": {"", "requires_payment_method", "india_recurring_payment_mandate_canceled"},
	} {
		s := newSim(t)
		customer, method := s.saved(number) // on-session: authenticated, and never processing
		out := s.post("/v1/payment_intents", offSession(customer, method))
		if want.first == "" {
			require.Equal(t, http.StatusPaymentRequired, out.status, number)
			require.Equal(t, want.code, out.field("error", "code"), number)
			require.Nil(t, out.field("error", "decline_code"), number)
			continue
		}
		require.Equal(t, want.first, out.field("status"), number)
		s.clock.advance(15 * time.Minute)
		ended := s.get("/v1/payment_intents/"+out.id(), "")
		require.Equal(t, want.last, ended.field("status"), number)
		if want.code != "" {
			failure := ended.field("last_payment_error").(map[string]any)
			require.Contains(t, []any{failure["code"], failure["decline_code"]}, want.code, number)
		}
	}
	s := newSim(t)
	customer, method := s.customer(), s.card("4000003560000123")
	s.ok("/v1/payment_methods/"+method+"/attach", "customer="+customer)
	require.Equal(t, "authentication_required", s.post("/v1/payment_intents", offSession(customer, method)).field("error", "code"), "no mandate")
}
