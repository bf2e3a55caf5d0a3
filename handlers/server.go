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
	Config
	operator *operator.Operator
	inbox    *inbox
	bytes    budgets

	proxies proxyWatch
	guesses keyGuesses

	// malformed logs signed webhooks that are not valid events, at a limited rate.
	malformed zerolog.Logger

	mux   http.Handler
	csp   string // of the recovery page
	codes string // for the recovery page's script
}

// malformedLines is the maximum number of log lines per minute about malformed webhooks.
const malformedLines = 10

// New returns a Server and starts its background work.
func New(c Config) *Server {
	s := &Server{Config: c, malformed: c.Log.Sample(&zerolog.BurstSampler{Burst: malformedLines, Period: time.Minute})}
	s.operator = operator.New(c.Store, c.Clock.Now, c.Rules)
	s.Limits = c.Limits.withDefaults()
	s.bytes = newBudgets(s.Limits)
	s.inbox = newInbox(c.Store, c.Received)
	if c.Pay != nil {
		s.csp, s.codes = contentPolicy(c.Pay), codesJSON(c.Pay.Reasons)
	}
	s.mux = s.timed(s.routes())
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close waits until every accepted event is stored, and logs the counts of wrong API keys that are
// not logged yet. Call it after the HTTP server has stopped.
func (s *Server) Close() {
	s.inbox.close()
	s.logGuesses(s.guesses.all())
}

// Admin returns the handler of the admin address: health with details, and metrics. It needs no
// key, so serve it on an address that only operators and their monitoring can reach.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyzDetails)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	return s.timed(s.observe(s.known(mux)))
}

// routes returns the handler of the public address.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.HealthOnly {
		return s.observe(s.known(mux))
	}
	mux.Handle("POST /webhooks/stripe", metered(s.bytes.webhooks, http.HandlerFunc(s.stripeWebhook)))
	if s.Pay != nil {
		s.payRoutes(mux)
	}
	mux.Handle("/v1/", s.authenticate(metered(s.bytes.api, s.readable(s.known(s.apiRoutes().mux)))))
	return s.observe(s.watchGuesses(s.watchProxies(s.takesPart(s.known(mux)))))
}
