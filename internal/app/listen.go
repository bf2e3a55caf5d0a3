package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

const (
	// headerTimeout ends connections that never send a request.
	headerTimeout = 10 * time.Second
	// idleTimeout ends connections that send no further request.
	idleTimeout = 2 * time.Minute
	// maxHeader limits the memory for the headers of one connection.
	maxHeader = 64 << 10
)

// listening is an HTTP server and its listener.
type listening struct {
	setting  string // the setting that holds the address
	listener net.Listener
	server   *http.Server
}

// listen opens the address of a setting. Nothing is served yet. The handler sets the deadlines of
// bodies and responses.
func listen(ctx context.Context, setting, address string, handler http.Handler, log zerolog.Logger) (*listening, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", setting, address, err)
	}
	return &listening{setting: setting, listener: listener, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: serverLog(log),
	}}, nil
}

func (l *listening) addr() string { return l.listener.Addr().String() }

// serve serves requests until the server is shut down. Errors: the server ended for another reason.
func (l *listening) serve() error {
	err := l.server.Serve(l.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the HTTP server on %s %s ended: %w", l.setting, l.addr(), err)
}

// shutdown waits for running requests until ctx ends, and then cuts off the others.
func (l *listening) shutdown(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err != nil {
		_ = l.server.Close() // a request that still runs must not find the inbox closed
	}
	return err
}

// close stops listening. It does nothing after shutdown.
func (l *listening) close() { _ = l.listener.Close() }
