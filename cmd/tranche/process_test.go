package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startPatience is the time limit for a process to start listening, or to stop.
const startPatience = 20 * time.Second

// process is a running binary. Both outputs are kept.
type process struct {
	name  string
	addr  string // its address, once known
	admin string // its admin address, likewise
	cmd   *exec.Cmd
	said  *transcript
	ended chan struct{} // closed once the process is gone
}

// startProcess runs the binary until the test ends, and shows its outputs if the test failed.
func startProcess(t *testing.T, name string, env []string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(binary(t), args...), said: &transcript{}, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.said, p.said
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.said.tail(4000))
		}
	})
	return p, nil
}

// says waits until the output of the process matches a pattern, and returns its first group.
func (p *process) says(ctx context.Context, pattern *regexp.Regexp) (string, error) {
	var found string
	err := eventually(ctx, startPatience, func() error {
		if m := pattern.FindStringSubmatch(p.said.String()); m != nil {
			found = m[1]
			return nil
		}
		select {
		case <-p.ended:
			return permanent{fmt.Errorf("%s ended: %s", p.name, p.said.tail(2000))}
		default:
			return fmt.Errorf("%s did not say %s", p.name, pattern)
		}
	})
	return found, err
}

// kill ends the process with SIGKILL, like a power cut, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the process to end and requires a clean exit.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(startPatience):
		require.Fail(t, p.name+" did not stop")
	}
	require.Zero(t, p.cmd.ProcessState.ExitCode(), "%s: %s", p.name, p.said.tail(2000))
}

// transcript holds the output of a process; it is safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String returns the whole output so far.
func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// tail returns the end of the output, at most n bytes, without debug lines.
func (s *transcript) tail(n int) string {
	var b strings.Builder
	for line := range strings.Lines(s.String()) {
		if !strings.Contains(line, `"level":"debug"`) {
			b.WriteString(line)
		}
	}
	return b.String()[max(0, b.Len()-n):]
}

// permanent is an error that more waiting can't fix.
type permanent struct{ error }

// eventually repeats a call until it succeeds, and returns the last error when time is up.
func eventually(ctx context.Context, within time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil || errors.As(err, new(permanent)) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", within, err)
		}
	}
}

// gate is a fixed address in front of processes that start and stop, like a load balancer. Without
// a process it answers 502.
type gate struct {
	URL    string
	behind atomic.Value // string: URL of the process
}

// newGate opens a gate until the test ends.
func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{}
	g.behind.Store("")
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if target, err := url.Parse(g.behind.Load().(string)); err == nil {
				r.SetURL(target)
			}
		},
		Transport:    &http.Transport{DisableKeepAlives: true}, // a connection kept to a killed process would fail the next request
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}
