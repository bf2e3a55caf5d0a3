package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/clock"
)

const (
	// proxySeenFor is how long a request through an untrusted proxy is remembered.
	proxySeenFor = time.Hour
	// proxyLogEvery is how often such requests are logged.
	proxyLogEvery = time.Hour
)

// proxyWatch remembers requests from a proxy that TRANCHE_TRUSTED_PROXIES does not name. The
// address of such a proxy counts as the address of every customer.
type proxyWatch struct {
	trusted []netip.Prefix
	clock   clock.Clock
	log     zerolog.Logger

	mu     sync.Mutex
	peer   string
	seen   time.Time
	logged time.Time
}

// note remembers a peer, and reports whether to log it.
func (p *proxyWatch) note(peer string, now time.Time) (log bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peer, p.seen = peer, now
	if !p.logged.IsZero() && now.Sub(p.logged) < proxyLogEvery {
		return false
	}
	p.logged = now
	return true
}

// untrusted returns the address of an untrusted proxy that forwarded requests in the last hour;
// empty if there was none.
func (p *proxyWatch) untrusted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen.IsZero() || p.clock.Wall().Sub(p.seen) > proxySeenFor {
		return ""
	}
	return p.peer
}

// watch notes and logs requests that an untrusted proxy forwarded.
func (p *proxyWatch) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, ok := p.untrustedPeer(r); ok && p.note(peer, p.clock.Wall()) {
			p.log.Warn().Str("peer", peer).Msg("requests come through a proxy that TRANCHE_TRUSTED_PROXIES does not name: " +
				"all visitors share its limits, and consents record its address; set TRANCHE_TRUSTED_PROXIES to the addresses of your proxies")
		}
		next.ServeHTTP(w, r)
	})
}

// untrustedPeer returns the peer of a request with a forwarding header, if the peer is not trusted.
func (p *proxyWatch) untrustedPeer(r *http.Request) (string, bool) {
	if r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" {
		return "", false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || isTrusted(peer.Addr().Unmap(), p.trusted) {
		return "", false
	}
	return peer.Addr().Unmap().WithZone("").String(), true
}
