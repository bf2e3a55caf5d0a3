package stripegw_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

const testKey = "sk_test_51SeededSecretKey"

// request is a request that a test server received.
type request struct {
	method, path string
	header       http.Header
	query, form  url.Values
}

// fakeStripe returns its responses in order, and repeats the last one after that.
type fakeStripe struct {
	mu       sync.Mutex
	answers  []answer
	requests []request
}

type answer struct {
	status int
	header map[string]string
	body   string
}

func ok(body string) answer { return answer{status: http.StatusOK, body: body} }

func (f *fakeStripe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	f.mu.Lock()
	f.requests = append(f.requests, request{r.Method, r.URL.EscapedPath(), r.Header.Clone(), r.URL.Query(), form})
	a := f.answers[0]
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	f.mu.Unlock()
	w.Header().Set("Request-Id", "req_test1")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// only returns the one request that was made.
func (f *fakeStripe) only(t *testing.T) request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.requests, 1)
	return f.requests[0]
}

func serve(t *testing.T, h http.Handler) *stripegw.Gateway {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL})
}

func newGateway(t *testing.T, c stripegw.Config) *stripegw.Gateway {
	t.Helper()
	g, err := stripegw.New(c)
	require.NoError(t, err)
	return g
}

func answering(t *testing.T, answers ...answer) (*stripegw.Gateway, *fakeStripe) {
	t.Helper()
	f := &fakeStripe{answers: answers}
	return serve(t, f), f
}

func golden(t testing.TB, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(body)
}

// gatewayError requires err to be a *billing.GatewayError itself, not something that wraps one.
func gatewayError(t *testing.T, err error) *billing.GatewayError {
	t.Helper()
	e, ok := err.(*billing.GatewayError) //nolint:errorlint // the contract promises the bare type
	require.True(t, ok, "got %T: %v", err, err)
	return e
}

// everyCall makes each call of the gateway once.
func everyCall(g *stripegw.Gateway) map[string]func(context.Context) error {
	since := time.Unix(1767225600, 0)
	all := func(billing.PaymentIntent) bool { return true }
	return map[string]func(context.Context) error{
		"create": func(ctx context.Context) error {
			_, err := g.CreatePaymentIntent(ctx, "att_1", billing.PaymentParams{Amount: 100, Currency: "usd"})
			return err
		},
		"confirm": func(ctx context.Context) error {
			p := billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1"}
			_, err := g.ConfirmPaymentIntent(ctx, "att_2", p)
			return err
		},
		"cancel":  func(ctx context.Context) error { _, err := g.CancelPaymentIntent(ctx, "k", "pi_1"); return err },
		"get":     func(ctx context.Context) error { _, err := g.PaymentIntent(ctx, "pi_1"); return err },
		"find":    func(ctx context.Context) error { _, err := g.FindPaymentIntent(ctx, "cus_1", since, all); return err },
		"payment": func(ctx context.Context) error { _, err := g.Payment(ctx, "pi_1"); return err },
		"setup":   func(ctx context.Context) error { _, err := g.SetupIntent(ctx, "seti_1"); return err },
		"method":  func(ctx context.Context) error { _, err := g.PaymentMethod(ctx, "pm_1"); return err },
		"attach": func(ctx context.Context) error {
			_, err := g.AttachPaymentMethod(ctx, "k", "pm_1", "cus_1")
			return err
		},
		"customer": func(ctx context.Context) error {
			_, err := g.CreateCustomer(ctx, "k", billing.CustomerParams{PaymentMethod: "pm_1"})
			return err
		},
		"set up": func(ctx context.Context) error {
			_, err := g.CreateSetupIntent(ctx, "k", billing.SetupParams{Customer: "cus_1"})
			return err
		},
		"exists": func(ctx context.Context) error { _, err := g.CustomerExists(ctx, "cus_1"); return err },
	}
}

// errorBody is an error as Stripe sends it.
func errorBody(typ, code string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"As Stripe words it."}}`, typ, code)
}
