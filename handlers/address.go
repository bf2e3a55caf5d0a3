package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress is where a request comes from. What stands in X-Forwarded-For is believed from the
// right, as far as the proxies that wrote it are trusted: whatever is left of the first other
// address may be made up.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(at, trusted) {
			break
		}
		next, err := parseHop(hop)
		if err != nil {
			break
		}
		at = next
	}
	return at.WithZone("").String()
}

// parseHop reads an address, which some proxies write with a port.
func parseHop(hop string) (netip.Addr, error) {
	hop = strings.TrimSpace(hop)
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return withPort.Addr().Unmap(), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	return addr.Unmap(), err
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// bucketOf names a token's bucket without telling the token, which opens a page, to whoever reads
// Redis.
func bucketOf(token string) string {
	sum := sha256.Sum256([]byte("bucket " + token))
	return hex.EncodeToString(sum[:8])
}
