package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is the connection between Tranche and Stripe. It can be slow, lose a request or lose an
// answer. A delivered request is executed even if the sender is killed meanwhile, as at Stripe.
type wire struct {
	URL string

	mu      sync.Mutex
	payment fate
}

// fate decides about one request: the request is executed when deliver is called, and answered if
// fate returns true. ctx ends when the sender is gone.
type fate func(ctx context.Context, r *http.Request, deliver func()) (answer bool)

// newWire opens a wire to the simulator until the test ends.
func newWire(t *testing.T, sim string) *wire {
	t.Helper()
	w := &wire{}
	w.onPayment(func(_ context.Context, _ *http.Request, deliver func()) bool { deliver(); return true })
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		deliver := func() { deliverTo(rw, r, sim, body) }
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/payment_intents") {
			deliver()
			return
		}
		w.mu.Lock()
		payment := w.payment
		w.mu.Unlock()
		if !payment(r.Context(), r, deliver) {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

// onPayment sets the fate of requests that create or confirm a PaymentIntent.
func (w *wire) onPayment(f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.payment = f
}

// deliverTo executes a request at Stripe, even if its sender is gone, and writes the answer.
func deliverTo(rw http.ResponseWriter, r *http.Request, sim string, body []byte) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, sim+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	maps.Copy(rw.Header(), resp.Header)
	rw.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(rw, resp.Body) // the sender may be gone
}

// offSession reports whether a request charges a saved card: it creates an off-session
// PaymentIntent, or confirms one again.
func offSession(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && strings.Contains(string(body), "off_session=true")
}

func TestWireAnswersAsStripeDoes(t *testing.T) {
	t.Parallel()
	sim := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Request-Id", r.Header.Get("Idempotency-Key"))
		rw.WriteHeader(http.StatusPaymentRequired)
		_, _ = io.Copy(rw, r.Body)
	}))
	t.Cleanup(sim.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, newWire(t, sim.URL).URL+"/v1/payment_intents?x=y", strings.NewReader("amount=1"))
	require.NoError(t, err)
	req.Header.Set("Idempotency-Key", "key-1")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "amount=1", string(answer))
	require.Equal(t, http.StatusPaymentRequired, resp.StatusCode)
	require.Equal(t, "key-1", resp.Header.Get("Request-Id"))
}
