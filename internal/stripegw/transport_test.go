package stripegw_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// requireUnknown makes every call and requires an unknown outcome with the given text.
func requireUnknown(ctx context.Context, t *testing.T, g *stripegw.Gateway, text string) {
	t.Helper()
	for name, call := range everyCall(g) {
		e := gatewayError(t, call(ctx))
		require.Equal(t, billing.GatewayUnknown, e.Kind, name)
		require.Contains(t, e.Failure.Message, text, name)
		require.True(t, e.Resend())
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: "http://" + l.Addr().String()})
	requireUnknown(t.Context(), t, g, "connection refused")
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL, HTTPTimeout: 20 * time.Millisecond})
	requireUnknown(t.Context(), t, g, "no answer in time")

	patient := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	requireUnknown(ctx, t, patient, "no answer in time")
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	requireUnknown(ctx, t, patient, "canceled")
}

// TestTimeoutInBody reads a response that starts and does not end.
func TestTimeoutInBody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := newGateway(t, stripegw.Config{SecretKey: testKey, HTTPTimeout: 2 * time.Second, // long enough for the header
		APIBase: startServer(t, release, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = w.Write([]byte(`{"error":{"type":"card_error",`))
			w.(http.Flusher).Flush()
			<-release
		})})
	_, err := g.PaymentIntent(t.Context(), "pi_1")
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayUnknown, e.Kind)
	require.Equal(t, http.StatusPaymentRequired, e.HTTPStatus)
}

func startServer(t *testing.T, release chan struct{}, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	return srv.URL
}

// TestBrokenAnswers breaks the connection in the middle of the response.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"nothing":         "",
		"no HTTP":         "SSH-2.0 pi_1_secret_SEEDEDCLIENTSECRET\r\n\r\n",
		"body cut short":  "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"succeeded\"}",
		"error cut short": "HTTP/1.1 402 No\r\nContent-Length: 900\r\n\r\n{\"error\":{\"type\":\"card_error\"}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					_, _ = conn.Write([]byte(raw))
					_ = conn.Close()
				}
			}))
			for call, make := range everyCall(g) {
				err := make(t.Context())
				require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind, call)
				require.NotContains(t, printed(t, err), "SEEDED")
			}
		})
	}
}

func TestAnswerTooLong(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, ok(`{"id":"pi_1","object":"payment_intent","status":"succeeded","x":"`+strings.Repeat("x", 8<<20)+`"}`))
	_, err := g.PaymentIntent(t.Context(), "pi_1")
	require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind)
	require.Contains(t, err.Error(), "too long")
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL})
	_, err := g.PaymentIntent(t.Context(), "pi_1")
	require.Contains(t, err.Error(), "certificate is not trusted")

	trusting := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL, Transport: srv.Client().Transport})
	_, err = trusting.PaymentIntent(t.Context(), "pi_1")
	require.Equal(t, http.StatusNotFound, gatewayError(t, err).HTTPStatus)
}

// TestRedirect: a redirect is not followed, because the key would be sent to another host.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(other.Close)
	g := serve(t, http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	requireUnknown(t.Context(), t, g, "can't be read")
	require.Zero(t, followed.Load())
}

// TestConnectionsReused makes many calls at once, in waves, and counts connections.
func TestConnectionsReused(t *testing.T) {
	t.Parallel()
	const workers, waves = 40, 5
	var opened atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"id":%q,"object":"payment_intent","status":"succeeded"}`, r.Header.Get("Idempotency-Key"))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL})
	for wave := range waves {
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				key := fmt.Sprintf("pi_%d_%d", wave, worker)
				p, err := g.CreatePaymentIntent(t.Context(), key, billing.PaymentParams{Amount: 1, Currency: "usd"})
				if err != nil || p.ID != key {
					t.Errorf("answer %q to %q: %v", p.ID, key, err)
				}
			})
		}
		wg.Wait()
	}
	require.LessOrEqual(t, opened.Load(), int32(2*workers), "of %d calls", workers*waves)
}
