package stripesim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"

	"tranche/internal/stripesim"
)

func TestAuthentication(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) { o.SecretKeys = []string{secretKey} })
	for name, tt := range map[string]struct {
		header string
		status int
	}{
		"bearer":             {"Bearer " + secretKey, 200},
		"basic":              {"Basic c2tfdGVzdF9zaW11bGF0b3I6", 200},
		"another secret key": {"Bearer sk_test_other", 401},
		"a live key":         {"Bearer sk_live_1234567890", 401},
		"nothing":            {"", 401},
		"bad base64":         {"Basic ***", 401},
	} {
		out := s.do("GET", "/v1/account", "", "Authorization", tt.header)
		require.Equal(t, tt.status, out.status, name)
		if tt.status == 401 {
			require.Equal(t, "invalid_request_error", out.field("error", "type"))
			require.NotContains(t, out.field("error", "message"), "live_1234567890")
		}
	}
	open := newSim(t)
	require.Equal(t, 200, open.do("GET", "/v1/account", "", "Authorization", "Bearer rk_test_any").status)
	require.Equal(t, 200, open.do("POST", "/v1/payment_methods", "key=pk_test_1&type=card&card[token]=tok_visa", "Authorization", "").status)
}

func TestParameterChecks(t *testing.T) {
	tests := []struct{ path, form, code, param, message string }{
		{"payment_intents", "amount=100&currency=usd&bogus=1", "parameter_unknown", "bogus", "Received unknown parameter: bogus"},
		{"payment_intents", "amount=100&currency=usd&payment_method_data[type]=card&payment_method_data[x]=1", "parameter_unknown", "payment_method_data[x]", ""},
		{"payment_intents", "currency=usd", "parameter_missing", "amount", "Missing required param: amount."},
		{"payment_intents", "amount=0&currency=usd", "parameter_invalid_integer", "amount", "This value must be greater than or equal to 1."},
		{"payment_intents", "amount=ten&currency=usd", "parameter_invalid_integer", "amount", "Invalid integer: ten"},
		{"payment_intents", "amount=1.5&currency=usd", "parameter_invalid_integer", "amount", ""},
		{"payment_intents", "amount=49&currency=usd", "amount_too_small", "amount", "Amount must be at least $0.50 usd"},
		{"payment_intents", "amount=49&currency=jpy", "amount_too_small", "amount", "Amount must be at least ¥50 jpy"},
		{"payment_intents", "amount=100000000&currency=usd", "amount_too_large", "amount", ""},
		{"payment_intents", "amount=1001&currency=kwd", "", "amount", ""},
		{"payment_intents", "amount=150&currency=isk", "", "amount", ""},
		{"payment_intents", "amount=100&currency=zzz", "", "currency", "Invalid currency: zzz"},
		{"payment_intents", "amount=100&currency=usd&capture_method=never", "", "capture_method", "must be one of automatic, automatic_async, or manual"},
		{"payment_intents", "amount=100&currency=usd&confirm=maybe", "", "confirm", "Invalid boolean: maybe"},
		{"payment_intents", "amount=100&currency=usd&customer=", "parameter_invalid_empty", "customer", "You passed an empty string for 'customer'"},
		{"payment_intents", "amount=100&currency=usd&payment_method_types=card", "", "payment_method_types", "Invalid array"},
		{"payment_intents", "amount=100&currency=usd&payment_method_types[]=gold", "", "payment_method_types[0]", ""},
		{"payment_intents", "amount=100&currency=usd&automatic_payment_methods=1", "", "automatic_payment_methods", "Invalid object"},
		{"payment_intents", "amount=100&currency=usd&payment_method_options[card][request_three_d_secure]=often", "",
			"payment_method_options[card][request_three_d_secure]", "must be one of any, automatic, or challenge"},
		{"payment_intents", "amount=100&currency=usd&payment_method_options[card][setup_future_usage]=always", "",
			"payment_method_options[card][setup_future_usage]", ""},
		{"payment_intents", "amount=100&currency=usd&transfer_data[destination]=acct_none", "resource_missing", "transfer_data[destination]",
			"No such destination: 'acct_none'"},
		{"payment_intents", "amount=100&currency=usd&expand[]=nonsense", "", "expand", "This property cannot be expanded (nonsense)."},
		{"customers", "metadata[" + strings.Repeat("k", 41) + "]=v", "", "metadata", ""},
		{"customers", "metadata[k]=" + strings.Repeat("v", 501), "", "metadata[k]", ""},
		{"payment_methods", "type=card", "parameter_missing", "card", ""},
		{"payment_methods/pm_card_visa/attach", "", "parameter_missing", "customer", ""},
		{"webhook_endpoints", "url=nowhere&enabled_events[]=*", "url_invalid", "url", ""},
	}
	s := newSim(t)
	for _, tt := range tests {
		t.Run(tt.path+"?"+tt.form, func(t *testing.T) {
			out := s.post("/v1/"+tt.path, tt.form)
			require.Equal(t, 400, out.status)
			require.Equal(t, "invalid_request_error", out.field("error", "type"))
			require.Equal(t, tt.param, out.field("error", "param"))
			require.Contains(t, out.field("error", "message"), tt.message)
			if tt.code != "" {
				require.Equal(t, tt.code, out.field("error", "code"))
			}
			require.NotEmpty(t, out.header.Get("Request-Id"))
		})
	}
	require.Empty(t, s.server.PaymentIntents())
}

