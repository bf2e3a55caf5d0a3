package stripesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
)

// APIError is an error response of the simulator, as the Go helpers return it.
type APIError struct {
	Status      int    // HTTP status
	Type        string // such as card_error
	Code        string // may be empty
	DeclineCode string // may be empty
	Message     string // Stripe's text; holds no secrets
}

// Error implements error.
func (e *APIError) Error() string {
	return fmt.Sprintf("stripe: %d %s %s %s: %s", e.Status, e.Type, e.Code, e.DeclineCode, e.Message)
}

func publicError(err *apiError) *APIError {
	text := func(name string) string {
		value, _ := err.body[name].(string)
		return value
	}
	return &APIError{Status: err.status, Type: text("type"), Code: text("code"), DeclineCode: text("decline_code"), Message: text("message")}
}

// serveControlOf passes a control call to the account that it names.
func (s *Server) serveControlOf(w http.ResponseWriter, r *http.Request) {
	if r.Method+" "+r.URL.Path == "POST /_sim/connect" && r.FormValue("account") != "" {
		reply(w, http.StatusOK, object{"account": s.Connect(r.FormValue("account")).name()})
		return
	}
	account := r.URL.Query().Get("account") // the body is the call's own
	one := s.acting(account)
	if one == nil {
		replyError(w, http.StatusNotFound, fmt.Errorf("no account %s is connected", account))
		return
	}
	one.serveControl(w, r)
}

// serveControl answers the control surface; see the package comment.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	controls := map[string]http.HandlerFunc{
		"GET /_sim/state":  func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.snapshot()) },
		"GET /_sim/faults": func(w http.ResponseWriter, _ *http.Request) { s.replyFaults(w, s.faults.active()) },
		"DELETE /_sim/faults": func(w http.ResponseWriter, _ *http.Request) {
			s.ClearFaults()
			s.replyFaults(w, []any{})
		},
		"POST /_sim/faults":         s.controlAddFaults,
		"GET /_sim/authenticate":    s.challengePage,
		"POST /_sim/authenticate":   s.controlAuthenticate,
		"POST /_sim/update_card":    s.controlUpdateCard,
		"POST /_sim/dispute":        s.controlDispute,
		"POST /_sim/fail_refund":    s.controlFailRefund,
		"POST /_sim/fraud_warning":  s.controlFraudWarning,
		"POST /_sim/end_processing": s.controlEndProcessing,
		"POST /_sim/drain":          s.controlDrain,
	}
	control, ok := controls[r.Method+" "+r.URL.Path]
	if !ok {
		replyError(w, http.StatusNotFound, fmt.Errorf("no control at %s %s", r.Method, r.URL.Path))
		return
	}
	control(w, r)
}

// replyFaults writes the active rules, and how often each action was injected.
func (s *Server) replyFaults(w http.ResponseWriter, rules any) {
	reply(w, http.StatusOK, object{"rules": rules, "injected": s.Faults()})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body)) // the client may be gone
}

func replyError(w http.ResponseWriter, status int, err error) {
	body := object{"type": "invalid_request_error", "message": err.Error()}
	if refused, ok := errors.AsType[*APIError](err); ok {
		body["message"], body["code"] = refused.Message, refused.Code
	}
	reply(w, status, object{"error": body})
}

func viewAll[T any](in *table[T], view func(T) object) []any {
	out := []any{}
	for _, one := range in.oldestFirst() {
		out = append(out, view(one))
	}
	return out
}

// snapshot renders the whole state; encode must happen under the lock too.
func (s *Server) snapshot() json.RawMessage {
	connected := object{}
	for _, one := range s.accounts() {
		connected[one.name()] = one.snapshot()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endDue()
	return encode(object{
		"accounts":          connected,
		"customers":         viewAll(s.state.customers, (*customer).view),
		"payment_methods":   viewAll(s.state.paymentMethods, (*paymentMethod).view),
		"payment_intents":   viewAll(s.state.paymentIntents, (*paymentIntent).view),
		"setup_intents":     viewAll(s.state.setupIntents, (*setupIntent).view),
		"charges":           viewAll(s.state.charges, (*charge).view),
		"refunds":           viewAll(s.state.refunds, (*refund).view),
		"disputes":          viewAll(s.state.disputes, (*dispute).view),
		"events":            viewAll(s.state.events, (*event).view),
		"webhook_endpoints": viewAll(s.state.endpoints, (*endpoint).view),
		"idempotency_keys":  s.keys.view(),
		"faults":            object{"rules": s.faults.active(), "injected": s.Faults()},
	})
}

// controlAddFaults adds one rule or a list of rules.
func (s *Server) controlAddFaults(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&raw); err != nil {
		replyError(w, http.StatusBadRequest, fmt.Errorf("fault rules: %w", err))
		return
	}
	var rules []FaultRule
	if err := json.Unmarshal(raw, &rules); err != nil {
		var one FaultRule
		if err := json.Unmarshal(raw, &one); err != nil {
			replyError(w, http.StatusBadRequest, fmt.Errorf("fault rules: %w", err))
			return
		}
		rules = []FaultRule{one}
	}
	for _, rule := range rules {
		if err := rule.validate(); err != nil {
			replyError(w, http.StatusBadRequest, err)
			return
		}
	}
	for _, rule := range rules {
		s.faults.add(rule)
	}
	reply(w, http.StatusOK, object{"rules": s.faults.active(), "injected": s.Faults()})
}

