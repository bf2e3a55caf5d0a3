package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/stripesim/contract"
)

var load = sync.OnceValues(contract.Load)

// run is a simulator whose responses are all checked against the description.
type run struct {
	t    *testing.T
	http *httptest.Server
	sim  *stripesim.Server

	mu      sync.Mutex
	broken  []contract.Violation
	covered map[string]bool
}

func start(t *testing.T, options stripesim.Options) *run {
	t.Helper()
	rules, err := load()
	require.NoError(t, err)
	r := &run{t: t, sim: stripesim.New(options), covered: map[string]bool{}}
	t.Cleanup(r.sim.Close)
	r.http = httptest.NewServer(rules.Responses(r.sim, r.report))
	t.Cleanup(r.http.Close)
	return r
}

func (r *run) report(v contract.Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = append(r.broken, v)
}

// send makes one request and fails the test on any violation.
func (r *run) send(method, path, form string, want int) map[string]any {
	r.t.Helper()
	target, body := r.http.URL+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(form)
	} else if form != "" {
		target += "?" + form
	}
	req, err := http.NewRequest(method, target, body)
	require.NoError(r.t, err)
	key := "sk_test_contract"
	if strings.Contains(form, "client_secret=") {
		key = "pk_test_contract"
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	require.NoError(r.t, json.NewDecoder(resp.Body).Decode(&out))
	require.Equal(r.t, want, resp.StatusCode, "%s %s: %v", method, path, out)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.broken {
		r.t.Errorf("%s %s", v, form)
	}
	r.broken = nil
	return out
}

func (r *run) post(path, form string) map[string]any {
	r.t.Helper()
	return r.send("POST", path, form, 200)
}
func (r *run) get(path, form string) map[string]any {
	r.t.Helper()
	return r.send("GET", path, form, 200)
}

func id(object map[string]any) string     { return object["id"].(string) }
func secret(object map[string]any) string { return object["client_secret"].(string) }

func TestEveryAnswerFitsTheDescription(t *testing.T) {
	r := start(t, stripesim.Options{OmitAdvice: true, WebhookBackoff: nil})
	customer := id(r.post("/v1/customers", "email=ada@example.com&name=Ada&metadata[a]=b&address[line1]=x&preferred_locales[]=en&shipping[name]=A&shipping[address][line1]=y"))
	card := id(r.post("/v1/payment_methods", "type=card&card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2040&card[cvc]=123&billing_details[email]=a@b.c"))
	r.get("/v1/payment_methods/"+card, "")
	r.post("/v1/payment_methods/"+card, "metadata[x]=y")
	r.get("/v1/payment_methods/"+id(r.post("/v1/payment_methods/pm_card_amex/attach", "customer="+customer)), "expand[]=customer")

	const fresh = "amount=2000&currency=eur&payment_method_types[]=card&setup_future_usage=off_session&customer="
	intent := r.post("/v1/payment_intents", fresh+customer+"&metadata[k]=v&description=d&receipt_email=a@b.c&shipping[name]=A&shipping[address][line1]=y")
	r.get("/v1/payment_intents/"+id(intent), "client_secret="+secret(intent))
	r.post("/v1/payment_intents/"+id(intent), "description=e")
	r.post("/v1/payment_intents/"+id(intent)+"/confirm", "payment_method="+card)
	r.get("/v1/payment_intents/"+id(intent), "expand[]=payment_method&expand[]=latest_charge&expand[]=customer&expand[]=latest_charge.balance_transaction")
	r.get("/v1/payment_intents", "customer="+customer+"&expand[]=data.payment_method&limit=3")
	r.post("/v1/payment_intents", "amount=900&currency=usd&payment_method_types[]=card&off_session=true&confirm=true&customer="+customer+"&payment_method="+card)

	r.customers(customer, card)
	r.challenges()
	r.setups(customer)
	r.money(id(intent))
	r.connect()
	r.processing(customer, card)
	r.webhooksAndAccount()
	r.refusals(customer)
	r.events()
}

