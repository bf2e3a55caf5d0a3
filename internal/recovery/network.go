package recovery

import "net/netip"

// networkBits is the prefix length of the network that an IPv6 provider assigns to one customer,
// who may use any address in it.
const networkBits = 64

// NetworkOf returns the network that an address counts as: its /64 for an IPv6 address, and the
// address itself for IPv4. Text that is not an address is returned as it is.
func NetworkOf(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is6() || a.Is4In6() {
		return address
	}
	return netip.PrefixFrom(a.WithZone(""), networkBits).Masked().String()
}
