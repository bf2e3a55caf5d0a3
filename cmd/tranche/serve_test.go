package main

import (
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

// TestServe_DeadServer: a process that can no longer be reached exits, so that its supervisor
// restarts it.
func TestServe_DeadServer(t *testing.T) {
	t.Parallel()
	sim := stripesim.New(stripesim.Options{})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	env := map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_serve", "STRIPE_WEBHOOK_SECRET": "whsec_serve", "STRIPE_API_BASE": server.URL,
		"TRANCHE_API_KEY": "api-key-of-the-serve-test-on-loopback", "TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "off",
		"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "tranche.db"),
	}
	var log heard
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"serve"}, func(name string) string { return env[name] }, strings.NewReader(""), &log, &log)
	}()
	var port int
	require.Eventually(t, func() bool {
		at := listening.FindSubmatch(log.bytes())
		if at == nil {
			return false
		}
		_, text, _ := strings.Cut(string(at[1]), ":")
		port, _ = strconv.Atoi(text)
		return true
	}, 20*time.Second, 10*time.Millisecond)
	shutListener(t, port)
	select {
	case code := <-ended:
		require.Equal(t, exitFailed, code)
	case <-time.After(30 * time.Second):
		t.Fatalf("the process goes on: %s", log.bytes())
	}
	require.Contains(t, string(log.bytes()), "the HTTP server on TRANCHE_ADDR")
}

// shutListener closes the listening socket of a port of this process, like a fault of the kernel.
func shutListener(t *testing.T, port int) {
	t.Helper()
	for fd := range 4096 {
		name, err := syscall.Getsockname(fd)
		if err != nil {
			continue
		}
		at, ok := name.(*syscall.SockaddrInet4)
		accepts, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if ok && err == nil && at.Port == port && accepts == 1 {
			require.NoError(t, syscall.Shutdown(fd, syscall.SHUT_RDWR))
			return
		}
	}
	t.Fatalf("no socket of this process listens on port %d", port)
}
