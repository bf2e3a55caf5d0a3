package stripesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"
	"pgregory.net/rapid"

	"tranche/internal/stripesim"
)

func TestPaymentIntentStatesOnTheWayToSuccess(t *testing.T) {
	s := newSim(t)
	made := s.ok("/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card")
	require.Equal(t, "requires_payment_method", made.field("status"))
	require.Regexp(t, `^pi_\w+_secret_\w{25}$`, made.field("client_secret"))
	require.Equal(t, "automatic", made.field("capture_method"))
	require.Nil(t, made.field("automatic_payment_methods"))
	chosen := s.ok("/v1/payment_intents/"+made.id(), "payment_method="+s.card("4242424242424242"))
	require.Equal(t, "requires_confirmation", chosen.field("status"))
	paid := s.ok("/v1/payment_intents/"+made.id()+"/confirm", "")
	require.Equal(t, "succeeded", paid.field("status"))
	require.EqualValues(t, 2000, paid.field("amount_received"))
	require.Equal(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}, s.eventTypes())
}

func TestStripeGoSeesADeclineAsItsOwnError(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4000008260003178")
	_, err := s.api.PaymentIntents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1500), Currency: stripe.String("usd"), Customer: &customer, PaymentMethod: &method,
		OffSession: stripe.Bool(true), Confirm: stripe.Bool(true), PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	})
	found := stripeError(t, err)
	require.Equal(t, http.StatusPaymentRequired, found.HTTPStatusCode)
	require.Equal(t, stripe.DeclineCodeInsufficientFunds, found.DeclineCode)
	require.Equal(t, stripe.PaymentIntentStatusRequiresPaymentMethod, found.PaymentIntent.Status)
	require.Equal(t, method, found.PaymentMethod.ID)
	require.Equal(t, method, found.PaymentIntent.LastPaymentError.PaymentMethod.ID)
	require.NotEmpty(t, found.ChargeID)
	require.NotEmpty(t, found.RequestID)
}

func TestRecoveryOnTheSamePaymentIntent(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4000002760003184")
	declined := s.post("/v1/payment_intents", offSession(customer, method))
	require.Equal(t, 402, declined.status)
	secret := declined.field("error", "payment_intent", "client_secret").(string)

	seen, err := s.browser.RetrievePaymentIntent(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, method, seen.LastPaymentError.PaymentMethod.ID)
	again, err := s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
	require.NoError(t, err)
	require.Equal(t, "requires_action", again.Status)
	require.Nil(t, again.LastPaymentError)

	failed, err := s.browser.Authenticate(t.Context(), again, false)
	require.NoError(t, err)
	require.Equal(t, "requires_payment_method", failed.Status)
	require.Equal(t, "payment_intent_authentication_failure", failed.LastPaymentError.Code)
	require.Empty(t, failed.PaymentMethod)

	again, err = s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
	require.NoError(t, err)
	paid, err := s.browser.Authenticate(t.Context(), again, true)
	require.NoError(t, err)
	require.Equal(t, "succeeded", paid.Status)
	_, err = s.browser.Authenticate(t.Context(), again, true)
	require.Equal(t, "payment_intent_unexpected_state", apiError(t, err).Code)
}

