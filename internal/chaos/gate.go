package main

import (
	"context"
	"errors"

	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// gate is the load balancer in front of the ingresses: round robin, skipping those that do not
// listen. It never repeats a request that was sent: retrying is up to the client.
type gate struct {
	URL    string
	behind []string // host:port
	turn   atomic.Uint64
	server *http.Server
}

// newGate starts a gate.
func newGate(ctx context.Context, behind []string) (*gate, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{URL: "http://" + l.Addr().String(), behind: behind}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "ingress"
		},
		// A kept connection to a killed process would fail the next request.
		Transport:    &http.Transport{DisableKeepAlives: true, DialContext: g.dial},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:     quiet,
	}
	g.server = &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet}
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

// dial connects to the next ingress in turn that listens.
func (g *gate) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	first := g.turn.Add(1)
	err := errors.New("no ingress")
	for i := range g.behind {
		var conn net.Conn
		at := g.behind[(first+uint64(i))%uint64(len(g.behind))]
		if conn, err = (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, at); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// close stops the gate.
func (g *gate) close() { _ = g.server.Close() }

// quiet discards the logs of the harness's own servers. The processes that call them log the same
// failures.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
