package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

func TestGuideCards(t *testing.T) {
	tests := []struct {
		name, number          string
		initialNeedsAuth      bool
		initialDecline, later string
	}{
		{"4242 pays at once and later", "4242424242424242", false, "", ""},
		{"3155 authenticates first, then pays off-session", "4000002500003155", true, "", ""},
		{"3184 authenticates first, then wants it again", "4000002760003184", true, "", "authentication_required"},
		{"3178 authenticates first, then has no funds", "4000008260003178", true, "", "insufficient_funds"},
		{"9995 never has funds", "4000000000009995", false, "insufficient_funds", ""},
		{"0446 authenticates on-session only", "4000003800000446", true, "", ""},
		{"0027 authenticates first, then wants it again", "4000008400000027", true, "", "authentication_required"},
		{"0000 authenticates without a challenge", "4000000032200000", false, "", ""},
		{"0341 attaches but never pays", "4000000000000341", false, "generic_decline", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t)
			customer := s.customer()
			_, secret := s.intent("setup_future_usage=off_session&customer=" + customer)
			method := s.card(tt.number)
			paid, err := s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
			if tt.initialDecline != "" {
				require.Equal(t, tt.initialDecline, apiError(t, err).DeclineCode)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.initialNeedsAuth, paid.Status == "requires_action")
			if tt.initialNeedsAuth {
				paid, err = s.browser.Authenticate(t.Context(), paid, true)
				require.NoError(t, err)
			}
			require.Equal(t, "succeeded", paid.Status)
			out := s.post("/v1/payment_intents", offSession(customer, method))
			if tt.later == "" {
				require.Equal(t, "succeeded", out.field("status"), "%v", out.body)
				return
			}
			require.Equal(t, http.StatusPaymentRequired, out.status)
			require.Equal(t, tt.later, out.field("error", "decline_code"))
		})
	}
}

func TestCard3155NotSetUpNeedsAuthenticationOffSession(t *testing.T) {
	s := newSim(t)
	customer, method := s.customer(), s.card("4000002500003155")
	s.ok("/v1/payment_methods/"+method+"/attach", "customer="+customer)
	out := s.post("/v1/payment_intents", offSession(customer, method))
	require.Equal(t, "authentication_required", out.field("error", "code"))
}

// TestFrictionlessCard requires a payment with 3-D Secure and no challenge, which the charge shows.
func TestFrictionlessCard(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	customer, method := s.saved("4000000032200000")
	for _, form := range []string{offSession(customer, method), "amount=900&currency=usd&payment_method_types[]=card&confirm=true&customer=" + customer + "&payment_method=" + method} {
		paid := s.ok("/v1/payment_intents", form+"&expand[]=latest_charge")
		require.Equal(t, "succeeded", paid.field("status"))
		shown := func(name string) any {
			return paid.field("latest_charge", "payment_method_details", "card", "three_d_secure", name)
		}
		require.Equal(t, "frictionless", shown("authentication_flow"))
		require.Equal(t, "authenticated", shown("result"))
	}
	challenged := s.ok("/v1/payment_intents", create+"pm_card_threeDSecure2Required")
	_, err := s.server.Authenticate(challenged.id(), true)
	require.NoError(t, err)
	charge := s.get("/v1/payment_intents/"+challenged.id(), "expand[]=latest_charge")
	require.Equal(t, "challenge", charge.field("latest_charge", "payment_method_details", "card", "three_d_secure", "authentication_flow"))
	plain := s.ok("/v1/payment_intents", create+"pm_card_amex_threeDSecureNotSupported&expand[]=latest_charge")
	require.Nil(t, plain.field("latest_charge", "payment_method_details", "card", "three_d_secure"))
}

