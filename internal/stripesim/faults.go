package stripesim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultAction is what a fault rule does.
type FaultAction string

// Actions on API requests.
const (
	ActionDecline             FaultAction = "decline"               // the issuer refuses with DeclineCode
	ActionProcessing          FaultAction = "processing"            // the payment is processing for Delay, then ends
	ActionLatency             FaultAction = "latency"               // wait Delay before executing; adds to other rules
	ActionRateLimit           FaultAction = "rate_limit"            // 429 before the idempotency layer
	ActionLockTimeout         FaultAction = "lock_timeout"          // 429 lock_timeout, not executed, not saved
	ActionServerError         FaultAction = "server_error"          // 500, not executed, saved under the key
	ActionServerErrorExecuted FaultAction = "server_error_executed" // 500 although executed, saved under the key
	ActionConflict            FaultAction = "conflict"              // 409 idempotency_key_in_use
	ActionAnswerLost          FaultAction = "answer_lost"           // executed, then the connection closes without an answer
	ActionConnectionReset     FaultAction = "connection_reset"      // the connection closes before execution
	ActionHalfBody            FaultAction = "half_body"             // executed, then half of the body
)

// Actions on webhook deliveries.
const (
	ActionWebhookDuplicate  FaultAction = "webhook_duplicate"   // delivered twice
	ActionWebhookDelay      FaultAction = "webhook_delay"       // delivered after Delay
	ActionWebhookShuffle    FaultAction = "webhook_shuffle"     // delivered at a random time within Delay (100ms if 0)
	ActionWebhookDrop       FaultAction = "webhook_drop"        // never delivered; the event counts as failed
	ActionWebhookAPIVersion FaultAction = "webhook_api_version" // delivered with APIVersion as api_version
)

var webhookActions = []FaultAction{
	ActionWebhookDuplicate, ActionWebhookDelay, ActionWebhookShuffle, ActionWebhookDrop, ActionWebhookAPIVersion,
}

var requestActions = []FaultAction{
	ActionDecline, ActionProcessing, ActionLatency, ActionRateLimit, ActionLockTimeout, ActionServerError, ActionServerErrorExecuted, ActionConflict,
	ActionAnswerLost, ActionConnectionReset, ActionHalfBody,
}

// FaultRule injects one kind of fault into the requests or deliveries that it matches. Empty
// conditions match everything.
type FaultRule struct {
	// Action is required.
	Action FaultAction `json:"action"`
	// Method is an HTTP method.
	Method string `json:"method,omitempty"`
	// Path is a pattern of path.Match, such as /v1/payment_intents/*/confirm.
	Path string `json:"path,omitempty"`
	// Metadata must all be present in the metadata of the request, of the intent that it addresses, or
	// of its PaymentMethod. For webhook actions: in the metadata of the event's object.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Event is a pattern of path.Match on event types, for webhook actions.
	Event string `json:"event,omitempty"`
	// Nth applies the rule to the Nth match only, counted from 1; 0 to all.
	Nth int `json:"nth,omitempty"`
	// Probability is between 0 and 1, drawn from the seed; 0 means always.
	Probability float64 `json:"probability,omitempty"`
	// Count is how often the rule may act at most; 0 means no limit.
	Count int `json:"count,omitempty"`
	// DeclineCode is for ActionDecline, where empty means generic_decline, and for ActionProcessing,
	// where it is the result of the payment, and empty means the card's own result.
	DeclineCode string `json:"decline_code,omitempty"`
	// NoCharge makes ActionDecline refuse before a charge is created.
	NoCharge bool `json:"no_charge,omitempty"`
	// Delay is for ActionLatency, ActionWebhookDelay and ActionWebhookShuffle; and for
	// ActionProcessing, where it counts on the simulated clock, and 0 means until EndProcessing. In
	// JSON it is a string such as "250ms".
	Delay Duration `json:"delay,omitempty"`
	// APIVersion is for ActionWebhookAPIVersion.
	APIVersion string `json:"api_version,omitempty"`
	// ShouldRetry sets the header Stripe-Should-Retry of an injected error.
	ShouldRetry *bool `json:"should_retry,omitempty"`
}

// Duration is a time.Duration that reads and writes JSON as "1m30s".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler; the text must parse as a duration.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

func (r FaultRule) validate() error {
	if !slices.Contains(requestActions, r.Action) && !slices.Contains(webhookActions, r.Action) {
		return fmt.Errorf("stripesim: unknown fault action %q", r.Action)
	}
	if r.Probability < 0 || r.Probability > 1 {
		return fmt.Errorf("stripesim: fault probability %v is not between 0 and 1", r.Probability)
	}
	if r.Nth < 0 || r.Count < 0 || r.Delay < 0 {
		return errors.New("stripesim: nth, count and delay of a fault rule cannot be negative")
	}
	for _, pattern := range []string{r.Path, r.Event} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("stripesim: fault pattern %q: %w", pattern, err)
		}
	}
	return nil
}

// AddFault appends a rule. The first rule that acts wins, except that latency adds up. The error
// names the fault of the rule.
func (s *Server) AddFault(rule FaultRule) error {
	if err := rule.validate(); err != nil {
		return err
	}
	s.faults.add(rule)
	return nil
}

// ClearFaults removes every rule. The counts of Faults stay.
func (s *Server) ClearFaults() { s.faults.clear() }

// Faults returns how often each action was injected since New.
func (s *Server) Faults() map[string]int { return s.faults.counts() }

