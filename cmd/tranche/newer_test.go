package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store/open"
	"tranche/internal/store/storetest"
)

// TestNewerDatabase_IsRefused starts this program on a database that a newer program has migrated.
func TestNewerDatabase_IsRefused(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		env := map[string]string{
			"DATABASE_URL": url, "STRIPE_SECRET_KEY": "sk_test_newer", "STRIPE_WEBHOOK_SECRET": "whsec_newer",
			"TRANCHE_API_KEY": "api-key-of-the-newer-of-two-programs", "STRIPE_API_BASE": "http://127.0.0.1:1", "TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "off",
		}
		command := func(args ...string) (int, string) {
			var out, talk heard
			code := run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &talk)
			return code, string(out.bytes()) + string(talk.bytes())
		}
		code, said := command("migrate")
		require.Equal(t, exitOK, code, said)
		s, err := open.Store(t.Context(), url, open.Options{})
		require.NoError(t, err)
		_, known, err := s.Version(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Close())
		storetest.AddVersion(t, url, known+1)

		text := "the database has version " + strconv.FormatInt(known+1, 10) + ", and this program knows versions up to " +
			strconv.FormatInt(known, 10) + ": run the newer program again"
		for line, want := range map[string]int{
			"serve": exitUsage, "migrate": exitUsage, "migrate --dry-run": exitUsage, "plan list": exitUsage, "bind": exitUsage,
			"plan pause plan_1": exitUsage, "forecast plan_1": exitUsage, "restore-check": exitUsage, "doctor": exitDown,
		} {
			code, said := command(strings.Fields(line)...)
			require.Contains(t, said, text, line)
			require.Equal(t, want, code, "%s: %s", line, said)
		}
	})
}
