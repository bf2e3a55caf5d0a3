package stripegw

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

// DefaultHTTPTimeout bounds one call to Stripe by default. It is shorter than the task's own
// timeout, so that a worker learns how its call ended.
const DefaultHTTPTimeout = 25 * time.Second

// APIVersion is the version of Stripe's API for every call.
const APIVersion = stripe.APIVersion

// maxIdleConns is how many connections to Stripe are kept open. With Go's default of 2 per host,
// busy workers open a new TLS connection for most calls.
const maxIdleConns = 128

// Config holds the settings of a gateway.
type Config struct {
	SecretKey   string            // sk_… or rk_…
	APIBase     string            // such as http://127.0.0.1:12111; empty means Stripe's own
	HTTPTimeout time.Duration     // of one call, 0 means DefaultHTTPTimeout
	Transport   http.RoundTripper // nil means one with enough idle connections
	Limiter     billing.Limiter   // called before every request; nil means no limit
	Breaker     *Breaker          // stops calls while Stripe does not respond; may be nil
	Observe     Observer          // called after each call; may be nil
	// Dated is called with the Date of each response and how long the call took; the date is zero
	// if the response has none. It must not block, and may be nil.
	Dated func(date time.Time, took time.Duration)
}

// String hides the secret key from logs.
func (Config) String() string { return "stripegw.Config" }

// GoString hides the secret key from %#v.
func (Config) GoString() string { return "stripegw.Config" }

// Gateway calls Stripe. It is safe for concurrent use.
type Gateway struct {
	backend  stripe.Backend
	client   *http.Client
	limiter  billing.Limiter
	breaker  *Breaker
	observe  Observer
	key      string
	live     bool
	refused  refusals // permissions that recent calls lacked
	rejected rejection
}

var _ billing.Gateway = (*Gateway)(nil)

// String hides the secret key from logs.
func (*Gateway) String() string { return "stripegw.Gateway" }

// GoString hides the secret key from %#v.
func (*Gateway) GoString() string { return "stripegw.Gateway" }

// Livemode reports whether the gateway's key moves real money.
func (g *Gateway) Livemode() bool { return g.live }

// New returns a gateway. It fails if the key is not a Stripe secret key, or if the base is not a
// URL.
func New(c Config) (*Gateway, error) {
	live, err := KeyMode(c.SecretKey)
	if err != nil {
		return nil, err
	}
	base := stripe.APIURL
	if c.APIBase != "" {
		if base, err = checkBase(c.APIBase); err != nil {
			return nil, err
		}
	}
	client := httpClient(c)
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:               stripe.String(base),
		HTTPClient:        client,
		MaxNetworkRetries: stripe.Int64(0), // stripe-go ignores a canceled context between retries; the worker retries
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // its debug lines contain whole responses
	})
	return &Gateway{
		backend: backend, client: client, limiter: c.Limiter, breaker: c.Breaker, observe: c.Observe, key: c.SecretKey, live: live,
	}, nil
}

// Close closes idle connections. Calls may still be made.
func (g *Gateway) Close() { g.client.CloseIdleConnections() }

// checkBase refuses a base that is not an http or https URL. The error does not quote it, because
// it may contain a password.
func checkBase(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("stripe API base: not an http or https URL")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("stripe API base: has a query or a fragment")
	}
	return base, nil
}

// httpClient returns a client that follows no redirects: a POST would be repeated as a GET, and
// Stripe sends no redirects.
func httpClient(c Config) *http.Client {
	timeout := c.HTTPTimeout
	if timeout <= 0 {
		timeout = DefaultHTTPTimeout
	}
	next := c.Transport
	if next == nil {
		next = newTransport()
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     recorder{next: next, dated: c.Dated},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport returns Go's default transport (with the proxy settings of the environment) with
// more idle connections.
func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t = t.Clone()
	t.MaxIdleConns = maxIdleConns
	t.MaxIdleConnsPerHost = maxIdleConns
	return t
}
