package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

// goodKey has 32 characters, ten of them different.
const goodKey = "0123456789" + "0000000000" + "1111111111" + "22"

// TestWeakKeys: a weak key is refused with a live Stripe key, causes a warning with a test key, and
// is never printed.
func TestWeakKeys(t *testing.T) {
	t.Parallel()
	const short, uniform = "shorter than 32 characters", "made of fewer than 10 different characters"
	for name, tc := range map[string]struct{ setting, value, problem string }{
		"API key":                            {"TRANCHE_API_KEY", goodKey, ""},
		"API key, 31 characters":             {"TRANCHE_API_KEY", goodKey[:31], "is " + short},
		"API key, 31 characters, more bytes": {"TRANCHE_API_KEY", "é" + goodKey[:30], "is " + short},
		"API key, nine different":            {"TRANCHE_API_KEY", strings.ReplaceAll(goodKey, "9", "8"), "is " + uniform},
		"secret key":                         {"TRANCHE_SECRET_KEY", goodKey, ""},
		"secret key, nine different":         {"TRANCHE_SECRET_KEY", strings.ReplaceAll(goodKey, "9", "8"), "is " + uniform},
		"two API keys":                       {"TRANCHE_API_KEY", goodKey + "," + goodKey + "x", ""},
		"second API key":                     {"TRANCHE_API_KEY", goodKey + "," + goodKey[:31], "has 2 keys, and number 2 is " + short},
		"first of two secret keys":           {"TRANCHE_SECRET_KEY", strings.Repeat("k", 32) + "," + goodKey, "has 2 keys, and number 1 is " + uniform},
	} {
		for _, stripe := range []string{"sk_live_1", "rk_live_1", "sk_test_1", "rk_test_1"} {
			live := strings.Contains(stripe, "live")
			flags := map[string]string{"STRIPE_SECRET_KEY": stripe, "STRIPE_WEBHOOK_SECRET": "whsec_1", "TRANCHE_API_KEY": goodKey, tc.setting: tc.value}
			c, err := config.LoadFor(config.Sources{Flags: flags}, config.NeedsServe)
			var want []config.Fault
			if tc.problem != "" {
				want = []config.Fault{{Setting: tc.setting, Problem: tc.problem, Hint: "at least 32 random characters, such as from openssl rand -hex 32"}}
			}
			if !live || want == nil {
				require.NoError(t, err, name)
				require.Equal(t, want, c.WeakKeys(), name)
				continue
			}
			faults, ok := errors.AsType[*config.Error](err)
			require.True(t, ok, name)
			want[0].Problem += ", and the Stripe key is a live one"
			require.Equal(t, want, faults.Faults, name)
			require.Empty(t, c.WeakKeys(), "named once")
			require.NotContains(t, err.Error(), tc.value)

			_, err = config.LoadFor(config.Sources{Flags: flags}, config.NeedsSeal)
			if tc.setting == "TRANCHE_SECRET_KEY" {
				require.NoError(t, err, "secret reseal replaces a weak key")
			}
		}
	}
}