// TestCardsThatCannotAuthenticate covers the cards whose 3-D Secure fails before the customer sees
// a challenge. Cases without an error code are paid without 3-D Secure.
func TestCardsThatCannotAuthenticate(t *testing.T) {
	t.Parallel()
	const ask = "&payment_method_options[card][request_three_d_secure]=any"
	for _, tt := range []struct {
		magic, number, request     string
		payment, setup, offSession string // error codes
		decline                    any    // the decline code of the payment
	}{
		{"threeDSecureRequiredProcessingError", "4000008400001280", "", "card_declined", "card_declined", "authentication_required", "generic_decline"},
		{"threeDSecureRequiredProcessingError", "4000008400001280", ask, "card_declined", "card_declined", "authentication_required", "generic_decline"},
		{"threeDSecureOptionalProcessingError", "4000000000003097", "", "", "", "", nil},
		{"threeDSecureOptionalProcessingError", "4000000000003097", ask, "processing_error", "processing_error", "", nil},
	} {
		t.Run(tt.number+tt.request, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			wantCode := func(out reply, code, object string) {
				t.Helper()
				if code == "" {
					require.Equal(t, http.StatusOK, out.status, "%v", out.body)
					require.Equal(t, "succeeded", out.field("status"))
					return
				}
				require.Equal(t, http.StatusPaymentRequired, out.status, "%v", out.body)
				require.Equal(t, code, out.field("error", "code"))
				require.Equal(t, "requires_payment_method", out.field("error", object, "status"))
				require.Nil(t, out.field("error", object, "next_action"))
			}
			paid := s.post("/v1/payment_intents", create+"pm_card_"+tt.magic+tt.request)
			wantCode(paid, tt.payment, "payment_intent")
			if tt.payment != "" {
				failed := s.get("/v1/charges/"+paid.field("error", "charge").(string), "")
				require.Equal(t, tt.payment, failed.field("failure_code"))
				require.Equal(t, tt.decline, paid.field("error", "decline_code"))
			}
			setup := "confirm=true&payment_method_types[]=card&payment_method="
			wantCode(s.post("/v1/setup_intents", setup+"pm_card_"+tt.magic+tt.request), tt.setup, "setup_intent")
			customer, method := s.customer(), s.card(tt.number)
			s.ok("/v1/payment_methods/"+method+"/attach", "customer="+customer)
			wantCode(s.post("/v1/payment_intents", offSession(customer, method)+tt.request), tt.offSession, "payment_intent")
		})
	}
}

func TestCard3178CanFailItsFirstPaymentToo(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.Card3178InitialFails = true })
	_, secret := s.intent("")
	paid, err := s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000008260003178"}})
	require.NoError(t, err)
	after, err := s.browser.Authenticate(t.Context(), paid, true)
	require.NoError(t, err)
	require.Equal(t, "requires_payment_method", after.Status)
	require.Equal(t, "insufficient_funds", after.LastPaymentError.DeclineCode)
}

