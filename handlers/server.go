package handlers

import (
	"context"
	"net/http"
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
	// Verify checks a webhook's signature header against the raw body.
	Verify func(payload []byte, header string, now time.Time) error
	// Parse reads a webhook's body into an event, scrubbed of client secrets.
	Parse func(payload []byte) (billing.Event, error)
	// Received is called with events that were stored for the first time; it must not block. It may be nil.
	Received func(events []billing.Event)
	// Pay is what the recovery page works with; nil means that there is none.
	Pay *PayPage
	// APIKey is the bearer key of /v1.
	APIKey string
	Clock  clock.Clock
	// Grace is the real time for which a stored event is left to its first task before the scheduler looks for it.
	Grace time.Duration
	// Endpoints manages the merchant's endpoints; nil leaves their routes out.
	Endpoints *operator.Endpoints
	// Foretell makes forecasts; nil leaves their route out.
	Foretell Foretell
	// HealthOnly leaves out everything but /healthz, /readyz and /metrics: for processes without the ingress role.
	HealthOnly bool
	// Checks are asked by /readyz, by name.
	Checks map[string]func(ctx context.Context) error
	// Alarms are told by /readyz, by name and number only. It should be cached: the page needs no key. It may be nil.
	Alarms alarm.Checker
	// Metrics is the page at /metrics; nil means none.
	Metrics http.Handler
	// Answered is called with each answered request's route, as a pattern, and status. It may be nil.
	Answered func(route string, status int)
	Log      zerolog.Logger
}

// Server is the HTTP surface. Close it to end its background work.
type Server struct {
	Config
	inbox *inbox
	mux   http.Handler
	csp   string // of the recovery page
	codes string // for the recovery page's script
}

// New makes the HTTP surface.
func New(c Config) *Server {
	s := &Server{Config: c}
	s.inbox = newInbox(c.Store, c.Received)
	if c.Pay != nil {
		s.csp, s.codes = contentPolicy(c.Pay), codesJSON(c.Pay.Reasons)
	}
	s.mux = s.routes()
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close waits until every event taken in is stored. Call it after the HTTP server has stopped.
func (s *Server) Close() { s.inbox.close() }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	if s.HealthOnly {
		return s.observe(s.known(mux))
	}
	mux.HandleFunc("POST /webhooks/stripe", s.stripeWebhook)
	if s.Pay != nil {
		s.payRoutes(mux)
	}
	api := http.NewServeMux()
	api.HandleFunc("POST /v1/plans", s.createPlan)
	api.HandleFunc("GET /v1/plans", s.listPlans)
	api.HandleFunc("GET /v1/plans/{id}", s.showPlan)
	api.HandleFunc("GET /v1/plans/{id}/audit", s.planAudit)
	api.HandleFunc("POST /v1/plans/{id}/pause", s.pausePlan)
	api.HandleFunc("POST /v1/plans/{id}/resume", s.resumePlan)
	api.HandleFunc("POST /v1/plans/{id}/cancel", s.cancelPlan)
	s.changeRoutes(api)
	s.customerRoutes(api)
	api.HandleFunc("GET /v1/export/{what}", s.export)
	if s.Foretell != nil {
		api.HandleFunc("POST /v1/forecast", s.makeForecast)
	}
	api.HandleFunc("GET /v1/notices", s.listNotices)
	if s.Endpoints != nil {
		s.webhookRoutes(api)
	}
	s.linkRoutes(api)
	mux.Handle("/v1/", s.authenticate(s.readable(s.known(api))))
	return s.observe(s.known(mux))
}
