package webhook_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/notify/webhook"
)

const linkKey = "a-key-of-32-characters-or-more-000"

func keyring(t testing.TB, key string) webhook.Keyring {
	t.Helper()
	k, err := webhook.NewKeyring(key)
	require.NoError(t, err)
	return k
}

func TestASecretIsOfTheScheme(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		s := webhook.NewSecret().Reveal()
		text, ok := strings.CutPrefix(s, "whsec_")
		require.True(t, ok)
		key, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Len(t, key, 32)
		require.False(t, seen[s])
		seen[s] = true
	}
	require.Equal(t, "[secret]", webhook.NewSecret().String())
}

func TestASealedSecretOpensForItsEndpointAndKeyAlone(t *testing.T) {
	t.Parallel()
	k, other := keyring(t, linkKey), keyring(t, linkKey+"1")
	s := webhook.NewSecret()
	sealed, err := k.Seal("ep_1", s)
	require.NoError(t, err)
	require.NotContains(t, sealed, s.Reveal()[6:])
	opened, err := k.Open("ep_1", sealed)
	require.NoError(t, err)
	require.Equal(t, s.Reveal(), opened.Reveal())
	again, err := k.Seal("ep_1", s)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "two that are equal do not look it")

	_, err = k.Open("ep_2", sealed)
	require.Error(t, err)
	_, err = other.Open("ep_1", sealed)
	require.ErrorContains(t, err, "another TRANCHE_SECRET_KEY")
	for _, broken := range []string{"", "v1:", "v2:" + sealed[3:], sealed[:len(sealed)-8], "v1:!", s.Reveal()} {
		_, err = k.Open("ep_1", broken)
		require.Error(t, err, broken)
		require.NotContains(t, err.Error(), s.Reveal())
	}
}

func TestWithoutAKeyNothingIsSealedOrOpened(t *testing.T) {
	t.Parallel()
	for _, k := range []webhook.Keyring{{}, keyring(t, "")} {
		_, err := k.Seal("ep_1", webhook.NewSecret())
		require.ErrorIs(t, err, webhook.ErrNoKey)
		_, err = k.Open("ep_1", "v1:AAAA")
		require.ErrorIs(t, err, webhook.ErrNoKey)
	}
}

// TestAChangedSealDoesNotOpen flips one bit anywhere.
func TestAChangedSealDoesNotOpen(t *testing.T) {
	t.Parallel()
	k := keyring(t, linkKey)
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(0, 80, -1).Draw(t, "secret")
		sealed, err := k.Seal("ep_1", billing.Secret(secret))
		require.NoError(t, err)
		raw, err := base64.StdEncoding.DecodeString(sealed[3:])
		require.NoError(t, err)
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err = k.Open("ep_1", "v1:"+base64.StdEncoding.EncodeToString(raw))
		require.Error(t, err)
	})
}
