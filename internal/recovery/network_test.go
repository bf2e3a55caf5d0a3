package recovery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/recovery"
)

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"203.0.113.9":            "203.0.113.9",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"2001:db8:1:2::1":        "2001:db8:1:2::/64",
		"2001:db8:1:3::1":        "2001:db8:1:3::/64",
		"::1":                    "::/64",
		"::ffff:203.0.113.9":     "::ffff:203.0.113.9",
		"fe80::1%eth0":           "fe80::/64",
		"":                       "",
		"not an address at all!": "not an address at all!",
	} {
		require.Equal(t, want, recovery.NetworkOf(address), address)
	}
}
