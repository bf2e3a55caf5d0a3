package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// foreign is a fake Stripe server as third parties write them: stateful, good enough for its
// author, and wrong in the ways that its habits define. It shares no code with our simulator, so
// that no test depends on the simulator's behavior.
type foreign struct {
	t      *testing.T
	habits habits
	now    func() time.Time

	mu       sync.Mutex
	serial   int
	requests []string
	answers  map[string]saved // by idempotency key
	clients  map[string]bool
	methods  map[string]*method
	intents  []*payment
	events   [][]byte
}

// saved is the stored response of an idempotency key.
type saved struct {
	status int
	body   any
}

// method is a PaymentMethod.
type method struct {
	id, number, customer string
	paid                 bool
}

// payment is a PaymentIntent.
type payment struct {
	id, status, currency, customer, method, charge string
	amount                                         int64
	created                                        time.Time
	metadata                                       map[string]any
	lastError                                      object
	setup                                          string
	taken                                          int // how often it took money: the one number that must never be 2
}

type object map[string]any

func newForeign(t *testing.T, h habits, now func() time.Time) *foreign {
	return &foreign{
		t: t, habits: h, now: now, answers: map[string]saved{}, clients: map[string]bool{}, methods: map[string]*method{},
	}
}

// ServeHTTP routes requests without a router, as small fakes do.
func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	if !f.habits.noRequestID {
		w.Header().Set("Request-Id", f.next("req"))
	}
	key := r.Header.Get("Idempotency-Key")
	answer, known := f.answers[key]
	if !known || f.habits.forgetsKeys {
		answer.status, answer.body = f.route(r.Method, strings.Split(strings.Trim(r.URL.Path, "/"), "/")[1:], r.Form)
	}
	if key != "" {
		f.answers[key] = answer
	}
	if page, ok := answer.body.(string); ok {
		w.WriteHeader(answer.status)
		_, _ = w.Write([]byte(page))
		return
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(f.encode(answer.body))
}

func (f *foreign) route(verb string, path []string, form url.Values) (int, any) {
	if f.habits.unknownParams && (form.Has("setup_future_usage") || form.Has("description")) {
		return f.refuse(400, "", "Unexpected description, setup_future_usage")
	}
	path = append(path, "", "")
	switch verb + " " + path[0] + "/" + path[2] {
	case "POST payment_intents/":
		return f.createIntent(form)
	case "GET payment_intents/":
		if path[1] == "" {
			return f.listIntents(form)
		}
		return f.withIntent(path[1], func(p *payment) (int, any) { return 200, f.showIntent(p) })
	case "POST payment_intents/confirm":
		return f.withIntent(path[1], func(p *payment) (int, any) { return f.confirm(p, form) })
	case "POST payment_intents/cancel":
		return f.withIntent(path[1], f.cancel)
	case "GET payment_methods/":
		return f.withMethod(path[1], func(m *method) (int, any) { return 200, f.showMethod(m) })
	case "POST payment_methods/attach":
		return f.withMethod(path[1], func(m *method) (int, any) { return f.attach(m, form.Get("customer")) })
	case "POST customers/":
		return f.createCustomer(form)
	case "GET customers/":
		if f.clients[path[1]] {
			return 200, object{"id": path[1], "object": "customer"}
		}
	}
	return f.missing()
}

func (f *foreign) missing() (int, any) {
	if f.habits.htmlNotFound {
		return 404, "<html><body>Not Found</body></html>"
	}
	return f.refuse(404, "", "Not Found")
}

// refuse returns an error that is not a decline. Most fakes leave out the code.
func (f *foreign) refuse(status int, code, message string) (int, any) {
	e := object{"type": "invalid_request_error", "message": message}
	if code != "" && !f.habits.noErrorCodes {
		e["code"] = code
	}
	return status, object{"error": e}
}

func (f *foreign) withIntent(id string, do func(*payment) (int, any)) (int, any) {
	for _, p := range f.intents {
		if p.id == id {
			return do(p)
		}
	}
	return f.missing()
}

func (f *foreign) withMethod(id string, do func(*method) (int, any)) (int, any) {
	if m := f.methods[id]; m != nil && !f.habits.noMethodRoutes {
		return do(m)
	}
	return f.missing()
}

func (f *foreign) createIntent(form url.Values) (int, any) {
	var amount int64
	_, err := fmt.Sscan(form.Get("amount"), &amount)
	require.NoError(f.t, err)
	p := &payment{
		id: f.next("pi"), status: "requires_payment_method", currency: form.Get("currency"), customer: form.Get("customer"),
		method: form.Get("payment_method"), amount: amount, created: f.now(), setup: form.Get("setup_future_usage"), metadata: map[string]any{},
	}
	for key := range form {
		if name, ok := strings.CutPrefix(key, "metadata["); ok && !f.habits.noMetadata {
			p.metadata[strings.TrimSuffix(name, "]")] = form.Get(key)
		}
	}
	f.intents = append(f.intents, p)
	if p.method != "" {
		p.status = "requires_confirmation"
	}
	if form.Get("confirm") != "true" || f.habits.ignoresConfirm {
		return 200, f.showIntent(p)
	}
	return f.confirm(p, form)
}