func TestUnknownRoutesIDsAndVersions(t *testing.T) {
	s := newSim(t)
	route := s.get("/v1/unicorns", "")
	require.Equal(t, 404, route.status)
	require.Contains(t, route.field("error", "message"), "Unrecognized request URL (GET: /v1/unicorns).")
	for path, message := range map[string]string{
		"/v1/customers/cus_x": "No such customer: 'cus_x'", "/v1/payment_intents/pi_x": "No such payment_intent: 'pi_x'",
		"/v1/payment_methods/pm_x": "No such PaymentMethod: 'pm_x'", "/v1/charges/ch_x": "No such charge: 'ch_x'",
		"/v1/refunds/re_x": "No such refund: 're_x'", "/v1/events/evt_x": "No such event: 'evt_x'",
		"/v1/setup_intents/seti_x": "No such setupintent: 'seti_x'", "/v1/disputes/dp_x": "No such dispute: 'dp_x'",
	} {
		out := s.get(path, "")
		require.Equal(t, 404, out.status, path)
		require.Equal(t, "resource_missing", out.field("error", "code"))
		require.Equal(t, message, out.field("error", "message"))
	}
	for version, status := range map[string]int{
		stripesim.APIVersion: 200, "2020-08-27": 200, "2026-06-24.dahlia": 200, "2022-08-01; orders_beta=v4": 200, "latest": 400, "2023-10": 400,
	} {
		out := s.do("GET", "/v1/account", "", "Stripe-Version", version)
		require.Equal(t, status, out.status, version)
		if status == 200 {
			require.Equal(t, version, out.header.Get("Stripe-Version"))
		}
	}
}

func TestListsPageBothWays(t *testing.T) {
	s := newSim(t)
	customer := s.customer()
	var made []string
	for range 5 {
		id, _ := s.intent("customer=" + customer)
		made = append(made, id)
		s.clock.advance(time.Minute)
	}
	ids := func(out reply) (found []string) {
		for _, one := range out.field("data").([]any) {
			found = append(found, one.(map[string]any)["id"].(string))
		}
		return found
	}
	first := s.get("/v1/payment_intents", "limit=2&customer="+customer)
	require.Equal(t, []string{made[4], made[3]}, ids(first))
	require.Equal(t, true, first.field("has_more"))
	next := s.get("/v1/payment_intents", "limit=3&starting_after="+made[3])
	require.Equal(t, []string{made[2], made[1], made[0]}, ids(next))
	require.Equal(t, false, next.field("has_more"))
	back := s.get("/v1/payment_intents", "limit=2&ending_before="+made[1])
	require.Equal(t, []string{made[3], made[2]}, ids(back))
	require.Equal(t, true, back.field("has_more"))
	start := s.clock.Now().Unix() - 5*60
	window := s.get("/v1/payment_intents", fmt.Sprintf("created[gt]=%d&created[lte]=%d", start, start+120))
	require.Equal(t, []string{made[2], made[1]}, ids(window))
	require.Equal(t, "/v1/payment_intents", first.field("url"))
	require.Equal(t, 400, s.get("/v1/payment_intents", "starting_after=pi_none").status)
	require.Equal(t, 400, s.get("/v1/payment_intents", "limit=101").status)

	iter := s.api.PaymentIntents.List(&stripe.PaymentIntentListParams{Customer: &customer, ListParams: stripe.ListParams{Limit: stripe.Int64(2)}})
	count := 0
	for iter.Next() {
		count++
	}
	require.NoError(t, iter.Err())
	require.Equal(t, 5, count)
	require.Len(t, s.server.PaymentIntents(), 5)
	require.Contains(t, string(s.server.PaymentIntents()[0]), made[0])
}

