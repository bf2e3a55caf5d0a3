package stripesim

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
)

// maxBody is the largest request body, in bytes.
const maxBody = 1 << 20

// call is one API request being processed.
type call struct {
	requestID, method, path string
	ids                     []string // from the path, in order
	in                      *node    // parameters, decoded
	raw                     string   // parameters, canonical, for idempotency
	key                     string   // Idempotency-Key of a POST
	client                  bool     // made with a publishable key
	base                    string   // own address, for links
	decline                 string   // decline code forced by a fault rule
	noCharge                bool     // the decline comes without a charge
	processing              *processingWish
	version                 string // of the API, as the request has it
	faults                  planned
}

// answer is a finished response.
type answer struct {
	status int
	body   json.RawMessage
	header map[string]string
	// unknownID means that a parameter or the path has an unknown id.
	unknownID bool
}

// ServeHTTP implements http.Handler: Stripe's API under /v1, the control
// surface under /_sim and the stand-in for Stripe.js under /v3.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowBrowsers(w.Header())
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case strings.HasPrefix(r.URL.Path, "/_sim/"):
		s.serveControlOf(w, r)
	case r.URL.Path == "/v3" || r.URL.Path == "/v3/":
		serveStripeJS(w)
	default:
		s.serveAccount(w, r, r.Header.Get("Stripe-Account"))
	}
}

// serveAccount passes a call to the account that it addresses.
func (s *Server) serveAccount(w http.ResponseWriter, r *http.Request, account string) {
	if one := s.acting(account); one != nil {
		one.serveAPI(w, r)
		return
	}
	c := &call{requestID: requestID(s.random), method: r.Method, path: r.URL.Path, key: keyOf(r)}
	s.send(w, c, failure(noAccess(account)))
}

// allowBrowsers allows pages of any origin to call the API, as Stripe does.
func allowBrowsers(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, PUT, PATCH, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Stripe-Account, Stripe-Version")
	h.Set("Access-Control-Expose-Headers", "Request-Id, Stripe-Should-Retry, Idempotent-Replayed")
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	c := &call{requestID: requestID(s.random), method: r.Method, path: r.URL.Path, base: s.baseOf(r)}
	c.key = keyOf(r)
	out := s.process(c, r)
	s.opts.Log.Debug().Str("method", c.method).Str("path", c.path).Int("status", out.status).Str("request_id", c.requestID).Msg("stripesim")
	s.send(w, c, out)
}

func keyOf(r *http.Request) string {
	if r.Method != http.MethodPost {
		return ""
	}
	return r.Header.Get("Idempotency-Key")
}

