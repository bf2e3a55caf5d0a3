package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// proxySeenFor is how long a request through a proxy that no setting names is remembered.
	proxySeenFor = time.Hour
	// proxyLogEvery is how often such requests are logged.
	proxyLogEvery = time.Hour
)

// proxyWatch remembers requests that a proxy sent on which TRANCHE_TRUSTED_PROXIES does not name:
// its address then stands in for every customer's.
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

// UntrustedProxy returns the address of a proxy that sent requests on in the last hour and is not
// trusted; empty when there was none.
func (s *Server) UntrustedProxy() string {
	s.proxies.mu.Lock()
	defer s.proxies.mu.Unlock()
	if s.proxies.seen.IsZero() || s.Clock.Wall().Sub(s.proxies.seen) > proxySeenFor {
		return ""
	}
	return s.proxies.peer
}

// watchProxies notes requests that were sent on by a proxy that is not trusted.
func (s *Server) watchProxies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, ok := s.untrustedPeer(r); ok && s.proxies.note(peer, s.Clock.Wall()) {
			s.Log.Warn().Str("peer", peer).Msg("requests come through a proxy that TRANCHE_TRUSTED_PROXIES does not name: " +
				"all visitors share its limits, and consents hold its address; set TRANCHE_TRUSTED_PROXIES to the addresses of your proxies")
		}
		next.ServeHTTP(w, r)
	})
}

// untrustedPeer is the peer of a request that says that it was sent on, unless the peer is trusted.
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
