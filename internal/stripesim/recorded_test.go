package stripesim_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

// first returns the first object of a list.
func first(of any) map[string]any { return of.([]any)[0].(map[string]any) }

// The behavior tested below comes from recorded traffic with Stripe, or from its documentation.

func TestACardOfNobodyIsUsedUpByADecline(t *testing.T) {
	t.Parallel()
	const usedUp = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment"
	for name, extra := range map[string]string{"no customer": "", "a customer that does not have it": "customer", "to be saved": "setup_future_usage=off_session"} {
		s := newSim(t)
		if extra == "customer" {
			extra = "customer=" + s.customer()
		}
		method := s.card("4242424242424242", "sim_decline_count", "1", "sim_decline_code", "do_not_honor")
		id, _ := s.intent(extra)
		require.Equal(t, http.StatusPaymentRequired, s.post("/v1/payment_intents/"+id+"/confirm", "payment_method="+method).status, name)
		again := s.post("/v1/payment_intents/"+id+"/confirm", "payment_method="+method)
		require.Equal(t, http.StatusBadRequest, again.status, name)
		require.Contains(t, again.field("error", "message"), usedUp, name)
		require.Equal(t, http.StatusBadRequest, s.post("/v1/payment_methods/"+method+"/attach", "customer="+s.customer()).status, name)
	}
	s := newSim(t)
	customer, method := s.saved("4242424242424242", "sim_decline_count", "1", "sim_decline_later", "do_not_honor")
	require.Equal(t, http.StatusPaymentRequired, s.post("/v1/payment_intents", offSession(customer, method)).status)
	require.Equal(t, http.StatusOK, s.post("/v1/payment_intents", offSession(customer, method)).status, "a customer's card stays usable")
}