func TestRefusedConfirmations(t *testing.T) {
	tests := []struct {
		name     string
		arrange  func(s *sim) (path, form string)
		code     string
		contains string
	}{
		{"no payment method", func(s *sim) (string, string) {
			id, _ := s.intent("")
			return "/v1/payment_intents/" + id + "/confirm", ""
		}, "payment_intent_unexpected_state", "missing a payment method"},
		{"already succeeded", func(s *sim) (string, string) {
			id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
			return "/v1/payment_intents/" + id + "/confirm", "payment_method=pm_card_visa"
		}, "payment_intent_unexpected_state", "already succeeded"},
		{"canceled", func(s *sim) (string, string) {
			id, _ := s.intent("")
			s.ok("/v1/payment_intents/"+id+"/cancel", "")
			return "/v1/payment_intents/" + id + "/confirm", "payment_method=pm_card_visa"
		}, "payment_intent_unexpected_state", "status of canceled"},
		{"cancel after success", func(s *sim) (string, string) {
			id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
			return "/v1/payment_intents/" + id + "/cancel", ""
		}, "payment_intent_unexpected_state", "You cannot cancel this PaymentIntent because it has a status of succeeded"},
		{"amount after success", func(s *sim) (string, string) {
			id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
			return "/v1/payment_intents/" + id, "amount=3000"
		}, "payment_intent_unexpected_state", "could not be updated"},
		{"automatic payment methods without return_url", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa"
		}, "", "you must provide a `return_url`"},
		{"automatic payment methods with error_on_requires_action", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&error_on_requires_action=true&return_url=https://a.b"
		}, "", "error_on_requires_action"},
		{"off_session with setup_future_usage", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_visa&off_session=true&setup_future_usage=off_session"
		}, "", "off_session=true when setup_future_usage"},
		{"off_session without confirm", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&off_session=true"
		}, "", "when confirm is true"},
		{"a customer's card without the customer", func(s *sim) (string, string) {
			_, method := s.saved("4242424242424242")
			return "/v1/payment_intents", "amount=2000&currency=usd&payment_method=" + method
		}, "", "belongs to the Customer"},
		{"unknown customer", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&customer=cus_none"
		}, "resource_missing", "No such customer: 'cus_none'"},
		{"unknown payment method", func(*sim) (string, string) {
			return "/v1/payment_intents", "amount=2000&currency=usd&payment_method=pm_none"
		}, "resource_missing", "pm_none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t)
			path, form := tt.arrange(s)
			out := s.post(path, form)
			require.Equal(t, http.StatusBadRequest, out.status, "%v", out.body)
			require.Contains(t, out.field("error", "message"), tt.contains)
			if tt.code == "" {
				require.Nil(t, out.field("error", "code"))
				return
			}
			require.Equal(t, tt.code, out.field("error", "code"))
			if tt.code == "payment_intent_unexpected_state" {
				require.NotEmpty(t, out.field("error", "payment_intent", "id"))
			}
		})
	}
}

func TestAutomaticPaymentMethodsAreOnByDefault(t *testing.T) {
	s := newSim(t)
	made := s.ok("/v1/payment_intents", "amount=2000&currency=usd")
	require.Equal(t, "always", made.field("automatic_payment_methods", "allow_redirects"))
	customer, method := s.saved("4242424242424242")
	paid := s.ok("/v1/payment_intents", "amount=2000&currency=usd&off_session=true&confirm=true&customer="+customer+"&payment_method="+method+
		"&automatic_payment_methods[enabled]=true")
	require.Equal(t, "succeeded", paid.field("status"))
}

func TestErrorOnRequiresAction(t *testing.T) {
	s := newSim(t)
	out := s.post("/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&error_on_requires_action=true&payment_method=pm_card_authenticationRequired")
	require.Equal(t, 402, out.status)
	require.Equal(t, "authentication_not_handled", out.field("error", "decline_code"))
}

func TestNextActionFollowsReturnURL(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("")
	sdk := s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_authenticationRequired")
	require.Equal(t, "use_stripe_sdk", sdk.field("next_action", "type"))
	other, _ := s.intent("")
	redirect := s.ok("/v1/payment_intents/"+other+"/confirm", "payment_method=pm_card_authenticationRequired&return_url=https://shop.example/done")
	require.Equal(t, "https://shop.example/done", redirect.field("next_action", "redirect_to_url", "return_url"))

	target := redirect.field("next_action", "redirect_to_url", "url").(string)
	page, err := http.Get(target)
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())
	require.Equal(t, 200, page.StatusCode)
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.Post(target+"&outcome=succeed&redirect=1", "", nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	require.True(t, strings.HasPrefix(resp.Header.Get("Location"), "https://shop.example/done?payment_intent="+other))
	require.Equal(t, "succeeded", s.get("/v1/payment_intents/"+other, "").field("status"))
}

func TestConfirmLimitCancels(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.ConfirmLimit = 3 })
	id, _ := s.intent("")
	for range 2 {
		out := s.post("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_chargeDeclined")
		require.Equal(t, "requires_payment_method", out.field("error", "payment_intent", "status"))
	}
	last := s.post("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_chargeDeclined")
	require.Equal(t, 402, last.status)
	require.Equal(t, "canceled", last.field("error", "payment_intent", "status"))
	require.Equal(t, "automatic", last.field("error", "payment_intent", "cancellation_reason"))
	require.Contains(t, s.eventTypes(), "payment_intent.canceled")
}

