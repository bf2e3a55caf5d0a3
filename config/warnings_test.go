package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

func TestOpenAdmin(t *testing.T) {
	t.Parallel()
	for address, warned := range map[string]bool{
		"": false, "off": false, "127.0.0.1:9464": false, "127.0.0.2:1": false, "localhost:0": false, "[::1]:9464": false,
		":9464": true, "0.0.0.0:9464": true, "[::]:9464": true, "10.0.0.1:9464": true, "metrics.example:9464": true,
	} {
		for _, key := range []string{"sk_live_1", "sk_test_1"} {
			flags := map[string]string{"STRIPE_SECRET_KEY": key, "TRANCHE_ADMIN_ADDR": address}
			c, err := config.LoadFor(config.Sources{Flags: flags}, config.Needs{})
			require.NoError(t, err, address)
			require.Equal(t, c.OpenAdmin(), c.Warnings(), address)
			if !warned {
				require.Empty(t, c.OpenAdmin(), address)
				continue
			}
			require.Len(t, c.OpenAdmin(), 1, address)
			require.Equal(t, "TRANCHE_ADMIN_ADDR", c.OpenAdmin()[0].Setting)
		}
	}
}
