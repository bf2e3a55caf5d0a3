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
	// maxHeader bounds the memory that the headers of one connection take.
	maxHeader = 64 << 10
)

// listening is an HTTP server and the address that it answers on.
type listening struct {
	setting  string // that names the address
	listener net.Listener
	server   *http.Server
}

// listen opens the address of a setting. Nothing is served yet. The deadlines of bodies and answers
// are the handler's.
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

// serve answers until the server is shut down. Errors: why it ended without that.
func (l *listening) serve() error {
	err := l.server.Serve(l.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the HTTP server on %s %s ended: %w", l.setting, l.addr(), err)
}

// shutdown lets requests end until ctx does, and cuts off the others.
func (l *listening) shutdown(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err != nil {
		_ = l.server.Close() // a request that still runs must not find the inbox closed
	}
	return err
}

// close stops listening. It does nothing after shutdown.
func (l *listening) close() { _ = l.listener.Close() }
