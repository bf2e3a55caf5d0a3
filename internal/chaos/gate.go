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

// gate is the load balancer before the ingresses: it takes turns, and goes to the next where nobody listens. What was
// sent and not answered it does not send again: that is for the sender to decide.
type gate struct {
	URL    string
	behind []string // host:port
	turn   atomic.Uint64
	server *http.Server
}

// newGate opens a gate.
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
		// A connection kept to a process that is killed would fail the next request.
		Transport:    &http.Transport{DisableKeepAlives: true, DialContext: g.dial},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:     quiet,
	}
	g.server = &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet}
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

// dial connects to the ingress whose turn it is, or to the next one that listens.
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

// close ends the gate.
func (g *gate) close() { _ = g.server.Close() }

// quiet is a logger for servers of the harness: what they would say is told by the processes that they serve.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