func TestEventLists(t *testing.T) {
	s := newSim(t)
	s.intent("confirm=true&payment_method=pm_card_visa")
	s.post("/v1/payment_intents", create+"pm_card_chargeDeclined")
	require.Len(t, s.get("/v1/events", "types[]=charge.succeeded&types[]=charge.failed").field("data"), 2)
	require.Len(t, s.get("/v1/events", "type=charge.*").field("data"), 2)
	require.Equal(t, 400, s.get("/v1/events", "type=a&types[]=b").status)
	require.Equal(t, 400, s.get("/v1/events", strings.Repeat("types[]=a&", 21)).status)
	s.clock.advance(31 * 24 * time.Hour)
	require.Empty(t, s.get("/v1/events", "").field("data"))
}

func TestExpand(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4242424242424242")
	id := s.ok("/v1/payment_intents", offSession(customer, method)).id()
	out := s.get("/v1/payment_intents/"+id, "expand[]=payment_method&expand[]=latest_charge.customer&expand[]=customer")
	require.Equal(t, "4242", out.field("payment_method", "card", "last4"))
	require.Equal(t, "ada@example.com", out.field("latest_charge", "customer", "email"))
	require.Equal(t, customer, out.field("customer", "id"))
	all := s.get("/v1/payment_intents", "limit=1&expand[]=data.latest_charge")
	first := all.field("data").([]any)[0].(map[string]any)
	require.Equal(t, "succeeded", first["latest_charge"].(map[string]any)["status"])
	require.Equal(t, 400, s.get("/v1/payment_intents/"+id, "expand[]=status").status)
	require.Equal(t, 400, s.get("/v1/payment_intents", "expand[]=data").status)
	require.Equal(t, 400, s.get("/v1/payment_intents", "expand[]=data.latest_charge.customer.default_payment_method.customer").status)
}

func TestCustomerLife(t *testing.T) {
	s := newSim(t)
	made := s.ok("/v1/customers", "email=a@b.c&metadata[a]=1&metadata[b]=2&payment_method=pm_card_visa")
	changed := s.ok("/v1/customers/"+made.id(), "name=Ada&metadata[a]=&metadata[c]=3&email=")
	require.Nil(t, changed.field("email"))
	require.Equal(t, map[string]any{"b": "2", "c": "3"}, changed.field("metadata"))
	require.Equal(t, map[string]any{}, s.ok("/v1/customers/"+made.id(), "metadata=").field("metadata"))
	event := s.get("/v1/events", "type=customer.updated").field("data").([]any)[1].(map[string]any)["data"].(map[string]any)
	require.Equal(t, "a@b.c", event["previous_attributes"].(map[string]any)["email"])
	cards := s.get("/v1/customers/"+made.id()+"/payment_methods", "type=card").field("data").([]any)
	require.Len(t, cards, 1)
	card := cards[0].(map[string]any)["id"].(string)
	s.ok("/v1/customers/"+made.id(), "invoice_settings[default_payment_method]="+card)
	require.Equal(t, 400, s.post("/v1/customers/"+made.id(), "invoice_settings[default_payment_method]=pm_x").status)
	require.Equal(t, true, s.do("DELETE", "/v1/customers/"+made.id(), "").field("deleted"))
	require.Equal(t, true, s.get("/v1/customers/"+made.id(), "").field("deleted"))
	require.Equal(t, 404, s.post("/v1/customers/"+made.id(), "name=B").status)
	require.Nil(t, s.get("/v1/payment_methods/"+card, "").field("customer"))
	require.Empty(t, s.get("/v1/customers", "").field("data"))
	require.Empty(t, s.get("/v1/payment_methods", "type=card").field("data"), "a list without a customer is empty")
}

