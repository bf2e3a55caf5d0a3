// Package metrics counts what a process does and shows it to Prometheus. Everything hangs on a
// registry of its own.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tranche/internal/billing"
)

// Metrics is what one process counts. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	calls    *prometheus.HistogramVec
	requests *prometheus.CounterVec
	tries    *prometheus.CounterVec
	declines prometheus.Counter
	guesses  prometheus.Counter
}

// callBuckets reach from a look-up to beyond the longest call there may be; Stripe's charges take
// about a second.
func callBuckets() []float64 { return []float64{.05, .1, .25, .5, 1, 2, 4, 8, 16, 32} }

// New makes the metrics of a process. Add what is looked up at each scrape with Watch.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tranche_attempts_total", Help: "Attempts at charges, by what became of them.",
		}, []string{"outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tranche_stripe_call_duration_seconds", Help: "Calls to Stripe, by operation and kind of failure (ok: none).", Buckets: callBuckets(),
		}, []string{"operation", "kind"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tranche_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "status"}),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tranche_webhook_deliveries_total", Help: "Tries to deliver messages to endpoints, by what became of them.",
		}, []string{"outcome"}),
		declines: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tranche_customer_declines_total", Help: "Cards that customers gave and that were declined.",
		}),
		guesses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tranche_wrong_api_keys_total", Help: "Requests with a wrong API key.",
		}),
	}
	m.registry.MustRegister(m.attempts, m.calls, m.requests, m.tries, m.declines, m.guesses,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Attempt counts an attempt whose outcome was recorded.
func (m *Metrics) Attempt(outcome billing.Outcome) { m.attempts.WithLabelValues(string(outcome)).Inc() }

// CustomerDecline counts a card that a customer gave and that was declined.
func (m *Metrics) CustomerDecline() { m.declines.Inc() }

// WrongKey counts a request with a wrong API key.
func (m *Metrics) WrongKey() { m.guesses.Inc() }

// Call notes a call to Stripe. kind is empty for one that brought what was asked for.
func (m *Metrics) Call(operation string, kind billing.GatewayKind, took time.Duration) {
	if kind == "" {
		kind = "ok"
	}
	m.calls.WithLabelValues(operation, string(kind)).Observe(took.Seconds())
}

// Request counts an answered HTTP request. route is the pattern that took it, and empty when none
// did.
func (m *Metrics) Request(route string, status int) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

// Delivery counts a try to deliver a message to an endpoint.
func (m *Metrics) Delivery(outcome string) { m.tries.WithLabelValues(outcome).Inc() }

// Handler is the page that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
