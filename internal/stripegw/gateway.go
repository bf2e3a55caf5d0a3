package stripegw

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

// DefaultHTTPTimeout bounds one call to Stripe when Config says nothing. It stays under the task's
// own timeout, so that a worker learns how its call ended.
const DefaultHTTPTimeout = 25 * time.Second

// APIVersion is the version of Stripe's API that every call asks for.
const APIVersion = stripe.APIVersion

// maxIdleConns is how many connections to Stripe are kept open. Go's default of 2 per host makes
// busy workers open a new TLS connection for most calls.
const maxIdleConns = 128

// Config says how to reach Stripe.
type Config struct {
	SecretKey   string            // sk_… or rk_…
	APIBase     string            // such as http://127.0.0.1:12111; empty means Stripe's own
	HTTPTimeout time.Duration     // of one call, 0 means DefaultHTTPTimeout
	Transport   http.RoundTripper // nil means one with enough idle connections
	Limiter     billing.Limiter   // asked before every call; nil means no limit
	Breaker     *Breaker          // stops calls while Stripe is not answering; nil means none does
	Observe     Observer          // told of each call; nil means nobody is
	// Dated is called with the Date of each answer and how long the call took; zero where an answer has
	// none. It must not block, and may be nil.
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
	refused  refusals // calls for which the key lacks a permission
	rejected rejection
}

var _ billing.Gateway = (*Gateway)(nil)

// String hides the secret key from logs.
func (*Gateway) String() string { return "stripegw.Gateway" }

// GoString hides the secret key from %#v.
func (*Gateway) GoString() string { return "stripegw.Gateway" }

// Livemode says whether the gateway's key moves real money.
func (g *Gateway) Livemode() bool { return g.live }

// New makes a gateway. It fails on a key that is not a Stripe secret key, and on a base that is not
// a URL.
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
		MaxNetworkRetries: stripe.Int64(0), // stripe-go sleeps through a canceled context; retries are the worker's
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // its debug lines are whole answers
	})
	return &Gateway{
		backend: backend, client: client, limiter: c.Limiter, breaker: c.Breaker, observe: c.Observe, key: c.SecretKey, live: live,
	}, nil
}

// Close lets go of the connections that wait for the next call. Calls may still be made.
func (g *Gateway) Close() { g.client.CloseIdleConnections() }

// checkBase refuses what is not an http or https URL. The error does not repeat it: it may hold a
// password.
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

// httpClient follows no redirect: a POST would arrive as a GET, and Stripe sends none.
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

// newTransport is Go's default transport (proxy settings of the environment included) that keeps
// more connections.
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
