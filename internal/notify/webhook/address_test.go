package webhook_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/notify/webhook"
)

// closed lists the networks without any host on the Internet, by purpose. It is written by hand
// from the registries of IANA, so that it does not repeat the library's list.
func closed() map[string][]string {
	return map[string][]string{
		"this network":      {"0.0.0.0/8", "::/128"},
		"private":           {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
		"loopback":          {"127.0.0.0/8", "::1/128"},
		"link-local":        {"169.254.0.0/16", "fe80::/10"},
		"shared (CGNAT)":    {"100.64.0.0/10"},
		"multicast":         {"224.0.0.0/4", "ff00::/8"},
		"reserved":          {"240.0.0.0/4", "255.255.255.255/32", "192.0.0.0/24", "100::/64", "fec0::/10"},
		"documentation":     {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"},
		"benchmarks":        {"198.18.0.0/15", "2001:2::/48"},
		"IPv4 inside IPv6":  {"::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"},
		"metadata of cloud": {"169.254.169.254/32", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"},
	}
}

func TestCheckAddress_NotOnTheInternet(t *testing.T) {
	t.Parallel()
	for what, networks := range closed() {
		for _, network := range networks {
			prefix := netip.MustParsePrefix(network)
			require.ErrorIs(t, webhook.CheckAddress(prefix.Addr()), webhook.ErrAddress, "%s %s", what, network)
			rapid.Check(t, func(t *rapid.T) {
				ip := anyIn(t, prefix)
				require.ErrorIs(t, webhook.CheckAddress(ip), webhook.ErrAddress, "%s", what)
				if ip.Is4() { // the same host, written as IPv6
					require.ErrorIs(t, webhook.CheckAddress(netip.AddrFrom16(ip.As16())), webhook.ErrAddress)
				}
			})
		}
	}
}

// anyIn draws an address of a network.
func anyIn(t *rapid.T, p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := range raw {
		mask := byte(0xff) // free bits
		if left := p.Bits() - 8*i; left > 0 {
			mask = 0xff >> min(left, 8)
		}
		raw[i] |= rapid.Byte().Draw(t, "byte") & mask
	}
	ip, _ := netip.AddrFromSlice(raw)
	return ip
}

func TestCheckAddress_OnTheInternet(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"1.1.1.1", "8.8.8.8", "104.16.0.1", "172.15.255.255", "172.32.0.0", "192.167.255.255", "100.63.255.255", "100.128.0.0",
		"126.255.255.255", "128.0.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"} {
		require.NoError(t, webhook.CheckAddress(netip.MustParseAddr(ip)), ip)
	}
	require.ErrorIs(t, webhook.CheckAddress(netip.MustParseAddr("2606:4700:4700::1111%eth0")), webhook.ErrAddress, "zones are local to this machine")
}

func TestCheckURL_NotAnEndpoint(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                                       "is not a URL",
		"shop.example":                           "is not a URL",
		"https:":                                 "is not a URL",
		"https://":                               "is not a URL",
		"https://:443/":                          "is not a URL",
		"mailto:a@b":                             "is not a URL",
		"https://a b/":                           "is not a URL",
		"http://shop.example/":                   "does not begin with https://",
		"ftp://shop.example/":                    "does not begin with https://",
		"file:///etc/passwd":                     "is not a URL",
		"https://shop.example:0/":                "has port 0",
		"https://shop.example:99999/":            "has port 99999",
		"https://user@shop.example/":             "contains a user name",
		"https://user:pw@shop.example/":          "contains a user name",
		"https://shop.example/#x":                "contains a fragment",
		"https://localhost/":                     "not an address on the Internet",
		"https://LOCALHOST./":                    "not an address on the Internet",
		"https://a.localhost/":                   "not an address on the Internet",
		"https://127.0.0.1/":                     "not an address on the Internet",
		"https://10.1.2.3:8443/x":                "not an address on the Internet",
		"https://[::1]/":                         "not an address on the Internet",
		"https://[::ffff:127.0.0.1]/":            "not an address on the Internet",
		"https://[::ffff:8.8.8.8]/":              "not an address on the Internet",
		"https://[fe80::1%25eth0]/":              "not an address on the Internet",
		"https://169.254.169.254/latest/":        "not an address on the Internet",
		"https://a/" + strings.Repeat("x", 2000): "is longer than",
	} {
		require.ErrorContains(t, webhook.CheckURL(raw, false), want, raw)
	}
	for _, raw := range []string{"https://shop.example/hooks?token=x", "https://shop.example:8443", "https://1.1.1.1/", "HTTPS://Shop.Example/"} {
		require.NoError(t, webhook.CheckURL(raw, false), raw)
	}
	for _, raw := range []string{"http://127.0.0.1:9000/", "http://localhost/", "https://10.0.0.1/", "http://receiver:8080/hook"} {
		require.NoError(t, webhook.CheckURL(raw, true), raw)
	}
	for _, raw := range []string{"ftp://127.0.0.1/", "http://user@127.0.0.1/", ""} {
		require.Error(t, webhook.CheckURL(raw, true), raw)
	}
}
