package recovery

import "net/netip"

// networkBits is what an IPv6 provider gives one customer, who may use any address in it.
const networkBits = 64

// NetworkOf is what an address is counted by: an IPv6 address counts as its /64. Text that is no
// address is returned as it is.
func NetworkOf(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is6() || a.Is4In6() {
		return address
	}
	return netip.PrefixFrom(a.WithZone(""), networkBits).Masked().String()
}
