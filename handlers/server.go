package handlers

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/planning"
)

// Config configures the HTTP server.
type Config struct {
	Store   billing.Store
	Planner *planning.Planner
	// Rules are the settings for all plans, which changes must obey.
	Rules billing.Rules
	// CheckHeader refuses a webhook by its signature header, before the body is read. It may be nil.
	CheckHeader func(header string, now time.Time) error
	// Verify checks a webhook's signature header against the raw body.
	Verify func(payload []byte, header string, now time.Time) error
	// Parse reads a webhook's body into an event, scrubbed of client secrets.
	Parse func(payload []byte) (billing.Event, error)
	// Received is called with events that were stored for the first time; it must not block. It may
	// be nil.
	Received func(events []billing.Event)
	// Pay configures the recovery page; nil disables it.
	Pay *PayPage
	// Allow counts a request against a bucket with a limit per minute. It returns how long to wait if
	// the bucket is full; 0 means that the request is allowed. It may be nil.
	Allow func(ctx context.Context, bucket string, perMinute int) (wait time.Duration)
	// APIKeys are the valid bearer keys of /v1.
	APIKeys []string
	Clock   clock.Clock
	// Grace is the real time between the storing of an event and its first claim by the scheduler. It
	// leaves the event to the task that the webhook enqueues.
	Grace time.Duration
	// Endpoints manages the merchant's endpoints; nil leaves their routes out.
	Endpoints *operator.Endpoints
	// Forecaster makes forecasts; nil leaves their route out.
	Forecaster Forecaster
	// TakePart returns an error while this process must not write, such as for a wrong clock or
	// another account's key. It may be nil.
	TakePart func() error
	// TrustedProxies are the addresses whose X-Forwarded-For is trusted.
	TrustedProxies []netip.Prefix
	// HealthOnly serves only /healthz and /readyz, for processes without the ingress role.
	HealthOnly bool
	// Checks are run by /readyz. Only Admin shows their names.
	Checks map[string]func(ctx context.Context) error
	// Alarms are listed by Admin's /readyz, by name and number only. The checker should cache its
	// results, because the page needs no key. It may be nil.
	Alarms alarm.Checker
	// Metrics is Admin's page at /metrics; nil means none.
	Metrics http.Handler
	// Answered is called with each answered request's route, as a pattern, and status. It may be nil.
	Answered func(route string, status int)
	// WrongKey is called with each request that has a wrong API key. It may be nil.
	WrongKey func()
	Limits   Limits
	Log      zerolog.Logger
}

// Server is the HTTP server's handler. Close it to end its background work.
type Server struct {
	ingress *stripeIngress
	api     *router
	keys    *apiKeys
	proxies *proxyWatch

	public, admin http.Handler
}

// New returns a Server and starts its background work.
func New(c Config) *Server {
	c.Limits = c.Limits.withDefaults()
	b := base{store: c.Store, clock: c.Clock, log: c.Log}
	op := operator.New(c.Store, c.Clock.Now, c.Rules)
	s := &Server{
		ingress: newStripeIngress(c, b, op),
		api:     newAPI(c, b, op),
		keys:    &apiKeys{valid: c.APIKeys, trusted: c.TrustedProxies, allow: c.Allow, wrong: c.WrongKey, clock: c.Clock, log: c.Log},
		proxies: &proxyWatch{trusted: c.TrustedProxies, clock: c.Clock, log: c.Log},
	}
	probes := health{checks: c.Checks, alarms: c.Alarms, log: c.Log}
	s.admin = timed(c.Clock, c.Limits, observe(b, c.Answered, adminRoutes(probes, c.Metrics)))
	s.public = timed(c.Clock, c.Limits, observe(b, c.Answered, s.publicRoutes(c, probes)))
	return s
}

// ServeHTTP answers one request to the public address.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.public.ServeHTTP(w, r) }

// Admin returns the handler of the admin address: health with details, and metrics. It needs no
// key, so serve it on an address that only operators and their monitoring can reach.
func (s *Server) Admin() http.Handler { return s.admin }

// UntrustedProxy returns the address of an untrusted proxy that forwarded requests in the last
// hour; empty if there was none.
func (s *Server) UntrustedProxy() string { return s.proxies.untrusted() }

// Close waits until every accepted event is stored, and logs the counts of wrong API keys that are
// not logged yet. Call it after the HTTP server has stopped.
func (s *Server) Close() {
	s.ingress.inbox.close()
	s.keys.logGuesses(s.keys.guesses.all())
}

// adminRoutes returns the handler of the admin address. metrics may be nil.
func adminRoutes(probes health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", probes.readyzDetails)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return known(mux)
}

// publicRoutes returns the handler of the public address.
func (s *Server) publicRoutes(c Config, probes health) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", probes.readyz)
	if c.HealthOnly {
		return known(mux)
	}
	bytes := newBudgets(c.Limits)
	mux.Handle("POST /webhooks/stripe", metered(bytes.webhooks, http.HandlerFunc(s.ingress.receive)))
	if c.Pay != nil {
		newPayServer(c, bytes.page).routes(mux)
	}
	mux.Handle("/v1/", s.keys.authenticate(metered(bytes.api, readable(known(s.api.mux)))))
	return s.keys.watch(s.proxies.watch(takesPart(c.TakePart, known(mux))))
}
