package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// maxURL bounds an endpoint's URL; longer ones are refused by many servers.
const maxURL = 2000

// ErrAddress: the address is not one on the Internet. What runs beside Tranche, and the cloud's own services, are reached
// by addresses that nobody else can reach: a URL must not make Tranche ask them.
var ErrAddress = errors.New("is not an address on the Internet (set TRANCHE_WEBHOOK_ALLOW_PRIVATE=true to allow it)")

// guard refuses addresses of IANA's special-purpose registries: private, loopback, link-local, shared (CGNAT), multicast,
// documentation, IPv4 inside IPv6, and the like.
func guard() *ssrf.Guardian {
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(
		// Azure's own service for its machines, which lies among public addresses.
		// Source: learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
		netip.MustParsePrefix("168.63.129.16/32"),
	))
}

// CheckAddress says whether an address may be connected to. Errors: ErrAddress.
func CheckAddress(ip netip.Addr) error {
	if ip.Zone() != "" || guard().SafeAddr(ip) != nil {
		return fmt.Errorf("%s %w", ip, ErrAddress)
	}
	return nil
}

// control is asked by the dialer for every address it is about to connect to, after names are resolved: what a name meant
// when the endpoint was made does not matter.
func control(network, address string, _ syscall.RawConn) error {
	host, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%.60s %w", address, ErrAddress)
	}
	return CheckAddress(host.Addr())
}

// CheckURL says whether messages may be posted to a URL, as far as that can be told without asking anybody: what a name
// resolves to is checked at each connection. The error completes "the URL …".
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
	case u.User != nil:
		return errors.New("holds a user name or a password; signatures are what tells a message from a forged one")
	case u.Fragment != "":
		return errors.New("holds a fragment (#…), which is never sent")
	case allowPrivate:
		return nil
	}
	return checkHost(strings.TrimSuffix(u.Hostname(), "."))
}

// checkHost refuses hosts that say by themselves that they are private.
func checkHost(host string) error {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return fmt.Errorf("%s %w", host, ErrAddress)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return CheckAddress(ip)
	}
	return nil
}
