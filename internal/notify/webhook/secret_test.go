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

func keyring(t testing.TB, keys ...string) webhook.Keyring {
	t.Helper()
	k, err := webhook.NewKeyring(keys...)
	require.NoError(t, err)
	return k
}

func TestNewSecret_FollowsTheScheme(t *testing.T) {
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

func TestKeyring_OpensForItsEndpointAndKeyOnly(t *testing.T) {
	t.Parallel()
	k, other := keyring(t, linkKey), keyring(t, linkKey+"1")
	s := webhook.NewSecret()
	sealed, err := k.Seal("ep_1", s)
	require.NoError(t, err)
	require.NotContains(t, sealed, s.Reveal()[6:])
	opened, current, err := k.Open("ep_1", sealed)
	require.NoError(t, err)
	require.Equal(t, s.Reveal(), opened.Reveal())
	require.True(t, current)
	again, err := k.Seal("ep_1", s)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "equal secrets look different")

	_, _, err = k.Open("ep_2", sealed)
	require.Error(t, err)
	_, _, err = other.Open("ep_1", sealed)
	require.ErrorContains(t, err, "another TRANCHE_SECRET_KEY")
	for _, broken := range []string{"", "v1:", "v2:" + sealed[3:], sealed[:len(sealed)-8], "v1:!", s.Reveal()} {
		_, _, err = k.Open("ep_1", broken)
		require.Error(t, err, broken)
		require.NotContains(t, err.Error(), s.Reveal())
	}
}

func TestKeyring_SeveralKeys(t *testing.T) {
	t.Parallel()
	old, both := keyring(t, linkKey), keyring(t, linkKey+"new", linkKey)
	s := webhook.NewSecret()
	before, err := old.Seal("ep_1", s)
	require.NoError(t, err)
	after, err := both.Seal("ep_1", s)
	require.NoError(t, err)
	for sealed, newest := range map[string]bool{before: false, after: true} {
		opened, current, err := both.Open("ep_1", sealed)
		require.NoError(t, err)
		require.Equal(t, s.Reveal(), opened.Reveal())
		require.Equal(t, newest, current)
	}
	_, _, err = old.Open("ep_1", after)
	require.Error(t, err, "the newest key seals")
	_, _, err = keyring(t, linkKey+"new").Open("ep_1", before)
	require.ErrorContains(t, err, "tranche endpoint rotate ep_1")
}

func TestKeyring_WithoutAKey(t *testing.T) {
	t.Parallel()
	for _, k := range []webhook.Keyring{{}, keyring(t, "")} {
		_, err := k.Seal("ep_1", webhook.NewSecret())
		require.ErrorIs(t, err, webhook.ErrNoKey)
		_, _, err = k.Open("ep_1", "v1:AAAA")
		require.ErrorIs(t, err, webhook.ErrNoKey)
	}
}

// TestOpen_ChangedSeal flips one bit anywhere.
func TestOpen_ChangedSeal(t *testing.T) {
	t.Parallel()
	k := keyring(t, linkKey)
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(0, 80, -1).Draw(t, "secret")
		sealed, err := k.Seal("ep_1", billing.Secret(secret))
		require.NoError(t, err)
		raw, err := base64.StdEncoding.DecodeString(sealed[3:])
		require.NoError(t, err)
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, _, err = k.Open("ep_1", "v1:"+base64.StdEncoding.EncodeToString(raw))
		require.Error(t, err)
	})
}
