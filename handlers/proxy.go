package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
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

// UntrustedProxy returns the address of an untrusted proxy that forwarded requests in the last
// hour; empty if there was none.
func (s *Server) UntrustedProxy() string {
	s.proxies.mu.Lock()
	defer s.proxies.mu.Unlock()
	if s.proxies.seen.IsZero() || s.Clock.Wall().Sub(s.proxies.seen) > proxySeenFor {
		return ""
	}
	return s.proxies.peer
}

// watchProxies notes and logs requests that an untrusted proxy forwarded.
func (s *Server) watchProxies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, ok := s.untrustedPeer(r); ok && s.proxies.note(peer, s.Clock.Wall()) {
			s.Log.Warn().Str("peer", peer).Msg("requests come through a proxy that TRANCHE_TRUSTED_PROXIES does not name: " +
				"all visitors share its limits, and consents record its address; set TRANCHE_TRUSTED_PROXIES to the addresses of your proxies")
		}
		next.ServeHTTP(w, r)
	})
}

// untrustedPeer returns the peer of a request with a forwarding header, if the peer is not trusted.
func (s *Server) untrustedPeer(r *http.Request) (string, bool) {
	if r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" {
		return "", false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || isTrusted(peer.Addr().Unmap(), s.TrustedProxies) {
		return "", false
	}
	return peer.Addr().Unmap().WithZone("").String(), true
}
