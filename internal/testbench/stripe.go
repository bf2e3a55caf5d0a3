package testbench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

// OnRequest is called with a request before it is answered.
type OnRequest func(r *http.Request)

// wires is how the bench reaches the simulator.
type wires struct {
	stripe    string            // the URL of Stripe's API
	transport http.RoundTripper // nil for the network
}

// connect starts the simulator, which posts its webhooks to the bench.
func (b *Bench) connect(c Config) wires {
	options := stripesim.Options{
		Now: b.Now, WebhookConcurrency: 1, Seed: c.Seed,
		Webhooks: []stripesim.WebhookEndpoint{{URL: "http://shop.test/", Secret: "whsec_test", Connect: c.Account != ""}},
	}
	if c.Bubble {
		options.WebhookTransport = direct{handler: &b.received}
	} else {
		options.Webhooks[0].URL = b.serve(&b.received)
	}
	b.Arrivals = options.Webhooks[0].URL
	if b.real {
		options.Wall = b.Now
	}
	b.Platform = stripesim.New(options)
	if b.Sim = b.Platform; c.Account != "" {
		b.Sim = b.Platform.Connect(c.Account)
	}
	way := wires{"http://stripe.test", direct{b.Platform, c.OnRequest}}
	b.Browser = &stripesim.Browser{BaseURL: way.stripe, Account: c.Account, Client: &http.Client{Transport: direct{handler: b.Platform}}}
	if !c.Bubble {
		way = wires{b.serve(b.Platform), nil}
		b.Browser = &stripesim.Browser{BaseURL: way.stripe, Account: c.Account}
	}
	b.t.Cleanup(b.Platform.Close) // before the server, which waits for requests that the simulator holds
	return way
}

// serve serves a handler until the test ends, and returns its URL.
func (b *Bench) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	b.t.Cleanup(server.Close)
	return server.URL
}

// direct answers requests with a handler in the caller's goroutine.
type direct struct {
	handler http.Handler
	before  OnRequest // may be nil
}

// RoundTrip serves the request. A handler that breaks the connection counts as a failed transport.
func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if d.before != nil {
		d.before(r)
	}
	defer func() {
		if what := recover(); what != nil {
			if failed, ok := what.(error); !ok || !errors.Is(failed, http.ErrAbortHandler) {
				panic(what)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	out := httptest.NewRecorder()
	d.handler.ServeHTTP(out, served)
	return out.Result(), nil
}

// inbox keeps the bodies of webhooks.
type inbox struct {
	mu     sync.Mutex
	bodies [][]byte
}

// ServeHTTP keeps a webhook.
func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bodies = append(i.bodies, body)
}

// Arrived waits until every webhook was delivered and takes their bodies.
func (b *Bench) Arrived() [][]byte {
	b.t.Helper()
	if b.bubble {
		synctest.Wait()
	} else {
		ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
		defer cancel()
		require.NoError(b.t, b.Sim.Drain(ctx))
	}
	b.received.mu.Lock()
	defer b.received.mu.Unlock()
	bodies := b.received.bodies
	b.received.bodies = nil
	return bodies
}
