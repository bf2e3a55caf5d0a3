package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"tranche/internal/hostport"
)

// maxURL limits an endpoint's URL; many servers reject longer URLs.
const maxURL = 2000

// ErrAddress means that an address is not on the Internet. Services next to Tranche, and cloud
// metadata services, are reachable only from inside the network: no endpoint URL may make Tranche
// call them.
var ErrAddress = errors.New("is not an address on the Internet (set TRANCHE_WEBHOOK_ALLOW_PRIVATE=true to allow it)")

// guard returns a check that rejects the addresses of IANA's special-purpose registries: private,
// loopback, link-local, shared (CGNAT), multicast, documentation, IPv4 inside IPv6, and the like.
func guard() *ssrf.Guardian {
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(
		// Azure's metadata service, which lies among public addresses. Source:
		// learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
		netip.MustParsePrefix("168.63.129.16/32"),
	))
}

// CheckAddress checks whether an address may be called. Errors: ErrAddress.
func CheckAddress(ip netip.Addr) error {
	if ip.Zone() != "" || guard().SafeAddr(ip) != nil {
		return fmt.Errorf("%s %w", ip, ErrAddress)
	}
	return nil
}

// control checks every address that the dialer is about to connect to, after the name is resolved.
// The address at the time when the endpoint was created does not matter.
func control(network, address string, _ syscall.RawConn) error {
	host, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%.60s %w", address, ErrAddress)
	}
	return CheckAddress(host.Addr())
}

// CheckURL checks whether messages may be posted to a URL, without a DNS lookup: the resolved
// address is checked at each connection. The error completes "the URL …".
func CheckURL(raw string, allowPrivate bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return errors.New("is not a URL with a host, such as https://shop.example/hooks/tranche")
	}
	switch {
	case len(raw) > maxURL:
		return fmt.Errorf("is longer than %d characters", maxURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !allowPrivate):
		return errors.New("does not begin with https:// (http:// needs TRANCHE_WEBHOOK_ALLOW_PRIVATE=true)")
	case !hostport.CanConnect(u.Port()):
		return fmt.Errorf("has port %.20s, which is not from 1 to 65535", u.Port())
	case u.User != nil:
		return errors.New("contains a user name or a password; receivers authenticate messages by their signature")
	case u.Fragment != "":
		return errors.New("contains a fragment (#…), which is never sent")
	case allowPrivate:
		return nil
	}
	return checkHost(strings.TrimSuffix(u.Hostname(), "."))
}

// checkHost rejects hosts that are private by their name.
func checkHost(host string) error {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return fmt.Errorf("%s %w", host, ErrAddress)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return CheckAddress(ip)
	}
	return nil
}