func (r *run) customers(customer, card string) {
	r.t.Helper()
	r.post("/v1/customers/"+customer, "invoice_settings[default_payment_method]="+card)
	r.get("/v1/customers/"+customer, "expand[]=invoice_settings.default_payment_method")
	r.get("/v1/customers", "email=ada@example.com")
	r.get("/v1/customers/"+customer+"/payment_methods", "")
	r.get("/v1/customers/"+customer+"/payment_methods/"+card, "")
	r.get("/v1/payment_methods", "type=card&customer="+customer)
	require.NoError(r.t, r.sim.UpdateCard(card, 3, 2050))
	other := id(r.post("/v1/customers", "payment_method=pm_card_mastercard"))
	attached := r.get("/v1/payment_methods", "type=card&customer="+other)["data"].([]any)
	r.post("/v1/payment_methods/"+id(attached[0].(map[string]any))+"/detach", "")
	r.send("DELETE", "/v1/customers/"+other, "", 200)
	r.get("/v1/customers/"+other, "")
}

func (r *run) challenges() {
	r.t.Helper()
	for _, pass := range []bool{true, false} {
		made := r.post("/v1/payment_intents", "amount=2000&currency=eur&payment_method_types[]=card")
		r.post("/v1/payment_intents/"+id(made)+"/confirm", "payment_method=pm_card_authenticationRequired&return_url=https://example.com")
		r.post("/v1/payment_intents/"+id(made)+"/confirm", "client_secret="+secret(made)+"&payment_method=pm_card_authenticationRequired")
		_, err := r.sim.Authenticate(id(made), pass)
		require.NoError(r.t, err)
		r.get("/v1/payment_intents/"+id(made), "expand[]=latest_charge")
	}
	canceledIntent := r.post("/v1/payment_intents", "amount=2000&currency=eur")
	r.post("/v1/payment_intents/"+id(canceledIntent)+"/cancel", "cancellation_reason=abandoned")
	held := r.post("/v1/payment_intents", "amount=2000&currency=eur&capture_method=manual&payment_method_types[]=card&confirm=true&payment_method=pm_card_visa")
	r.post("/v1/payment_intents/"+id(held)+"/capture", "amount_to_capture=1000")
}

func (r *run) setups(customer string) {
	r.t.Helper()
	made := r.post("/v1/setup_intents", "customer="+customer+"&payment_method_types[]=card&metadata[a]=b")
	r.post("/v1/setup_intents/"+id(made), "description=x")
	r.get("/v1/setup_intents/"+id(made), "client_secret="+secret(made))
	r.post("/v1/setup_intents/"+id(made)+"/confirm", "client_secret="+secret(made)+"&payment_method=pm_card_authenticationRequiredOnSetup")
	_, err := r.sim.Authenticate(id(made), false)
	require.NoError(r.t, err)
	r.get("/v1/setup_intents/"+id(made), "")
	r.post("/v1/setup_intents/"+id(made)+"/confirm", "payment_method=pm_card_authenticationRequiredOnSetup&return_url=https://example.com")
	_, err = r.sim.Authenticate(id(made), true)
	require.NoError(r.t, err)
	r.get("/v1/setup_intents", "customer="+customer+"&expand[]=data.payment_method")
	r.post("/v1/setup_intents/"+id(r.post("/v1/setup_intents", ""))+"/cancel", "cancellation_reason=abandoned")
	r.send("POST", "/v1/setup_intents", "payment_method_types[]=card&confirm=true&payment_method=pm_card_chargeDeclined", 402)
}

