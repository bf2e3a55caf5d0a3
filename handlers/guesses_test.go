package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/clock"
	"tranche/internal/store/storetest"
)

// keySurface is the HTTP surface with a limiter, and a wall clock that the test moves.
type keySurface struct {
	*surface
	log lockedLog

	mu      sync.Mutex
	now     time.Time
	buckets map[string]int
	wrong   int
}

func newKeySurface(t *testing.T) *keySurface {
	t.Helper()
	k := &keySurface{now: time.Now(), buckets: map[string]int{}}
	k.surface = newSurface(t, storetest.SQLite(t), func(c *handlers.Config) {
		c.Clock = clock.New(time.Time{}, 0, func() time.Time { k.mu.Lock(); defer k.mu.Unlock(); return k.now })
		c.Log, c.TrustedProxies = zerolog.New(&k.log), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.WrongKey = func() { k.wrong++ }
		c.Allow = func(_ context.Context, bucket string, perMinute int) time.Duration {
			k.buckets[bucket]++
			if k.buckets[bucket] > perMinute {
				return 1500 * time.Millisecond
			}
			return 0
		}
	})
	return k
}

// from sends a request from an address.
func (k *keySurface) from(address, authorization string) answer {
	k.t.Helper()
	header := http.Header{"X-Forwarded-For": {address}}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return k.do(http.MethodGet, "/v1/plans", header, "")
}

// later moves the clock, and sends a probe.
func (k *keySurface) later(d time.Duration) {
	k.t.Helper()
	k.mu.Lock()
	k.now = k.now.Add(d)
	k.mu.Unlock()
	require.Equal(k.t, http.StatusOK, k.do(http.MethodGet, "/healthz", nil, "").status)
}

// warned returns the logged warnings about wrong keys, as network and count.
func (k *keySurface) warned() (lines []string) {
	k.t.Helper()
	for line := range strings.Lines(k.log.String()) {
		var l struct {
			Level, Network, Message string
			Count                   int
		}
		require.NoError(k.t, json.Unmarshal([]byte(line), &l))
		if l.Message == "requests with a wrong API key" {
			require.Equal(k.t, "warn", l.Level)
			lines = append(lines, fmt.Sprint(l.Network, " ", l.Count))
		}
	}
	return lines
}

// TestWrongKeys_Limited by network, while the right key is answered from everywhere.
func TestWrongKeys_Limited(t *testing.T) {
	t.Parallel()
	k := newKeySurface(t)
	const network = "2001:db8:1:2::/64"
	for i := range 25 {
		a := k.from(fmt.Sprintf("2001:db8:1:2::%x", i), "Bearer wrong-key")
		if i < 20 {
			require.Equal(t, http.StatusUnauthorized, a.status, i)
			require.Equal(t, "unauthorized", a.problem(t).Code)
			continue
		}
		require.Equal(t, http.StatusTooManyRequests, a.status, i)
		require.Equal(t, "2", a.header.Get("Retry-After"))
		require.Equal(t, "too_often", a.problem(t).Code)
		require.Equal(t, http.StatusOK, k.from("2001:db8:1:2::1", "Bearer "+apiKey).status)
	}
	require.Equal(t, http.StatusUnauthorized, k.from("2001:db8:1:3::1", "Bearer wrong-key").status, "another network")
	require.Equal(t, map[string]int{"api:wrong:" + network: 25, "api:wrong:2001:db8:1:3::/64": 1}, k.buckets)
	for _, none := range []string{"", "Basic wrong-key", "Bearer"} {
		require.Equal(t, http.StatusUnauthorized, k.from("2001:db8:1:2::1", none).status, "no key is no guess: %q", none)
	}
	require.Equal(t, 26, k.wrong)
}

// TestWrongKeys_Logged once a minute for each network, with the count and without the key.
func TestWrongKeys_Logged(t *testing.T) {
	t.Parallel()
	var k *keySurface
	t.Cleanup(func() { // runs after the surface is closed
		require.Equal(t, []string{"192.0.2.7 1", "192.0.2.7 2"}, k.warned()[5:], "a stop loses none")
		require.NotContains(t, k.log.String(), "hunter2")
	})
	k = newKeySurface(t)
	guess := func(address string, times int) {
		for range times {
			k.from(address, "Bearer hunter2-hunter2")
		}
	}
	guess("192.0.2.7", 30)
	guess("192.0.2.8", 1)
	require.Equal(t, []string{"192.0.2.7 1", "192.0.2.8 1"}, k.warned())
	k.later(59 * time.Second)
	require.Len(t, k.warned(), 2)
	k.later(time.Second)
	require.Equal(t, "192.0.2.7 29", k.warned()[2])
	guess("192.0.2.7", 4)
	require.Len(t, k.warned(), 3, "the minute is not over")
	guess("192.0.2.8", 1)
	require.Equal(t, "192.0.2.8 1", k.warned()[3], "its minute was over without another")
	k.later(30 * time.Second)
	require.Len(t, k.warned(), 4)
	k.later(30 * time.Second)
	require.Equal(t, "192.0.2.7 4", k.warned()[4])
	k.later(time.Hour)
	guess("192.0.2.7", 3)
}

// TestWrongKeys_ManyNetworks: a flood uses bounded memory and log lines.
func TestWrongKeys_ManyNetworks(t *testing.T) {
	t.Parallel()
	k := newKeySurface(t)
	for i := range 1100 {
		k.from(fmt.Sprintf("10.0.%d.%d", i/250, i%250), "Bearer wrong-key")
	}
	lines := k.warned()
	require.Len(t, lines, 1001)
	require.Equal(t, "others 1", lines[1000])
	k.later(time.Minute)
	require.Equal(t, []string{"others 99"}, k.warned()[1001:])
}