func TestCardOptionsAreKeptAndHonored(t *testing.T) {
	t.Parallel()
	const options = "payment_method_options[card]"
	t.Run("3-D Secure is asked for on-session", func(t *testing.T) {
		t.Parallel()
		s := newSim(t)
		ask := options + "[request_three_d_secure]="
		for how, want := range map[string]string{"any": "requires_action", "challenge": "requires_action", "automatic": "succeeded"} {
			id, _ := s.intent(ask + how)
			require.Equal(t, how, s.ok("/v1/payment_intents/"+id, "description=x").field("payment_method_options", "card", "request_three_d_secure"))
			require.Equal(t, want, s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method=pm_card_visa").field("status"), how)
			setup := s.ok("/v1/setup_intents", "payment_method_types[]=card&confirm=true&payment_method=pm_card_visa&"+ask+how)
			require.Equal(t, how, setup.field("payment_method_options", "card", "request_three_d_secure"))
			require.Equal(t, want, setup.field("status"), how)
		}
		unsupported, _ := s.intent(ask + "any")
		require.Equal(t, "succeeded", s.ok("/v1/payment_intents/"+unsupported+"/confirm", "payment_method=pm_card_amex").field("status"))
		customer, method := s.saved("4242424242424242")
		require.Equal(t, "succeeded", s.ok("/v1/payment_intents", offSession(customer, method)+"&"+url.QueryEscape(options+"[request_three_d_secure]")+"=any").
			field("status"), "the customer is not there")
	})
	t.Run("setup_future_usage attaches", func(t *testing.T) {
		t.Parallel()
		for form, attached := range map[string]bool{
			options + "[setup_future_usage]=off_session":                               true,
			options + "[setup_future_usage]=on_session":                                true,
			options + "[setup_future_usage]=none&setup_future_usage=off_session":       false,
			options + "[setup_future_usage]=&setup_future_usage=off_session":           true,
			options + "[network]=visa&" + options + "[setup_future_usage]=off_session": true,
		} {
			s := newSim(t)
			customer, method := s.customer(), s.card("4242424242424242")
			id, _ := s.intent("customer=" + customer + "&" + form)
			s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method="+method)
			require.Equal(t, attached, s.get("/v1/payment_methods/"+method, "").field("customer") == customer, form)
		}
	})
	t.Run("setup_future_usage and off_session exclude each other", func(t *testing.T) {
		t.Parallel()
		s := newSim(t)
		out := s.post("/v1/payment_intents", "amount=900&currency=usd&payment_method_types[]=card&confirm=true&off_session=true&payment_method=pm_card_visa&"+
			options+"[setup_future_usage]=off_session")
		require.Equal(t, "off_session", out.field("error", "param"))
	})
	t.Run("a mandate's options are shown", func(t *testing.T) {
		t.Parallel()
		s := newSim(t)
		const mandate = options + "[mandate_options]"
		id, _ := s.intent(mandate + "[amount]=90000&" + mandate + "[amount_type]=maximum&" + mandate + "[interval]=sporadic&" + mandate +
			"[reference]=r1&" + mandate + "[start_date]=1772366400&" + mandate + "[supported_types][]=india")
		shown := s.get("/v1/payment_intents/"+id, "").field("payment_method_options", "card", "mandate_options").(map[string]any)
		require.EqualValues(t, 90000, shown["amount"])
		require.Equal(t, []any{"india"}, shown["supported_types"])
	})
}

func TestWhatStripeAccepts(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	made := s.ok("/v1/payment_intents", "amount=900&currency=usd&off_session=false")
	require.Equal(t, "requires_payment_method", made.field("status"))

	customer := s.ok("/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa&expand[]=invoice_settings.default_payment_method")
	require.Equal(t, customer.id(), customer.field("invoice_settings", "default_payment_method", "customer"))
	card := s.card("4242424242424242")
	customer = s.ok("/v1/customers", "payment_method="+card+"&invoice_settings[default_payment_method]="+card)
	require.Equal(t, card, customer.field("invoice_settings", "default_payment_method"))
	other := s.post("/v1/customers", "payment_method="+s.card("4242424242424242")+"&invoice_settings[default_payment_method]="+s.card("4242424242424242"))
	require.Equal(t, http.StatusBadRequest, other.status, "only the one that is attached")

	hook := s.ok("/v1/webhook_endpoints", "url=https://example.com&enabled_events[]=*&api_version=2026-06-24.dahlia")
	require.Equal(t, "2026-06-24.dahlia", hook.field("api_version"))
	require.Equal(t, http.StatusBadRequest, s.post("/v1/webhook_endpoints", "url=https://example.com&enabled_events[]=*&api_version=new").status)
}

func TestARefundIsExpandedFromItsCharge(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	require.Nil(t, s.get("/v1/payment_intents/"+id, "expand[]=latest_charge").field("latest_charge", "refunds"), "only when it is asked for")
	empty := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge.refunds").field("latest_charge", "refunds").(map[string]any)
	require.Empty(t, empty["data"])
	refund := s.ok("/v1/refunds", "payment_intent="+id+"&amount=500&expand[]=balance_transaction")
	require.EqualValues(t, -500, refund.field("balance_transaction", "amount"))
	require.Equal(t, "refund", refund.field("balance_transaction", "type"))
	found := first(s.get("/v1/payment_intents/"+id, "expand[]=latest_charge.refunds.data.balance_transaction").field("latest_charge", "refunds", "data"))
	require.Equal(t, refund.id(), found["id"])
	require.EqualValues(t, -500, found["balance_transaction"].(map[string]any)["net"])
	listed := first(s.get("/v1/charges", "expand[]=data.refunds").field("data"))
	require.Len(t, listed["refunds"].(map[string]any)["data"], 1)
}

func TestADestinationChargeShowsItsParts(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.server.Connect("acct_1Villa")
	const form = "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_visa"
	paid := s.ok("/v1/payment_intents", form+"&transfer_data[destination]=acct_1Villa&application_fee_amount=100&on_behalf_of=acct_1Villa"+
		"&expand[]=latest_charge.application_fee&expand[]=on_behalf_of")
	charge := func(name ...string) any { return paid.field(append([]string{"latest_charge"}, name...)...) }
	require.Equal(t, "acct_1Villa", charge("destination"))
	require.Equal(t, "acct_1Villa", charge("on_behalf_of"))
	require.Equal(t, "acct_1Villa", charge("transfer_data", "destination"))
	require.Equal(t, "group_"+paid.id(), charge("transfer_group"))
	require.Equal(t, "group_"+paid.id(), paid.field("transfer_group"))
	require.NotEmpty(t, charge("transfer"))
	require.EqualValues(t, 100, charge("application_fee_amount"))
	require.EqualValues(t, 100, charge("application_fee", "amount"))
	require.Equal(t, "account", paid.field("on_behalf_of", "object"))
	s.ok("/v1/refunds", "payment_intent="+paid.id()+"&amount=500&refund_application_fee=true&reverse_transfer=true")
	fee := func() any {
		return s.get("/v1/payment_intents/"+paid.id(), "expand[]=latest_charge.application_fee").field("latest_charge", "application_fee", "amount_refunded")
	}
	require.EqualValues(t, 25, fee())
	s.ok("/v1/refunds", "payment_intent="+paid.id()+"&refund_application_fee=true")
	require.EqualValues(t, 100, fee())

	plain := s.ok("/v1/payment_intents", form+"&transfer_group=order-1&expand[]=latest_charge.application_fee")
	require.Equal(t, "order-1", plain.field("latest_charge", "transfer_group"))
	require.Nil(t, plain.field("latest_charge", "application_fee"))
	refused := s.post("/v1/refunds", "payment_intent="+plain.id()+"&refund_application_fee=true")
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Equal(t, "Attempting to refund_application_fee on "+plain.field("latest_charge", "id").(string)+", but it has no application fee",
		refused.field("error", "message"))
	s.ok("/v1/refunds", "payment_intent="+plain.id()+"&refund_application_fee=false")
}

func TestFieldsThatAreAlwaysThere(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	require.Equal(t, []any{}, s.get("/v1/customers/"+s.customer(), "").field("preferred_locales"))
	id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	paid := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge")
	charge := paid.field("latest_charge").(map[string]any)
	require.Contains(t, paid.body, "source")
	require.Regexp(t, `^https://pay\.stripe\.com/receipts/`, charge["receipt_url"])
	for _, name := range []string{"dispute", "destination", "source", "order", "transfer_group", "application_fee"} {
		require.Contains(t, charge, name)
		require.Nil(t, charge[name], name)
	}
	declined := s.post("/v1/payment_intents", create+"pm_card_chargeDeclined").field("error", "charge").(string)
	require.Nil(t, s.get("/v1/charges/"+declined, "").field("receipt_url"))
	refund := s.ok("/v1/refunds", "payment_intent="+id)
	require.NotEmpty(t, refund.field("balance_transaction"))
	require.NoError(t, s.server.FailRefund(refund.id()))
	failed := s.get("/v1/refunds/"+refund.id(), "expand[]=failure_balance_transaction")
	require.Equal(t, "refund_failure", failed.field("failure_balance_transaction", "type"))
}

func TestADisputeMovesMoney(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	dispute, err := s.server.Dispute(id, "fraudulent")
	require.NoError(t, err)
	moved := first(s.get("/v1/disputes/"+dispute, "").field("balance_transactions"))
	require.EqualValues(t, -2000, moved["amount"])
	require.EqualValues(t, 1500, moved["fee"])
	require.EqualValues(t, -3500, moved["net"])
	require.Equal(t, "adjustment", moved["type"])
	require.Equal(t, "dispute", moved["reporting_category"])
	charge := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge.dispute")
	require.Equal(t, dispute, charge.field("latest_charge", "dispute", "id"))
	require.Equal(t, true, charge.field("latest_charge", "disputed"))
	require.NoError(t, s.server.CloseDispute(dispute, true))
	require.Len(t, s.get("/v1/disputes/"+dispute, "").field("balance_transactions"), 2)

	s.intent("confirm=true&payment_method=pm_card_createDisputeInquiry")
	require.Empty(t, first(s.get("/v1/disputes", "limit=1").field("data"))["balance_transactions"], "an inquiry takes nothing")
}

func TestDisputeEvents(t *testing.T) {
	t.Parallel()
	opened := []string{"charge.dispute.created", "charge.dispute.funds_withdrawn"}
	for name, tt := range map[string]struct {
		reason string
		won    bool
		status string
		want   []string
	}{
		"won":               {"fraudulent", true, "won", append(opened, "charge.dispute.closed", "charge.dispute.funds_reinstated")},
		"lost":              {"fraudulent", false, "lost", append(opened, "charge.dispute.closed")},
		"an inquiry closed": {"inquiry", true, "warning_closed", []string{"charge.dispute.created", "charge.dispute.closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
			paid := len(s.eventTypes())
			dispute, err := s.server.Dispute(id, tt.reason)
			require.NoError(t, err)
			require.NoError(t, s.server.CloseDispute(dispute, tt.won))
			require.Equal(t, tt.want, s.eventTypes()[paid:])
			require.Equal(t, tt.status, s.get("/v1/disputes/"+dispute, "").field("status"))
		})
	}
}

func TestDisputeEvents_ShowTheMoneyMoved(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_createDispute")
	dispute := first(s.get("/v1/disputes", "payment_intent="+id).field("data"))["id"].(string)
	require.NoError(t, s.server.CloseDispute(dispute, true))
	for kind, movements := range map[string]int{"charge.dispute.funds_withdrawn": 1, "charge.dispute.funds_reinstated": 2} {
		about := first(s.get("/v1/events", "type="+kind).field("data"))["data"].(map[string]any)["object"].(map[string]any)
		require.Equal(t, dispute, about["id"], kind)
		require.Equal(t, id, about["payment_intent"], kind)
		require.Len(t, about["balance_transactions"], movements, kind)
	}
}

func TestWhichAnswersForbidARetry(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	paid := s.ok("/v1/payment_intents", create+"pm_card_visa").id()
	loose := s.card("4242424242424242")
	tests := []struct {
		name, path, form string
		key              bool
		want             string
	}{
		{"success", "customers", "name=A", true, "false"},
		{"success without a key", "customers", "name=A", false, ""},
		{"a decline", "payment_intents", create + "pm_card_chargeDeclined", true, "false"},
		{"a decline without a key", "payment_intents", create + "pm_card_chargeDeclined", false, "false"},
		{"a decline on attaching", "payment_methods/pm_card_chargeDeclined/attach", "customer=" + s.customer(), true, "false"},
		{"a state that forbids it", "payment_intents/" + paid + "/confirm", "payment_method=pm_card_visa", true, "false"},
		{"a card without a customer", "payment_methods/" + loose + "/detach", "", true, "false"},
		{"a wrong parameter", "payment_intents", "amount=0&currency=usd", true, ""},
		{"an unknown id", "payment_methods/pm_none/attach", "customer=" + s.customer(), true, ""},
	}
	for i, tt := range tests {
		var header []string
		if tt.key {
			header = []string{"Idempotency-Key", "retry-" + string(rune('a'+i))}
		}
		for range 2 {
			require.Equal(t, tt.want, s.post("/v1/"+tt.path, tt.form, header...).header.Get("Stripe-Should-Retry"), tt.name)
		}
	}
	require.NoError(t, s.server.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Count: 1}))
	require.Empty(t, s.post("/v1/customers", "name=A", "Idempotency-Key", "z").header.Get("Stripe-Should-Retry"))
}