func (f *foreign) confirm(p *payment, form url.Values) (int, any) {
	if p.status == "succeeded" || p.status == "canceled" {
		return f.refuse(400, "payment_intent_unexpected_state", "Bad request")
	}
	if id := form.Get("payment_method"); id != "" {
		p.method = id
	}
	if form.Has("setup_future_usage") && f.habits.setupStays {
		return f.refuse(400, "", "setup_future_usage cannot be unset")
	}
	if form.Has("setup_future_usage") {
		p.setup = form.Get("setup_future_usage")
	}
	m := f.methods[p.method]
	if m == nil {
		return f.refuse(400, "resource_missing", "No such PaymentMethod")
	}
	off := form.Get("off_session") == "true"
	if off && f.habits.strictAttach && m.customer == "" {
		return f.refuse(400, "", "The customer does not have this payment method")
	}
	if off && p.setup != "" {
		return f.refuse(400, "", "You cannot confirm with off_session when setup_future_usage is also set")
	}
	if f.habits.neverConfirms && off {
		p.status = "requires_confirmation"
		return 200, f.showIntent(p)
	}
	return f.charge(p, m, off)
}

// charge charges the card.
func (f *foreign) charge(p *payment, m *method, off bool) (int, any) {
	p.charge = f.next("ch")
	if f.habits.sameCharge {
		p.charge = "ch_1"
	}
	switch code := declineOf(m, off); {
	case code == "authentication_required" && f.habits.actionOffSession:
		p.status, p.lastError = "requires_action", nil
		f.emit("payment_intent.requires_action", p)
		return 200, f.showIntent(p)
	case code != "":
		return f.decline(p, m, code)
	}
	m.paid, p.status, p.lastError = true, "succeeded", nil
	p.taken++
	if p.setup != "" && p.customer != "" && !f.habits.noAttachOnPay {
		m.customer = p.customer
	}
	f.emit("charge.succeeded", p)
	f.emit("payment_intent.succeeded", p)
	return 200, f.showIntent(p)
}

// declineOf returns the results of the guide's five cards; the customer always passes the
// challenge.
func declineOf(m *method, off bool) string {
	switch m.number {
	case cardAuthAlways:
		if off {
			return "authentication_required"
		}
	case cardThenNoFunds:
		if off || m.paid {
			return "insufficient_funds"
		}
	case cardNeverFunds:
		return "insufficient_funds"
	}
	return ""
}

func (f *foreign) decline(p *payment, m *method, code string) (int, any) {
	e := object{"type": "card_error", "code": "card_declined", "decline_code": code, "message": "Your card was declined.", "charge": p.charge}
	if code == "authentication_required" {
		e["code"] = code
	}
	f.habits.spoil(e, code)
	p.status, p.lastError = "requires_payment_method", e
	if !f.habits.keepsMethod {
		p.method = ""
	}
	f.emit("payment_intent.payment_failed", p)
	if f.habits.declineIsOK {
		return 200, f.showIntent(p)
	}
	answer := object{"payment_method": f.showMethod(m)}
	maps.Copy(answer, e)
	if !f.habits.noIntentInError {
		answer["payment_intent"] = f.showIntent(p)
	}
	status := 402
	if f.habits.declineStatus != 0 {
		status = f.habits.declineStatus
	}
	return status, object{"error": answer}
}

func (f *foreign) cancel(p *payment) (int, any) {
	if p.status == "succeeded" || p.status == "canceled" {
		return f.refuse(400, "payment_intent_unexpected_state", "Bad request")
	}
	p.status = "canceled"
	f.emit("payment_intent.canceled", p)
	return 200, f.showIntent(p)
}

func (f *foreign) createCustomer(form url.Values) (int, any) {
	id := f.next("cus")
	f.clients[id] = true
	if m := f.methods[form.Get("payment_method")]; m != nil && !f.habits.customerWithoutCard {
		m.customer = id
	}
	return 200, object{"id": id, "object": "customer"}
}

func (f *foreign) attach(m *method, customer string) (int, any) {
	if !f.clients[customer] {
		return f.refuse(400, "resource_missing", "No such customer")
	}
	m.customer = customer
	shown := f.showMethod(m)
	if f.habits.attachShowsNobody {
		shown["customer"] = nil
	}
	return 200, shown
}

// pay does the customer's part: the page confirms with a card, passing the challenge if there is
// one.
func (f *foreign) pay(intent, number string, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var m *method
	for _, known := range f.methods {
		if again && known.number == number {
			m = known
		}
	}
	if m == nil {
		m = &method{id: f.next("pm"), number: number}
		f.methods[m.id] = m
	}
	_, _ = f.withIntent(intent, func(p *payment) (int, any) {
		require.Zero(f.t, p.taken, "paid once already")
		p.method, p.setup = m.id, "off_session"
		return f.charge(p, m, false)
	})
}

// forget deletes a customer, and sends no event.
func (f *foreign) forget(customer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.clients, customer)
	for _, m := range f.methods {
		if m.customer == customer {
			m.customer = ""
		}
	}
}

func (f *foreign) next(prefix string) string {
	f.serial++
	return fmt.Sprintf("%s_%04d", prefix, f.serial)
}

// money returns what the server charged: how often for each PaymentIntent, and the sum.
func (f *foreign) money() (taken []int, sum int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.intents {
		if p.taken > 0 {
			taken, sum = append(taken, p.taken), sum+p.amount*int64(p.taken)
		}
	}
	return taken, sum
}

// arrived returns and removes the webhooks that were sent.
func (f *foreign) arrived() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.events
	f.events = nil
	return events
}

func (f *foreign) encode(v any) []byte {
	body, err := json.Marshal(v)
	require.NoError(f.t, err)
	return body
}

// statusOf returns a PaymentIntent's status, for the checks.
func (f *foreign) statusOf(intent string) billing.IntentStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.intents {
		if p.id == intent {
			return billing.IntentStatus(p.status)
		}
	}
	return ""
}
