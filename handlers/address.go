package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the address of the client. It reads X-Forwarded-For from the right, as long
// as each address is a trusted proxy: the client may have forged everything left of the first
// untrusted address.
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

// bucketOf returns the name of a token's bucket: a hash, because a reader of Redis could open the
// page with the token.
func bucketOf(token string) string {
	sum := sha256.Sum256([]byte("bucket " + token))
	return hex.EncodeToString(sum[:8])
}