func (s *Server) baseOf(r *http.Request) string {
	if s.opts.BaseURL != "" {
		return strings.TrimSuffix(s.opts.BaseURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// process runs the stages in Stripe's order: key, rate limit, route,
// idempotency, parameter checks, execution.
func (s *Server) process(c *call, r *http.Request) answer {
	if err := s.readParams(c, r); err != nil {
		return failure(err)
	}
	if err := s.authenticate(c, r); err != nil {
		return failure(err)
	}
	if c.version = r.Header.Get("Stripe-Version"); c.version != "" && !wellFormedVersion(c.version) {
		return failure(invalid("", "Invalid Stripe API version: "+c.version).notSaved())
	}
	found, err := s.route(c)
	if err != nil {
		return failure(err)
	}
	if c.client && !found.client {
		return failure(secretKeyRequired())
	}
	c.faults = s.faults.plan(c, s.metadataOf(c))
	if c.faults.action == ActionRateLimit {
		return failure(c.faults.apply(rateLimited()))
	}
	if c.faults.action == ActionConnectionReset {
		return answer{}
	}
	return s.withKey(c, found, r)
}

// withKey wraps the execution in the idempotency layer.
func (s *Server) withKey(c *call, found route, r *http.Request) answer {
	if c.faults.action == ActionConflict {
		return failure(c.faults.apply(keyInUse(c.key)))
	}
	saved, err := s.keys.begin(c)
	if err != nil {
		return failure(err)
	}
	if saved != nil {
		return *saved
	}
	if !c.faults.wait(r.Context()) {
		s.keys.release(c)
		return failure(serverError().notSaved())
	}
	out, unsaved := s.execute(c, found)
	if unsaved {
		s.keys.release(c)
		return out
	}
	if c.key != "" {
		out.header["Original-Request"] = c.requestID
		out.forbidRetry()
	}
	s.keys.finish(c, out)
	return out
}

// forbidRetry adds the header that Stripe sends with a response that is stored under the key, as
// recorded: the same request gets the same response. Stripe does not send it for an unknown id, nor
// for an error of its own.
func (a answer) forbidRetry() {
	if _, set := a.header["Stripe-Should-Retry"]; set || a.unknownID || a.status >= http.StatusInternalServerError {
		return
	}
	a.header["Stripe-Should-Retry"] = "false"
}

func (s *Server) execute(c *call, found route) (out answer, unsaved bool) {
	if err := found.params.check(c.in, ""); err != nil {
		return failure(err), true
	}
	if err := checkExpand(c.in); err != nil {
		return failure(err), true
	}
	switch c.faults.action {
	case ActionLockTimeout:
		return failure(c.faults.apply(lockTimeout())), true
	case ActionServerError:
		return failure(c.faults.apply(serverError())), false
	}
	out, unsaved = s.run(c, found)
	if c.faults.action == ActionServerErrorExecuted && !unsaved {
		return failure(c.faults.apply(serverError())), false
	}
	return out, unsaved
}

// run executes the endpoint under the lock and passes on the new events.
func (s *Server) run(c *call, found route) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endDue()
	result, err := found.handle(s, c)
	if err == nil {
		result, err = s.expand(c, result)
	}
	if err != nil {
		return failure(err), err.unsaved
	}
	return answer{status: http.StatusOK, body: encode(result), header: map[string]string{}}, false
}

func failure(err *apiError) answer {
	header := map[string]string{}
	maps.Copy(header, err.header)
	if err.status == http.StatusPaymentRequired {
		header["Stripe-Should-Retry"] = "false"
	}
	if err.status == http.StatusUnauthorized {
		header["Www-Authenticate"] = `Basic realm="Stripe"`
	}
	return answer{
		status: err.status, body: encode(object{"error": err.body}), header: header, unknownID: err.body["code"] == "resource_missing",
	}
}

// readParams reads parameters from the query, and for POST from the body too.
func (s *Server) readParams(c *call, r *http.Request) *apiError {
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return newError(413, "invalid_request_error", "", "Request body too large.").notSaved()
			}
			return invalid("", "Invalid request: the body could not be read.").notSaved()
		}
		raw += "&" + string(body)
	}
	decoded, err := parseForm(raw)
	if err != nil {
		return invalid("", "Invalid request: the form could not be decoded.").notSaved()
	}
	c.in, c.raw = decoded, canonical(raw)
	return nil
}

// send writes the response, or breaks the connection as a fault rule asks.
func (s *Server) send(w http.ResponseWriter, c *call, out answer) {
	switch c.faults.action {
	case ActionConnectionReset, ActionAnswerLost:
		breakConnection(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Request-Id", c.requestID)
	h.Set("Stripe-Version", APIVersion)
	if wellFormedVersion(c.version) {
		h.Set("Stripe-Version", c.version)
	}
	h.Set("Cache-Control", "no-cache, no-store")
	if c.key != "" {
		h.Set("Idempotency-Key", c.key)
	}
	for name, value := range out.header {
		h.Set(name, value)
	}
	if c.faults.action == ActionHalfBody {
		sendHalf(w, out)
		return
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the client may be gone; nothing is owed to it then
}