func TestRefunds(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	over := s.post("/v1/refunds", "payment_intent="+id+"&amount=2001")
	require.Equal(t, "amount", over.field("error", "param"))
	require.Equal(t, "Refund amount ($20.01) is greater than unrefunded amount on charge ($20.00)", over.field("error", "message"))
	part := s.ok("/v1/refunds", "payment_intent="+id+"&amount=500&reason=requested_by_customer")
	charge := part.field("charge").(string)
	require.EqualValues(t, 500, s.get("/v1/charges/"+charge, "").field("amount_refunded"))
	s.ok("/v1/refunds", "charge="+charge)
	require.Equal(t, true, s.get("/v1/charges/"+charge, "").field("refunded"))
	require.Equal(t, "charge_already_refunded", s.post("/v1/refunds", "charge="+charge).field("error", "code"))
	require.Equal(t, "succeeded", s.get("/v1/payment_intents/"+id, "").field("status"), "a refund does not change the intent")
	types := s.eventTypes()
	require.Equal(t, []string{"refund.created", "charge.refunded", "refund.created", "charge.refunded"}, types[len(types)-4:])
	unpaid, _ := s.intent("")
	require.Equal(t, 400, s.post("/v1/refunds", "payment_intent="+unpaid).status)
	require.Equal(t, 400, s.post("/v1/refunds", "").status)
	require.Len(t, s.get("/v1/refunds", "charge="+charge).field("data"), 2)
}

func TestRefundsThatEndLater(t *testing.T) {
	for magic, want := range map[string][2]string{"pendingRefund": {"pending", "succeeded"}, "refundFail": {"succeeded", "failed"}} {
		s := newSim(t)
		id, _ := s.intent("confirm=true&payment_method=pm_card_" + magic)
		made := s.ok("/v1/refunds", "payment_intent="+id)
		require.Equal(t, want[0], made.field("status"))
		require.Equal(t, want[1], s.get("/v1/refunds/"+made.id(), "").field("status"))
		require.Contains(t, s.eventTypes(), "refund.updated")
	}
}

func TestDisputesAndEarlyWarnings(t *testing.T) {
	s := newSim(t)
	id, _ := s.intent("confirm=true&payment_method=pm_card_createDispute")
	require.Contains(t, s.eventTypes(), "charge.dispute.created")
	require.Equal(t, "charge_disputed", s.post("/v1/refunds", "payment_intent="+id).field("error", "code"))
	s.intent("confirm=true&payment_method=pm_card_createIssuerFraudRecord")
	require.Contains(t, s.eventTypes(), "radar.early_fraud_warning.created")
	plain, _ := s.intent("confirm=true&payment_method=pm_card_visa")
	dispute, err := s.server.Dispute(plain, "duplicate")
	require.NoError(t, err)
	require.NoError(t, s.server.CloseDispute(dispute, false))
	require.Equal(t, "lost", s.get("/v1/disputes/"+dispute, "").field("status"))
	require.Error(t, s.server.CloseDispute("dp_x", true))
	_, err = s.server.Dispute("pi_x", "fraudulent")
	require.Error(t, err)
}

func TestAccountAndBalance(t *testing.T) {
	s := newSim(t, func(o *stripesim.Options) {
		o.Account = stripesim.Account{ID: "acct_9", Country: "GB", Email: "m@example.com", DefaultCurrency: "gbp"}
	})
	account, err := s.api.Accounts.Get()
	require.NoError(t, err)
	require.Equal(t, "acct_9", account.ID)
	require.Equal(t, "GB", account.Country)
	s.intent("confirm=true&payment_method=pm_card_visa")
	pending := s.get("/v1/balance", "").field("pending").([]any)
	require.Len(t, pending, 2)
	require.EqualValues(t, 2000, pending[1].(map[string]any)["amount"])
}