func TestDeclineTable(t *testing.T) {
	tests := []struct {
		magic, code, decline, advice, networkAdvice, networkDecline, param, message string
	}{
		{"pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later", "02", "51", "", "Your card has insufficient funds."},
		{"pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later", "", "01", "", "Your card was declined."},
		{"pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again", "01", "41", "", "Your card was declined."},
		{"pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again", "01", "43", "", "Your card was declined."},
		{"pm_card_chargeDeclinedExpiredCard", "expired_card", "", "confirm_card_data", "03", "54", "exp_month", "Your card has expired."},
		{"pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "", "confirm_card_data", "03", "N7", "cvc", "Your card's security code is incorrect."},
		{"pm_card_chargeDeclinedProcessingError", "processing_error", "", "try_again_later", "", "06", "", "An error occurred while processing your card. Try again in a little bit."},
		{"pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded", "try_again_later", "02", "61", "",
			"Your card was declined for making repeated attempts too frequently or exceeding its amount limit."},
	}
	orNil := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	for _, tt := range tests {
		t.Run(tt.magic, func(t *testing.T) {
			s := newSim(t)
			out := s.post("/v1/payment_intents", "amount=900&currency=eur&payment_method_types[]=card&confirm=true&payment_method="+tt.magic)
			require.Equal(t, http.StatusPaymentRequired, out.status)
			require.Equal(t, "false", out.header.Get("Stripe-Should-Retry"))
			for _, where := range [][]string{{"error"}, {"error", "payment_intent", "last_payment_error"}} {
				at := func(name string) any { return out.field(append(where, name)...) }
				require.Equal(t, "card_error", at("type"))
				require.Equal(t, tt.code, at("code"))
				require.Equal(t, orNil(tt.decline), at("decline_code"))
				require.Equal(t, tt.advice, at("advice_code"))
				require.Equal(t, orNil(tt.networkAdvice), at("network_advice_code"))
				require.Equal(t, tt.networkDecline, at("network_decline_code"))
				require.Equal(t, orNil(tt.param), at("param"))
				require.Equal(t, tt.message, at("message"))
			}
			require.Equal(t, "requires_payment_method", out.field("error", "payment_intent", "status"))
			require.Nil(t, out.field("error", "payment_intent", "payment_method"))
			require.Equal(t, out.field("error", "charge"), out.field("error", "payment_intent", "latest_charge"))
			failed := s.get("/v1/charges/"+out.field("error", "charge").(string), "")
			require.Equal(t, "failed", failed.field("status"))
			require.Equal(t, "issuer_declined", failed.field("outcome", "type"))
			require.Equal(t, "declined_by_network", failed.field("outcome", "network_status"))
			require.Equal(t, []string{"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}, s.eventTypes())
		})
	}
}

func TestFullDeclineCodeAndOmitAdviceSwitches(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.FullDeclineCode, o.OmitAdvice = true, true })
	out := s.post("/v1/payment_intents", "amount=900&currency=eur&payment_method_types[]=card&confirm=true&payment_method=pm_card_chargeDeclinedExpiredCard")
	require.Equal(t, "expired_card", out.field("error", "decline_code"))
	require.Nil(t, out.field("error", "advice_code"))
}

func TestRadarBlocksTheRiskyCard(t *testing.T) {
	s := newSim(t)
	out := s.post("/v1/payment_intents", "amount=900&currency=usd&payment_method_types[]=card&confirm=true&expand[]=latest_charge&payment_method=pm_card_radarBlock")
	require.Equal(t, "card_declined", out.field("error", "code"))
	failed := s.get("/v1/charges/"+out.field("error", "charge").(string), "")
	require.Equal(t, "blocked", failed.field("outcome", "type"))
	require.Equal(t, "highest_risk_level", failed.field("outcome", "reason"))
	require.Equal(t, "not_sent_to_network", failed.field("outcome", "network_status"))
}

func TestAlwaysDeclinedCardsDeclineOnAttach(t *testing.T) {
	s := newSim(t)
	customer := s.customer()
	for _, number := range []string{"4000000000000002", "4000000000009995", "4000000000009987", "4000000000009979", "4000000000000069",
		"4000000000000127", "4000000000000119", "4000000000006975"} {
		out := s.post("/v1/payment_methods/"+s.card(number)+"/attach", "customer="+customer)
		require.Equal(t, http.StatusPaymentRequired, out.status, number)
		require.Equal(t, "card_error", out.field("error", "type"))
		require.Nil(t, out.field("error", "payment_intent"))
	}
	created := s.post("/v1/customers", "payment_method="+s.card("4000000000000002"))
	require.Equal(t, http.StatusPaymentRequired, created.status)
	require.Equal(t, http.StatusOK, s.post("/v1/payment_methods/"+s.card("4000000000000341")+"/attach", "customer="+customer).status)
}

func TestMetadataSteersDeclines(t *testing.T) {
	t.Run("any code, with overrides", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.saved("4242424242424242", "sim_decline_later", "do_not_honor", "sim_advice_code", "do_not_try_again",
			"sim_network_advice_code", "03", "sim_network_decline_code", "R1")
		out := s.post("/v1/payment_intents", offSession(customer, method))
		require.Equal(t, "do_not_honor", out.field("error", "decline_code"))
		require.Equal(t, "do_not_try_again", out.field("error", "advice_code"))
		require.Equal(t, "03", out.field("error", "network_advice_code"))
		require.Equal(t, "R1", out.field("error", "network_decline_code"))
	})
	t.Run("for a number of times", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.saved("4242424242424242", "sim_decline_later", "insufficient_funds", "sim_decline_count", "2")
		require.Equal(t, 402, s.post("/v1/payment_intents", offSession(customer, method)).status)
		require.Equal(t, 402, s.post("/v1/payment_intents", offSession(customer, method)).status)
		require.Equal(t, 200, s.post("/v1/payment_intents", offSession(customer, method)).status)
	})
	t.Run("the first payment only", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.customer(), s.card("4242424242424242", "sim_decline_initial", "lost_card")
		s.ok("/v1/payment_methods/"+method+"/attach", "customer="+customer)
		id, secret := s.intent("customer=" + customer)
		_, err := s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
		require.Equal(t, "lost_card", apiError(t, err).DeclineCode)
		s.ok("/v1/payment_methods/"+method, "metadata[sim_decline_initial]=")
		require.Equal(t, "succeeded", s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method="+method).field("status"))
	})
	t.Run("authentication on demand is a challenge on-session", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.saved("4242424242424242", "sim_decline_later", "authentication_required")
		out := s.post("/v1/payment_intents", offSession(customer, method))
		require.Equal(t, "authentication_required", out.field("error", "code"))
		id := out.field("error", "payment_intent", "id").(string)
		require.Equal(t, "requires_action", s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method="+method).field("status"))
	})
}