func (r *run) money(intent string) {
	r.t.Helper()
	charges := r.get("/v1/charges", "payment_intent="+intent+"&expand[]=data.payment_intent&expand[]=data.balance_transaction")["data"].([]any)
	charge := id(charges[0].(map[string]any))
	r.get("/v1/charges/"+charge, "expand[]=customer")
	refund := id(r.post("/v1/refunds", "payment_intent="+intent+"&amount=100&reason=duplicate&metadata[a]=b"))
	r.get("/v1/refunds/"+refund, "expand[]=charge&expand[]=payment_intent")
	r.post("/v1/refunds/"+refund, "metadata[c]=d")
	r.get("/v1/refunds", "charge="+charge)
	for _, magic := range []string{"createDispute", "createDisputeInquiry", "createIssuerFraudRecord", "pendingRefund", "refundFail", "riskLevelElevated"} {
		made := r.post("/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_"+magic)
		if magic == "pendingRefund" || magic == "refundFail" {
			r.get("/v1/refunds/"+id(r.post("/v1/refunds", "payment_intent="+id(made))), "")
		}
	}
	disputes := r.get("/v1/disputes", "expand[]=data.charge")["data"].([]any)
	r.get("/v1/disputes/"+id(disputes[0].(map[string]any)), "")
	for _, one := range disputes { // an inquiry, and a dispute that took the money
		require.NoError(r.t, r.sim.CloseDispute(id(one.(map[string]any)), true))
	}
}

func (r *run) connect() {
	r.t.Helper()
	r.sim.Connect("acct_1Villa")
	paid := r.post("/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_cvcCheckFail"+
		"&transfer_data[destination]=acct_1Villa&application_fee_amount=100&on_behalf_of=acct_1Villa&expand[]=latest_charge.application_fee&expand[]=on_behalf_of")
	r.post("/v1/refunds", "payment_intent="+id(paid)+"&refund_application_fee=true&reverse_transfer=true&expand[]=balance_transaction")
	r.get("/v1/payment_intents/"+id(paid), "expand[]=latest_charge.refunds.data.balance_transaction&expand[]=latest_charge.application_fee")
	r.post("/v1/payment_methods", "type=card&card[number]=4000000000000044&card[exp_month]=1&card[exp_year]=2040&card[cvc]=123&billing_details[address][line1]=x")
}

// processing covers payments without a result, and a decline without a charge.
func (r *run) processing(customer, card string) {
	r.t.Helper()
	const off = "amount=900&currency=usd&payment_method_types[]=card&off_session=true&confirm=true&customer="
	for _, code := range []string{"", "do_not_honor"} {
		require.NoError(r.t, r.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionProcessing, Count: 1}))
		made := r.post("/v1/payment_intents", off+customer+"&payment_method="+card)
		require.Equal(r.t, "processing", made["status"])
		require.NoError(r.t, r.sim.EndProcessing(id(made), code))
		r.get("/v1/payment_intents/"+id(made), "expand[]=latest_charge")
	}
	require.NoError(r.t, r.sim.AddFault(stripesim.FaultRule{
		Action: stripesim.ActionDecline, DeclineCode: "generic_decline", NoCharge: true, Count: 1,
	}))
	r.send("POST", "/v1/payment_intents", off+customer+"&payment_method="+card, 402)
	asked := "payment_method_options[card][request_three_d_secure]=any&payment_method_options[card][setup_future_usage]=off_session"
	r.post("/v1/payment_intents", "amount=900&currency=usd&payment_method_types[]=card&"+asked)
	r.post("/v1/setup_intents", "payment_method_types[]=card&payment_method_options[card][request_three_d_secure]=any")
}

func (r *run) webhooksAndAccount() {
	r.t.Helper()
	r.get("/v1/account", "")
	r.get("/v1/balance", "")
	hook := id(r.post("/v1/webhook_endpoints", "url=https://example.com/hook&enabled_events[]=charge.captured&metadata[a]=b"))
	r.get("/v1/webhook_endpoints/"+hook, "")
	r.post("/v1/webhook_endpoints/"+hook, "disabled=true")
	r.get("/v1/webhook_endpoints", "")
	r.send("DELETE", "/v1/webhook_endpoints/"+hook, "", 200)
}

