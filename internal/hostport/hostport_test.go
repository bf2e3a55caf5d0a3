package hostport_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/hostport"
)

func TestCanConnect(t *testing.T) {
	t.Parallel()
	for port, want := range map[string]bool{
		"": true, "1": true, "443": true, "65535": true, "0": false, "00": false, "65536": false, "99999": false, "-1": false, "http": false,
	} {
		require.Equal(t, want, hostport.CanConnect(port), "%q", port)
	}
}