func TestExpiredCardsDeclineWhenAskedTo(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.DeclineExpired = true })
	customer, method := s.saved("4242424242424242")
	s.clock.advance(30 * 365 * 24 * time.Hour)
	out := s.post("/v1/payment_intents", offSession(customer, method))
	require.Equal(t, "expired_card", out.field("error", "code"))
	require.NoError(t, s.server.UpdateCard(method, 1, 2090))
	require.Equal(t, 200, s.post("/v1/payment_intents", offSession(customer, method)).status)
	require.Contains(t, s.eventTypes(), "payment_method.automatically_updated")
}

func TestMagicIDsMakeANewPaymentMethodPerUse(t *testing.T) {
	s := newSim(t)
	customer := s.customer()
	first := s.ok("/v1/payment_methods/pm_card_visa/attach", "customer="+customer).id()
	second := s.ok("/v1/payment_methods/pm_card_visa/attach", "customer="+customer).id()
	third := s.ok("/v1/payment_methods", "type=card&card[token]=tok_mastercard")
	require.NotEqual(t, first, second)
	require.Equal(t, "mastercard", third.field("card", "brand"))
}

func TestTypedCardsAreChecked(t *testing.T) {
	tests := []struct {
		name, form, code, param string
	}{
		{"wrong digit", "card[number]=4242424242424241&card[exp_month]=1&card[exp_year]=2040", "incorrect_number", "number"},
		{"month", "card[number]=4242424242424242&card[exp_month]=13&card[exp_year]=2040", "invalid_expiry_month", "exp_month"},
		{"past year", "card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2020", "invalid_expiry_year", "exp_year"},
		{"cvc", "card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2040&card[cvc]=1", "invalid_cvc", "cvc"},
		{"not a test card", "card[number]=4539578763621486&card[exp_month]=1&card[exp_year]=2040", "card_declined", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := newSim(t).post("/v1/payment_methods", "type=card&"+tt.form)
			require.Equal(t, http.StatusPaymentRequired, out.status, "%v", out.body)
			require.Equal(t, tt.code, out.field("error", "code"))
			if tt.param != "" {
				require.Equal(t, tt.param, out.field("error", "param"))
			}
		})
	}
}