func intentOf(r *http.Request) string {
	if id := r.FormValue("payment_intent"); id != "" {
		return id
	}
	return r.FormValue("setup_intent")
}

func (s *Server) controlAuthenticate(w http.ResponseWriter, r *http.Request) {
	outcome := r.FormValue("outcome")
	if outcome != "succeed" && outcome != "fail" {
		replyError(w, http.StatusBadRequest, errors.New("outcome must be succeed or fail"))
		return
	}
	id := intentOf(r)
	back := s.returnURL(id)
	body, err := s.Authenticate(id, outcome == "succeed")
	if err != nil {
		status := http.StatusBadRequest
		if refused, ok := errors.AsType[*APIError](err); ok {
			status = refused.Status
		}
		replyError(w, status, err)
		return
	}
	if back != "" && r.FormValue("redirect") != "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	reply(w, http.StatusOK, json.RawMessage(body))
}

// returnURL returns where the browser goes after the challenge, with the parameters that Stripe
// adds; "" if the intent has no return_url.
func (s *Server) returnURL(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	back, secret, kind := "", "", "payment_intent"
	if intent, ok := s.state.paymentIntents.get(id); ok {
		back, secret = intent.pendingReturnURL, intent.clientSecret
	}
	if intent, ok := s.state.setupIntents.get(id); ok {
		back, secret, kind = intent.pendingReturnURL, intent.clientSecret, "setup_intent"
	}
	target, err := url.Parse(back)
	if back == "" || err != nil {
		return ""
	}
	query := target.Query()
	query.Set(kind, id)
	query.Set(kind+"_client_secret", secret)
	target.RawQuery = query.Encode()
	return target.String()
}

// challengePage is the page of the customer's bank.
func (s *Server) challengePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = challengeTemplate.Execute(w, map[string]string{ // the client may be gone
		"PaymentIntent": r.URL.Query().Get("payment_intent"), "SetupIntent": r.URL.Query().Get("setup_intent"),
		"Account": r.URL.Query().Get("account"),
	})
}

var challengeTemplate = template.Must(template.New("challenge").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>3D Secure 2 test page</title></head>
<body style="font-family:sans-serif;max-width:28rem;margin:3rem auto">
<h1>3D Secure 2 test page</h1>
<p>This page plays the customer's bank.</p>
<form method="post" action="/_sim/authenticate{{if .Account}}?account={{.Account}}{{end}}">
{{if .PaymentIntent}}<input type="hidden" name="payment_intent" value="{{.PaymentIntent}}">{{end}}
{{if .SetupIntent}}<input type="hidden" name="setup_intent" value="{{.SetupIntent}}">{{end}}
<input type="hidden" name="redirect" value="1">
<button name="outcome" value="succeed">Complete</button>
<button name="outcome" value="fail">Fail</button>
</form></body></html>
`))

func (s *Server) controlUpdateCard(w http.ResponseWriter, r *http.Request) {
	month, monthErr := strconv.Atoi(r.FormValue("exp_month"))
	year, yearErr := strconv.Atoi(r.FormValue("exp_year"))
	err := errors.Join(monthErr, yearErr)
	if err == nil {
		err = s.UpdateCard(r.FormValue("payment_method"), month, year)
	}
	if err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, object{"payment_method": r.FormValue("payment_method")})
}

func (s *Server) controlDrain(w http.ResponseWriter, r *http.Request) {
	if err := s.Drain(r.Context()); err != nil {
		replyError(w, http.StatusGatewayTimeout, err)
		return
	}
	reply(w, http.StatusOK, object{"pending": int64(0)})
}

func (s *Server) controlFraudWarning(w http.ResponseWriter, r *http.Request) {
	id, err := s.WarnOfFraud(r.FormValue("payment_intent"))
	if err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, object{"fraud_warning": id})
}

func (s *Server) controlDispute(w http.ResponseWriter, r *http.Request) {
	reason := r.FormValue("reason")
	if reason == "" {
		reason = "fraudulent"
	}
	id, err := s.Dispute(r.FormValue("payment_intent"), reason)
	if err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, object{"dispute": id})
}

func (s *Server) controlEndProcessing(w http.ResponseWriter, r *http.Request) {
	if err := s.EndProcessing(r.FormValue("payment_intent"), r.FormValue("decline_code")); err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, object{"payment_intent": r.FormValue("payment_intent")})
}

func (s *Server) controlFailRefund(w http.ResponseWriter, r *http.Request) {
	if err := s.FailRefund(r.FormValue("refund")); err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, object{"refund": r.FormValue("refund")})
}
