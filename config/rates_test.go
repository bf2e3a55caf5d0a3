package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

func TestTheRatesFollowTheModeOfTheKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flags         map[string]string
		reads, writes int
	}{
		"a test key":   {map[string]string{"STRIPE_SECRET_KEY": "sk_test_1"}, 20, 20},
		"a live key":   {map[string]string{"STRIPE_SECRET_KEY": "rk_live_1"}, 80, 80},
		"one is given": {map[string]string{"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WRITE_RATE": "500"}, 80, 500},
		"both are":     {map[string]string{"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_READ_RATE": "7", "STRIPE_WRITE_RATE": "9"}, 7, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(config.Sources{Flags: tc.flags})
			require.NoError(t, err)
			reads, writes := c.StripeRates()
			require.Equal(t, []int{tc.reads, tc.writes}, []int{reads, writes})
		})
	}
}
