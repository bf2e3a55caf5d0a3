package handlers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/stripegw"
	"tranche/internal/view"
)

// strangers is the number of connections in a flood.
const strangers = 60

// limited serves a surface and counts the connections that it has closed.
type limited struct {
	t    *testing.T
	addr string

	mu     sync.Mutex
	closed int
}

func newLimited(t *testing.T, c handlers.Config) *limited {
	t.Helper()
	c.CheckHeader = func(header string, now time.Time) error { return stripegw.CheckHeader(header, 5*time.Minute, now) }
	c.Verify = func(payload []byte, header string, now time.Time) error {
		return stripegw.VerifySignature(payload, header, []string{webhookSecret}, 5*time.Minute, now)
	}
	c.APIKeys = []string{apiKey}
	h := handlers.New(c)
	l := &limited{t: t}
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			l.mu.Lock()
			l.closed++
			l.mu.Unlock()
		}
	}
	server.Start()
	t.Cleanup(func() { server.Close(); h.Close() })
	l.addr = server.Listener.Addr().String()
	return l
}

// dial opens a connection with a small receive buffer.
func (l *limited) dial() *net.TCPConn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	require.NoError(l.t, tcp.SetReadBuffer(16<<10))
	require.NoError(l.t, tcp.SetDeadline(time.Now().Add(30*time.Second)))
	return tcp
}

// isClosed waits until the server has closed a number of connections.
func (l *limited) isClosed(count int) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.closed >= count
	}, 20*time.Second, 20*time.Millisecond, "connections stay open")
}

// forged is a wrong signature header that can only be detected with the body.
func forged() string {
	return fmt.Sprintf("t=%d,v1=%s", time.Now().Unix(), strings.Repeat("ab", 32))
}

// stalled posts a body of 1 MiB without its end, and returns the status of the answer.
func (l *limited) stalled(signature string) int {
	conn := l.dial()
	go func() {
		_, _ = fmt.Fprintf(conn, "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
			signature, 1<<20, strings.Repeat("x", 1<<20-10))
	}()
	return answered(conn)
}

// answered returns the status of the answer; 0 if the connection was closed without one.
func answered(conn net.Conn) int {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestWebhook_StalledBodies: bodies that never end hold a bounded number of bytes, for a bounded
// time, and an event is stored after them.
func TestWebhook_StalledBodies(t *testing.T) {
	t.Parallel()
	const room = 4
	l := newLimited(t, handlers.Config{Limits: handlers.Limits{Body: time.Second, WebhookBytes: room << 20}})
	var mu sync.Mutex
	answers := map[int]int{}
	var posting sync.WaitGroup
	for range strangers {
		posting.Go(func() {
			status := l.stalled(forged())
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	posting.Wait()
	require.LessOrEqual(t, answers[http.StatusRequestTimeout], room, "%v", answers)
	require.Equal(t, strangers, answers[http.StatusServiceUnavailable]+answers[http.StatusRequestTimeout]+answers[0], "%v", answers)
	require.Positive(t, answers[http.StatusServiceUnavailable], "%v", answers)
	l.isClosed(strangers)

	conn := l.dial()
	body := `{"not": "an event"}`
	_, err := fmt.Fprintf(conn, "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", forged(), len(body), body)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answered(conn), "there is room again")
}

// TestWebhook_UnsignedBodyIsNotRead: the answer does not wait for the body.
func TestWebhook_UnsignedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	l := newLimited(t, handlers.Config{Limits: handlers.Limits{Body: time.Minute}})
	for _, signature := range []string{"", "nonsense", "t=1,v1=" + strings.Repeat("ab", 32), fmt.Sprintf("t=%d,v1=ab", time.Now().Unix())} {
		conn := l.dial()
		_, err := fmt.Fprintf(conn, "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: %s\r\nContent-Length: 1000\r\n\r\n", signature)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, answered(conn), signature)
	}
	l.isClosed(4)
}

// TestAnswer_NotTaken: the connection of a client that reads nothing is closed.
func TestAnswer_NotTaken(t *testing.T) {
	t.Parallel()
	l := newLimited(t, handlers.Config{Limits: handlers.Limits{Answer: 300 * time.Millisecond}, Store: longTable{rows: 1 << 20}})
	for range strangers {
		_, err := fmt.Fprintf(l.dial(), "GET /v1/export/audit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", apiKey)
		require.NoError(t, err)
	}
	l.isClosed(strangers)
}

// longTable has many long rows.
type longTable struct {
	billing.Store
	rows int
}

// Export implements billing.Exporter.
func (l longTable) Export(ctx context.Context, table billing.ExportTable, _ time.Time, row func([]any) error) error {
	values := make([]any, len(table.Columns))
	for i := range values {
		values[i] = strings.Repeat("x", 4<<10)
	}
	for range l.rows {
		if err := row(values); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Update takes the audit entry of the export.
func (l longTable) Update(context.Context, func(tx billing.Tx) error) error { return nil }

// TestExport_OutlivesTheDeadline: a stream continues as long as the client reads it.
func TestExport_OutlivesTheDeadline(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second // a machine that stands still for a moment must not end the stream
	l := newLimited(t, handlers.Config{Limits: handlers.Limits{Answer: limit, Body: limit}, Store: longTable{rows: 400}})
	conn := l.dial()
	began := time.Now()
	_, err := fmt.Fprintf(conn, "GET /v1/export/audit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", apiKey)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	pace := time.NewTicker(limit / 5)
	defer pace.Stop()
	total := int64(0)
	for err == nil {
		var n int64
		n, err = io.CopyN(io.Discard, resp.Body, 1<<20)
		total += n
		<-pace.C
	}
	require.ErrorIs(t, err, io.EOF)
	require.Greater(t, total, int64(20<<20))
	require.Greater(t, time.Since(began), 3*limit)
}

// TestRequest_OutlivesTheBodysDeadline: the deadline of the body does not limit the work.
func TestRequest_OutlivesTheBodysDeadline(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	l := newLimited(t, handlers.Config{
		Limits: handlers.Limits{Answer: limit, Body: limit},
		Forecaster: func(ctx context.Context, _ view.ForecastRequest) (view.Forecast, error) {
			select {
			case <-ctx.Done():
				return view.Forecast{}, ctx.Err()
			case <-time.After(4 * limit):
				return view.Forecast{}, nil
			}
		},
	})
	conn := l.dial()
	for range 2 { // on one connection: a deadline of the answer before is gone
		_, err := fmt.Fprintf(conn, "POST /v1/forecast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 13\r\n\r\n{\"plan\": \"x\"}", apiKey)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answered(conn))
	}
}

func TestUnneededBody_Stalled(t *testing.T) {
	t.Parallel()
	l := newLimited(t, handlers.Config{Limits: handlers.Limits{Body: time.Minute}})
	conn := l.dial()
	_, err := fmt.Fprintf(conn, "POST /v1/forecast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", apiKey)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, answered(conn), "there are no forecasts here")
	l.isClosed(1)
}