func TestChecksOfACard(t *testing.T) {
	t.Parallel()
	const address = "&billing_details[address][line1]=Road+1&billing_details[address][postal_code]=12345"
	tests := []struct {
		number            string
		cvc, postal, line any
	}{
		{"4242424242424242", "pass", "pass", "pass"},
		{"4000000000000101", "fail", "pass", "pass"},
		{"4000000000000036", "pass", "fail", "pass"},
		{"4000000000000028", "pass", "pass", "fail"},
		{"4000000000000010", "pass", "fail", "fail"},
		{"4000000000000044", "pass", "unavailable", "unavailable"},
	}
	checks := func(cvc, postal, line any) map[string]any {
		return map[string]any{"cvc_check": cvc, "address_postal_code_check": postal, "address_line1_check": line}
	}
	s := newSim(t)
	for _, tt := range tests {
		made := s.ok("/v1/payment_methods", "type=card&card[number]="+tt.number+"&card[exp_month]=1&card[exp_year]=2040&card[cvc]=123"+address)
		require.Equal(t, checks("unchecked", "unchecked", "unchecked"), made.field("card", "checks"), tt.number)
		id, _ := s.intent("confirm=true&expand[]=latest_charge&payment_method=" + made.id())
		paid := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge&expand[]=payment_method")
		require.Equal(t, "succeeded", paid.field("status"), tt.number)
		require.Equal(t, checks(tt.cvc, tt.postal, tt.line), paid.field("latest_charge", "payment_method_details", "card", "checks"), tt.number)
		require.Equal(t, checks(tt.cvc, tt.postal, tt.line), paid.field("payment_method", "card", "checks"), tt.number)
	}
	customer, method := s.saved("4242424242424242")
	require.Equal(t, checks("pass", nil, nil), s.get("/v1/payment_methods/"+method, "").field("card", "checks"))
	later := s.ok("/v1/payment_intents", offSession(customer, method)+"&expand[]=latest_charge")
	require.Equal(t, checks(nil, nil, nil), later.field("latest_charge", "payment_method_details", "card", "checks"), "the code is not kept")
	require.Equal(t, checks(nil, nil, nil), s.ok("/v1/payment_methods/pm_card_visa/attach", "customer="+customer).field("card", "checks"))
}

func TestCardsThatBypassThePendingBalance(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for _, magic := range []string{"bypassPending", "bypassPendingInternational"} {
		id, _ := s.intent("confirm=true&payment_method=pm_card_" + magic)
		paid := s.get("/v1/payment_intents/"+id, "expand[]=latest_charge.balance_transaction")
		require.Equal(t, "available", paid.field("latest_charge", "balance_transaction", "status"))
	}
	require.EqualValues(t, 4000, first(s.get("/v1/balance", "").field("available"))["amount"])
	require.EqualValues(t, 0, first(s.get("/v1/balance", "").field("pending"))["amount"])
}

func TestCardsOfCountries(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	for magic, country := range map[string]string{"in": "IN", "fr": "FR", "jp": "JP", "gb": "GB", "us": ""} {
		out := s.post("/v1/payment_methods", "type=card&card[token]=tok_"+magic)
		if country == "" {
			require.Equal(t, http.StatusBadRequest, out.status, magic)
			continue
		}
		require.Equal(t, country, out.field("card", "country"), magic)
	}
	require.Equal(t, "BR", s.ok("/v1/payment_methods", "type=card&card[number]=4000000760000002&card[exp_month]=1&card[exp_year]=2040").field("card", "country"))
}