func TestControlSurface(t *testing.T) {
	s := newSim(t)
	control := func(method, path, body string) reply {
		t.Helper()
		req, err := http.NewRequest(method, s.http.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		out := reply{status: resp.StatusCode}
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &out.body))
		return out
	}
	customer, method := s.saved("4000002760003184")
	state := control("GET", "/_sim/state", "")
	require.Len(t, state.field("payment_intents"), 1)
	require.Len(t, state.field("customers"), 1)

	require.Equal(t, 400, control("POST", "/_sim/faults", `{"action":"nonsense"}`).status)
	require.Equal(t, 400, control("POST", "/_sim/faults", `nonsense`).status)
	added := control("POST", "/_sim/faults", `[{"action":"rate_limit","path":"/v1/account"},{"action":"latency","delay":"1ms","path":"/v1/account"}]`)
	require.Len(t, added.field("rules"), 2)
	require.Equal(t, 429, s.get("/v1/account", "").status)
	require.EqualValues(t, 1, control("GET", "/_sim/faults", "").field("injected", "rate_limit"))
	require.Empty(t, control("DELETE", "/_sim/faults", "").field("rules"))

	out := s.post("/v1/payment_intents", offSession(customer, method))
	id := out.field("error", "payment_intent", "id").(string)
	require.Equal(t, 400, control("POST", "/_sim/authenticate?outcome=succeed&payment_intent="+id, "").status)
	s.ok("/v1/payment_intents/"+id+"/confirm", "payment_method="+method)
	require.Equal(t, 400, control("POST", "/_sim/authenticate?outcome=x&payment_intent="+id, "").status)
	require.Equal(t, "succeeded", control("POST", "/_sim/authenticate?outcome=succeed&payment_intent="+id, "").field("status"))
	require.Equal(t, 404, control("POST", "/_sim/authenticate?outcome=succeed&payment_intent=pi_x", "").status)

	require.Equal(t, 200, control("POST", "/_sim/update_card?payment_method="+method+"&exp_month=2&exp_year=2060", "").status)
	require.EqualValues(t, 2060, s.get("/v1/payment_methods/"+method, "").field("card", "exp_year"))
	require.Equal(t, 400, control("POST", "/_sim/update_card?payment_method=pm_x&exp_month=2&exp_year=2060", "").status)
	require.NotEmpty(t, control("POST", "/_sim/dispute?payment_intent="+id, "").field("dispute"))
	require.Equal(t, 400, control("POST", "/_sim/dispute?payment_intent=pi_x", "").status)
	require.NotEmpty(t, control("POST", "/_sim/fraud_warning?payment_intent="+id, "").field("fraud_warning"))
	require.Contains(t, s.eventTypes(), "radar.early_fraud_warning.created")
	require.Equal(t, 400, control("POST", "/_sim/fraud_warning?payment_intent=pi_x", "").status)
	require.Equal(t, 200, control("POST", "/_sim/drain", "").status)
	require.Equal(t, 404, control("GET", "/_sim/unknown", "").status)
}

func TestBrowsersOfAnyOriginMayCall(t *testing.T) {
	s := newSim(t)
	req, err := http.NewRequest(http.MethodOptions, s.http.URL+"/v1/payment_methods", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	script, err := http.Get(s.http.URL + "/v3/")
	require.NoError(t, err)
	body, err := io.ReadAll(script.Body)
	require.NoError(t, err)
	require.NoError(t, script.Body.Close())
	require.Contains(t, string(body), "confirmCardPayment")
	require.Contains(t, script.Header.Get("Content-Type"), "text/javascript")
}

func TestFiftyAtOnceChargeEachIntentOnce(t *testing.T) {
	s := newSim(t)
	customer, method := s.saved("4242424242424242")
	id, _ := s.intent("customer=" + customer)
	var wg sync.WaitGroup
	results := make([]int, 50)
	for i := range results {
		wg.Go(func() {
			out, err := s.try(http.MethodPost, "/v1/payment_intents/"+id+"/confirm", "payment_method="+method, "Idempotency-Key", fmt.Sprint(i))
			if err == nil {
				results[i] = out.status
			}
		})
	}
	wg.Wait()
	counts := map[int]int{}
	for _, status := range results {
		counts[status]++
	}
	require.Equal(t, map[int]int{200: 1, 400: 49}, counts)
}

func TestSameSeedSameIDs(t *testing.T) {
	ids := func(seed uint64) string {
		s := newSim(t, func(o *stripesim.Options) { o.Seed = seed })
		id, _ := s.intent("confirm=true&payment_method=pm_card_visa")
		return id
	}
	first := ids(1)
	require.Equal(t, first, ids(1))
	require.NotEqual(t, first, ids(2))
}

func TestBadBodies(t *testing.T) {
	s := newSim(t)
	require.Equal(t, 400, s.post("/v1/customers", "name=%zz").status)
	require.Equal(t, 413, s.post("/v1/customers", strings.Repeat("a", 1<<20+1)).status)
	recorded := httptest.NewRecorder()
	s.server.ServeHTTP(recorded, httptest.NewRequest(http.MethodGet, "/v1/account", nil))
	require.Equal(t, 401, recorded.Code)
}
