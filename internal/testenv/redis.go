package testenv

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	usualRedis = "redis://127.0.0.1:6379"
	// redisLease is how long a numbered database stays taken after its test was killed.
	redisLease = 10 * time.Minute
	// readyText is the line that Redis and Valkey log when they accept connections.
	readyText = "Ready to accept connections"
)

// Redis returns the URL of an empty Redis of the test's own: a new server if redis-server or
// valkey-server is on PATH, else a numbered database of the server at $TEST_REDIS_URL or
// 127.0.0.1:6379, which is emptied. If TEST_REDIS_URL is set, it comes first.
func Redis(t testing.TB) (redisURL string) {
	t.Helper()
	server := os.Getenv("TEST_REDIS_URL")
	if server == "" {
		if binary := redisBinary(); binary != "" {
			return startRedis(t, binary)
		}
		server = usualRedis
	}
	return borrowRedis(t, server)
}

// RedisServer starts a Redis for the test with arguments such as --maxmemory, and returns its URL.
func RedisServer(t testing.TB, args ...string) (redisURL string) {
	t.Helper()
	binary := redisBinary()
	if binary == "" {
		missing(t, "redis-server or valkey-server")
	}
	return startRedis(t, binary, args...)
}

// redisBinary returns the path of a server's program; "" if there is none.
func redisBinary() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	return ""
}

// startRedis runs a server for one test on a free port. If another program takes the port
// meanwhile, the server ends at once, and the next port is tried.
func startRedis(t testing.TB, binary string, args ...string) (redisURL string) {
	t.Helper()
	var output string
	for range 5 {
		port := freePort(t)
		watch := &watcher{ready: make(chan struct{})}
		cmd := exec.Command(binary, append([]string{
			"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
		}, args...)...)
		cmd.Stdout, cmd.Stderr = watch, watch
		if err := cmd.Start(); err != nil {
			t.Fatalf("start %s: %v", binary, err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		stop := func() { _ = cmd.Process.Kill(); <-ended }
		select {
		case <-watch.ready:
			t.Cleanup(stop)
			return "redis://127.0.0.1:" + port
		case <-ended:
		case <-time.After(20 * time.Second):
			stop()
		}
		output = watch.String()
	}
	t.Fatalf("%s did not start: %s", binary, output)
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port
}

// watcher reads a server's output and signals when the server is ready.
type watcher struct {
	mu     sync.Mutex
	text   bytes.Buffer
	closed bool
	ready  chan struct{}
}

// Write implements io.Writer.
func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.text.Write(p)
		if bytes.Contains(w.text.Bytes(), []byte(readyText)) {
			w.closed = true
			close(w.ready)
		}
	}
	return len(p), nil
}

// String returns the output until the server was ready.
func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// borrowRedis takes one of the server's databases 1 to 15. A key in database 0 marks it as taken
// for tests in other processes, and expires if the test is killed.
func borrowRedis(t testing.TB, server string) (redisURL string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("TEST_REDIS_URL is not a URL")
	}
	u.Path = ""
	options, err := redis.ParseURL(u.String())
	if err != nil {
		t.Fatal("TEST_REDIS_URL is not a Redis URL")
	}
	leases := redis.NewClient(options)
	t.Cleanup(func() { _ = leases.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := leases.Ping(ctx).Err(); err != nil {
		missing(t, fmt.Sprintf("Redis: install redis-server, start one on 127.0.0.1:6379, or set TEST_REDIS_URL: %v", err))
	}
	n := takeDatabase(ctx, t, leases)
	own := *options
	own.DB = n
	client := redis.NewClient(&own)
	defer func() { _ = client.Close() }()
	if err := client.FlushDB(ctx).Err(); err != nil {
		t.Fatalf("empty Redis database %d: %v", n, err)
	}
	u.Path = "/" + strconv.Itoa(n)
	return u.String()
}

// takeDatabase waits for a free number until ctx is done, and releases it at the test's end.
func takeDatabase(ctx context.Context, t testing.TB, leases *redis.Client) int {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		for n := 1; n <= 15; n++ {
			key := fmt.Sprintf("tranche-test-database-%d", n)
			taken, err := leases.SetNX(ctx, key, t.Name(), redisLease).Result()
			if err != nil {
				t.Fatalf("take a Redis database: %v", err)
			}
			if taken {
				t.Cleanup(func() { _ = leases.Del(context.Background(), key).Err() })
				return n
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("all Redis databases 1 to 15 are taken by other tests")
		}
	}
}