func TestSetupFutureUsageDecidesWhatBecomesOfTheCard(t *testing.T) {
	pay := func(s *sim, extra, method string) {
		_, secret := s.intent(extra)
		_, err := s.browser.ConfirmCardPayment(s.t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
		require.NoError(s.t, err)
	}
	t.Run("with customer: attached before the payment's own event", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.customer(), s.card("4242424242424242")
		pay(s, "setup_future_usage=off_session&customer="+customer, method)
		require.Equal(t, customer, s.get("/v1/payment_methods/"+method, "").field("customer"))
		require.Equal(t, []string{"customer.created", "payment_intent.created", "payment_method.attached", "charge.succeeded",
			"payment_intent.succeeded"}, s.eventTypes())
	})
	t.Run("without customer: may be attached afterwards", func(t *testing.T) {
		s := newSim(t)
		method := s.card("4242424242424242")
		pay(s, "setup_future_usage=off_session", method)
		require.Nil(t, s.get("/v1/payment_methods/"+method, "").field("customer"))
		customer := s.ok("/v1/customers", "payment_method="+method).id()
		require.Equal(t, "succeeded", s.ok("/v1/payment_intents", offSession(customer, method)).field("status"))
	})
	t.Run("not set: consumed", func(t *testing.T) {
		s := newSim(t)
		method := s.card("4242424242424242")
		pay(s, "", method)
		attached := s.post("/v1/payment_methods/"+method+"/attach", "customer="+s.customer())
		require.Equal(t, 400, attached.status)
		require.Contains(t, attached.field("error", "message"), "may not be used again")
		used := s.post("/v1/payment_intents", "amount=2000&currency=usd&payment_method="+method)
		require.Contains(t, used.field("error", "message"), "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment")
	})
	t.Run("a failed payment attaches nothing", func(t *testing.T) {
		s := newSim(t)
		customer, method := s.customer(), s.card("4242424242424242", "sim_decline_code", "do_not_honor")
		_, secret := s.intent("setup_future_usage=off_session&customer=" + customer)
		_, err := s.browser.ConfirmCardPayment(t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
		require.Error(t, err)
		require.Nil(t, s.get("/v1/payment_methods/"+method, "").field("customer"))
	})
}

func TestAttachAndDetachRules(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4242424242424242")
	require.Equal(t, 200, s.post("/v1/payment_methods/"+method+"/attach", "customer="+customer).status, "again to the same customer")
	other := s.post("/v1/payment_methods/"+method+"/attach", "customer="+s.customer())
	require.Equal(t, "The payment method you provided has already been attached to a customer.", other.field("error", "message"))
	require.Nil(t, s.ok("/v1/payment_methods/"+method+"/detach", "").field("customer"))
	twice := s.post("/v1/payment_methods/"+method+"/detach", "")
	require.Contains(t, twice.field("error", "message"), "detachment is impossible")
	require.Equal(t, 400, s.post("/v1/payment_methods/"+method+"/attach", "customer="+customer).status)
	last := s.get("/v1/events", "type=payment_method.detached").field("data").([]any)[0].(map[string]any)["data"].(map[string]any)
	require.Equal(t, customer, last["previous_attributes"].(map[string]any)["customer"])
}

func TestPublishableKeySeesOnlyItsPart(t *testing.T) {
	s := newSim(t)
	id, secret := s.intent("customer=" + s.customer() + "&metadata[private]=yes")
	const pk = "Bearer pk_test_1"
	seen := s.do("GET", "/v1/payment_intents/"+id, "client_secret="+secret, "Authorization", pk)
	require.Equal(t, 200, seen.status)
	require.NotContains(t, seen.body, "metadata")
	require.NotContains(t, seen.body, "customer")
	require.Equal(t, secret, seen.field("client_secret"))

	for name, out := range map[string]reply{
		"no client secret":    s.do("GET", "/v1/payment_intents/"+id, "", "Authorization", pk),
		"server endpoint":     s.do("GET", "/v1/customers", "", "Authorization", pk),
		"update":              s.post("/v1/payment_intents/"+id, "amount=1", "Authorization", pk),
		"create":              s.post("/v1/payment_intents", "amount=1000&currency=usd", "Authorization", pk),
		"payment method read": s.do("GET", "/v1/payment_methods/pm_card_visa", "", "Authorization", pk),
	} {
		require.Equal(t, http.StatusUnauthorized, out.status, name)
		require.Equal(t, "secret_key_required", out.field("error", "code"), name)
	}
	wrong := s.do("GET", "/v1/payment_intents/"+id, "client_secret="+id+"_secret_wrong", "Authorization", pk)
	require.Equal(t, "payment_intent_invalid_parameter", wrong.field("error", "code"))
	off := s.post("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_visa&off_session=true&client_secret="+secret, "Authorization", pk)
	require.Equal(t, 400, off.status)
	s.ok("/v1/payment_intents/"+id, "setup_future_usage=off_session")
	back := s.post("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_visa&setup_future_usage=on_session&client_secret="+secret, "Authorization", pk)
	require.Equal(t, "setup_future_usage", back.field("error", "param"))
}

func TestManualCapture(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("capture_method=manual&confirm=true&payment_method=pm_card_visa")
	require.Equal(t, "requires_capture", s.get("/v1/payment_intents/"+id, "").field("status"))
	paid := s.ok("/v1/payment_intents/"+id+"/capture", "amount_to_capture=500")
	require.EqualValues(t, 500, paid.field("amount_received"))
	require.Equal(t, 400, s.post("/v1/payment_intents/"+id+"/capture", "").status)
}

func TestSetupIntentSavesACardWithoutPayment(t *testing.T) {
	s := newSim(t)
	customer := s.customer()
	made := s.ok("/v1/setup_intents", "payment_method_types[]=card&customer="+customer)
	require.Equal(t, "off_session", made.field("usage"))
	secret := made.field("client_secret").(string)
	_, err := s.browser.ConfirmCardSetup(t.Context(), secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000000000000002"}})
	require.Equal(t, "generic_decline", apiError(t, err).DeclineCode)
	waiting, err := s.browser.ConfirmCardSetup(t.Context(), secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000002500003155"}})
	require.NoError(t, err)
	failed, err := s.browser.Authenticate(t.Context(), waiting, false)
	require.NoError(t, err)
	require.Equal(t, "setup_intent_authentication_failure", failed.LastSetupError.Code)
	waiting, err = s.browser.ConfirmCardSetup(t.Context(), secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000002500003155"}})
	require.NoError(t, err)
	done, err := s.browser.Authenticate(t.Context(), waiting, true)
	require.NoError(t, err)
	require.Equal(t, "succeeded", done.Status)
	require.Equal(t, "succeeded", s.ok("/v1/payment_intents", offSession(customer, done.PaymentMethod)).field("status"))
	again := s.post("/v1/setup_intents/"+made.id()+"/confirm", "")
	require.Equal(t, "setup_intent_unexpected_state", again.field("error", "code"))
	types := s.eventTypes()
	require.Subset(t, types, []string{"setup_intent.created", "setup_intent.setup_failed", "setup_intent.requires_action", "payment_method.attached", "setup_intent.succeeded"})
}

// After any sequence of requests, success and cancellation of a PaymentIntent are final, and at
// most one of its charges is paid.
func TestTerminalStatesAreFinal(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.ConfirmLimit = 4 })
	moves := []string{"/confirm|payment_method=pm_card_visa", "/confirm|payment_method=pm_card_chargeDeclined",
		"/confirm|payment_method=pm_card_authenticationRequired", "/cancel|", "|amount=3000", "/capture|", "auth|succeed", "auth|fail"}
	rapid.Check(t, func(r *rapid.T) {
		id, _ := s.intent("")
		final := ""
		for _, move := range rapid.SliceOfN(rapid.SampledFrom(moves), 1, 8).Draw(r, "moves") {
			action, form, _ := strings.Cut(move, "|")
			if action == "auth" {
				_, _ = s.server.Authenticate(id, form == "succeed")
			} else {
				s.post("/v1/payment_intents/"+id+action, form)
			}
			status := s.get("/v1/payment_intents/"+id, "").field("status").(string)
			if final != "" && status != final {
				r.Fatalf("%s became %s", final, status)
			}
			if status == "succeeded" || status == "canceled" {
				final = status
			}
		}
		paid := 0
		for _, one := range s.get("/v1/charges", "payment_intent="+id).field("data").([]any) {
			if one.(map[string]any)["paid"] == true {
				paid++
			}
		}
		if paid > 1 || paid == 1 != (final == "succeeded") {
			r.Fatalf("%d paid charges, final %q", paid, final)
		}
	})
}
