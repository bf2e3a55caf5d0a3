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

// Config is what the HTTP surface works with.
type Config struct {
	Store   billing.Store
	Planner *planning.Planner
	// Rules are what the settings say of all plans: changes keep to them.
	Rules billing.Rules
	// CheckHeader refuses a webhook by its signature header alone, before the body is read. It may be
	// nil.
	CheckHeader func(header string, now time.Time) error
	// Verify checks a webhook's signature header against the raw body.
	Verify func(payload []byte, header string, now time.Time) error
	// Parse reads a webhook's body into an event, scrubbed of client secrets.
	Parse func(payload []byte) (billing.Event, error)
	// Received is called with events that were stored for the first time; it must not block. It may
	// be nil.
	Received func(events []billing.Event)
	// Pay is what the recovery page works with; nil means that there is none.
	Pay *PayPage
	// Allow counts a request against a bucket, of which a minute holds so many, and returns how long to
	// wait when it is full; 0 means go on. It may be nil.
	Allow func(ctx context.Context, bucket string, perMinute int) (wait time.Duration)
	// APIKeys are the bearer keys of /v1, each as good as the other.
	APIKeys []string
	Clock   clock.Clock
	// Grace is the real time for which a stored event is left to its first task before the
	// scheduler looks for it.
	Grace time.Duration
	// Endpoints manages the merchant's endpoints; nil leaves their routes out.
	Endpoints *operator.Endpoints
	// Forecaster makes forecasts; nil leaves their route out.
	Forecaster Forecaster
	// TakePart reports why this process must write nothing, such as a wrong clock or another account's
	// key. It may be nil.
	TakePart func() error
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// HealthOnly leaves out everything but /healthz and /readyz: for processes without the ingress
	// role.
	HealthOnly bool
	// Checks are made by /readyz. Their names are shown by Admin alone.
	Checks map[string]func(ctx context.Context) error
	// Alarms are listed by Admin's /readyz, by name and number only. It should be cached: the page
	// needs no key. It may be nil.
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

// Server is the HTTP surface. Close it to end its background work.
type Server struct {
	Config
	inbox *inbox
	bytes budgets

	proxies proxyWatch
	guesses keyGuesses

	// malformed logs signed webhooks that are no events, of which there may be many.
	malformed zerolog.Logger

	mux   http.Handler
	csp   string // of the recovery page
	codes string // for the recovery page's script
}

// malformedLines is how many lines a minute malformed webhooks get in the log.
const malformedLines = 10

// New makes the HTTP surface.
func New(c Config) *Server {
	s := &Server{Config: c, malformed: c.Log.Sample(&zerolog.BurstSampler{Burst: malformedLines, Period: time.Minute})}
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

// Close waits until every event taken in is stored, and logs the wrong API keys that are counted
// and not logged yet. Call it after the HTTP server has stopped.
func (s *Server) Close() {
	s.inbox.close()
	s.logGuesses(s.guesses.all())
}

// Admin returns the surface of the admin address: health with details, and metrics. It needs no
// key, so serve it only where operators and their monitoring reach it.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyzDetails)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	return s.timed(s.observe(s.known(mux)))
}

// routes is the public surface.
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