// refusals covers the errors: each must fit the schema of errors.
func (r *run) refusals(customer string) {
	r.t.Helper()
	r.send("GET", "/v1/payment_intents/pi_missing", "", 404)
	r.send("GET", "/v1/nothing", "", 404)
	r.send("POST", "/v1/payment_intents", "amount=0&currency=usd", 400)
	r.send("POST", "/v1/payment_intents", "amount=10&currency=usd", 400)
	r.send("POST", "/v1/payment_intents", "amount=1000&currency=usd&bogus=1", 400)
	r.send("POST", "/v1/payment_intents", "amount=1000&currency=usd&confirm=true", 400)
	r.send("POST", "/v1/payment_methods", "type=card&card[number]=4242424242424241&card[exp_month]=1&card[exp_year]=2040", 402)
	r.send("POST", "/v1/payment_methods/pm_card_chargeDeclined/attach", "customer="+customer, 402)
	const pay = "amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_"
	for _, magic := range []string{"chargeDeclined", "visa_chargeDeclinedInsufficientFunds", "chargeDeclinedExpiredCard", "radarBlock", "chargeCustomerFail"} {
		r.send("POST", "/v1/payment_intents", pay+magic, 402)
	}
	refused := r.send("POST", "/v1/payment_intents", pay+"authenticationRequired&off_session=true", 402)["error"].(map[string]any)
	failed := id(refused["payment_intent"].(map[string]any))
	r.get("/v1/payment_intents/"+failed, "expand[]=latest_charge")
	made := r.post("/v1/payment_intents", "amount=2000&currency=eur&payment_method_types[]=card")
	r.send("POST", "/v1/payment_intents/"+id(made)+"/confirm", "client_secret="+secret(made)+"&payment_method=pm_card_chargeDeclined", 402)
	require.NoError(r.t, r.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Count: 1}))
	r.send("GET", "/v1/account", "", 500)
	require.NoError(r.t, r.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Count: 1}))
	r.send("GET", "/v1/account", "", 429)
}

// events reads every event; the middleware checks data.object in each.
func (r *run) events() {
	r.t.Helper()
	seen, query := map[string]bool{}, "limit=100"
	for {
		page := r.get("/v1/events", query)
		data := page["data"].([]any)
		for _, one := range data {
			seen[one.(map[string]any)["type"].(string)] = true
		}
		if page["has_more"] != true {
			break
		}
		query = "limit=100&starting_after=" + id(data[len(data)-1].(map[string]any))
	}
	for _, kind := range []string{
		"customer.created", "customer.updated", "customer.deleted", "payment_method.attached", "payment_method.detached", "payment_method.updated",
		"payment_method.automatically_updated", "payment_intent.created", "payment_intent.succeeded", "payment_intent.payment_failed",
		"payment_intent.requires_action", "payment_intent.processing", "payment_intent.canceled", "payment_intent.amount_capturable_updated", "charge.succeeded",
		"charge.failed", "charge.captured", "charge.refunded", "charge.refund.updated", "charge.dispute.created", "charge.dispute.closed",
		"charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
		"refund.created", "refund.updated", "setup_intent.created", "setup_intent.succeeded", "setup_intent.setup_failed",
		"setup_intent.requires_action", "setup_intent.canceled", "radar.early_fraud_warning.created",
	} {
		require.True(r.t, seen[kind], "no event %s was made", kind)
	}
}

// The advice and network fields came after this API version; they are the only properties that the
// simulator adds to it, except for those in recorded responses.
func TestAdviceFieldsAreTheOnlyExtras(t *testing.T) {
	rules, err := contract.Load()
	require.NoError(t, err)
	rules.AllowExtra("advice_code", "network_advice_code", "network_decline_code")
	sim := stripesim.New(stripesim.Options{FullDeclineCode: true})
	t.Cleanup(sim.Close)
	var broken []string
	front := httptest.NewServer(rules.Responses(sim, func(v contract.Violation) { broken = append(broken, v.String()) }))
	t.Cleanup(front.Close)
	resp, err := http.DefaultClient.Do(request(t, front.URL+"/v1/payment_intents",
		"amount=2000&currency=usd&payment_method_types[]=card&confirm=true&payment_method=pm_card_visa_chargeDeclinedInsufficientFunds"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(body), `"network_advice_code":"02"`)
	require.Empty(t, broken)
}

func request(t *testing.T, target, form string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer sk_test_contract")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}
