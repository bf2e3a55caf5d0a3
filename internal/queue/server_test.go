package queue

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// TestMain keeps go-redis' lines about servers that tests stop out of the output.
func TestMain(m *testing.M) {
	RedirectLogs(zerolog.Nop())
	m.Run()
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for retried, longest := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 1000: time.Minute, -1: time.Minute,
	} {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := retryDelay(retried, failed, nil)
			require.LessOrEqual(t, d, longest)
			require.Greater(t, d, longest/2-1)
			seen[d] = true
		}
		require.Greater(t, len(seen), 10, "it varies")
		require.Zero(t, retryDelay(retried, fmt.Errorf("wrapped: %w", asynq.ErrLeaseExpired), nil))
	}
}

func TestAsynqLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := asynqLog{zerolog.New(&out).Level(zerolog.InfoLevel)}
	l.Debug("d")
	l.Info("i")
	l.Warn("w ", 1)
	l.Error("e")
	l.Fatal("f") // and the process goes on
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	for i, want := range []string{
		`{"level":"warn","from":"asynq","message":"w 1"}`, `{"level":"error","from":"asynq","message":"e"}`,
		`{"level":"error","from":"asynq","message":"f"}`,
	} {
		require.JSONEq(t, want, lines[i])
	}

	out.Reset()
	redisLog{zerolog.New(&out)}.Printf(t.Context(), "dial %d", 1)
	require.JSONEq(t, `{"level":"debug","from":"go-redis","message":"dial 1"}`, out.String())
}

func TestBadServers(t *testing.T) {
	t.Parallel()
	redis, err := Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	good := ServerConfig{Redis: redis, ShortConcurrency: 1, ChargeConcurrency: 1, ShutdownTimeout: time.Second}
	_, err = NewServer(good, nil)
	require.Error(t, err)
	for _, spoil := range []func(*ServerConfig){
		func(c *ServerConfig) { c.ShortConcurrency = 0 },
		func(c *ServerConfig) { c.ChargeConcurrency = -1 },
		func(c *ServerConfig) { c.ShutdownTimeout = 0 },
	} {
		bad := good
		spoil(&bad)
		_, err = NewServer(bad, asynq.NotFoundHandler())
		require.Error(t, err)
	}
}

func TestBadRoutes(t *testing.T) {
	t.Parallel()
	redis, err := Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	for _, r := range []Route{
		{"", 5, time.Second}, {"default", 5, time.Second}, {Charges, 4, time.Second}, {Charges, 0, time.Second}, {Charges, 5, time.Millisecond},
	} {
		_, err := New(redis, map[string]Route{"x": r}, nil)
		require.Error(t, err)
	}
}