type activeRule struct {
	FaultRule
	matched, acted int
}

// faultSet holds the rules and counts their actions.
type faultSet struct {
	random *source

	mu       sync.Mutex
	rules    []*activeRule
	injected map[string]int
}

func newFaultSet(random *source) *faultSet {
	return &faultSet{random: random, injected: map[string]int{}}
}

func (f *faultSet) add(rule FaultRule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &activeRule{FaultRule: rule})
}

func (f *faultSet) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

func (f *faultSet) counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.injected)
}

func (f *faultSet) active() []FaultRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []FaultRule{}
	for _, rule := range f.rules {
		out = append(out, rule.FaultRule)
	}
	return out
}

// planned holds the faults of one request.
type planned struct {
	action      FaultAction
	delay       time.Duration
	shouldRetry *bool
}

// plan decides the faults of one request. It records a decline in the call.
func (f *faultSet) plan(c *call, metadata []map[string]string) planned {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out planned
	for _, rule := range f.rules {
		if !slices.Contains(requestActions, rule.Action) || !rule.matchesCall(c, metadata) {
			continue
		}
		if out.action != "" && rule.Action != ActionLatency || !f.due(rule) {
			continue
		}
		switch rule.Action {
		case ActionLatency:
			out.delay += time.Duration(rule.Delay)
		case ActionDecline:
			out.action, c.decline, c.noCharge = rule.Action, rule.DeclineCode, rule.NoCharge
			if c.decline == "" {
				c.decline = "generic_decline"
			}
		case ActionProcessing:
			out.action, c.processing = rule.Action, &processingWish{lasts: time.Duration(rule.Delay), decline: rule.DeclineCode}
		default:
			out.action, out.shouldRetry = rule.Action, rule.ShouldRetry
		}
	}
	return out
}

func (r *activeRule) matchesCall(c *call, metadata []map[string]string) bool {
	if r.Method != "" && r.Method != c.method {
		return false
	}
	if ok, err := path.Match(r.Path, c.path); r.Path != "" && (err != nil || !ok) {
		return false
	}
	if (r.Action == ActionDecline || r.Action == ActionProcessing) && !c.triesCard() {
		return false
	}
	return hasAll(r.Metadata, metadata)
}

// triesCard reports whether the request charges a card or sets one up.
func (c *call) triesCard() bool {
	return c.method == http.MethodPost && (strings.HasSuffix(c.path, "/confirm") || c.in.flag("confirm"))
}

// hasAll reports whether every wanted pair is in one of the maps.
func hasAll(want map[string]string, in []map[string]string) bool {
	for key, value := range want {
		found := slices.ContainsFunc(in, func(m map[string]string) bool {
			have, ok := m[key]
			return ok && have == value
		})
		if !found {
			return false
		}
	}
	return true
}

// due counts a match and reports whether the rule acts on it.
func (f *faultSet) due(rule *activeRule) bool {
	rule.matched++
	switch {
	case rule.Nth != 0 && rule.matched != rule.Nth,
		rule.Count != 0 && rule.acted >= rule.Count,
		rule.Probability != 0 && !f.random.chance(rule.Probability):
		return false
	}
	rule.acted++
	f.injected[string(rule.Action)]++
	return true
}

// planDelivery returns the rules that act on one delivery.
func (f *faultSet) planDelivery(kind string, metadata map[string]string) []FaultRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []FaultRule
	for _, rule := range f.rules {
		if !slices.Contains(webhookActions, rule.Action) || !hasAll(rule.Metadata, []map[string]string{metadata}) {
			continue
		}
		if ok, err := path.Match(rule.Event, kind); rule.Event != "" && (err != nil || !ok) {
			continue
		}
		if f.due(rule) {
			out = append(out, rule.FaultRule)
		}
	}
	return out
}

// apply adds the rule's header to an injected error.
func (p planned) apply(err *apiError) *apiError {
	if p.shouldRetry != nil {
		err.withHeader("Stripe-Should-Retry", fmt.Sprint(*p.shouldRetry))
	}
	return err
}

// wait waits for the latency; false means that the client gave up.
func (p planned) wait(ctx context.Context) bool {
	if p.delay == 0 {
		return true
	}
	timer := time.NewTimer(p.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// breakConnection ends the connection without a response.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2, or no real connection: the server resets the stream
	}
	_ = conn.Close()
}

// sendHalf announces the length of the whole body and sends half of it.
func sendHalf(w http.ResponseWriter, out answer) {
	w.Header().Set("Content-Length", fmt.Sprint(len(out.body)))
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body[:len(out.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// metadataOf collects the metadata that rules can match for a request.
func (s *Server) metadataOf(c *call) []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []map[string]string{c.in.hash("metadata"), c.in.get("payment_method_data").hash("metadata")}
	methods := []string{c.in.str("payment_method")}
	for _, id := range c.ids {
		if intent, ok := s.state.paymentIntents.get(id); ok {
			out, methods = append(out, intent.metadata), append(methods, intent.paymentMethod)
		}
		if intent, ok := s.state.setupIntents.get(id); ok {
			out, methods = append(out, intent.metadata), append(methods, intent.paymentMethod)
		}
		methods = append(methods, id)
	}
	for _, id := range methods {
		if method, ok := s.state.paymentMethods.get(id); ok {
			out = append(out, method.metadata)
		}
	}
	return out
}
