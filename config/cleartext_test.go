package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

func TestCleartext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		setting, value string
		warned         bool
	}{
		"SQLite":                       {"DATABASE_URL", "sqlite:tranche.db", false},
		"remote, disabled":             {"DATABASE_URL", "postgres://u:p@db.example:5432/n?sslmode=disable", true},
		"remote, absent":               {"DATABASE_URL", "postgres://u:p@db.example/n", true},
		"remote, no path":              {"DATABASE_URL", "postgres://u:p@db.example?sslmode=prefer", true},
		"remote, required":             {"DATABASE_URL", "postgres://u:p@db.example/n?sslmode=require", false},
		"remote, verified":             {"DATABASE_URL", "postgres://u:p@db.example/n?sslmode=verify-full", false},
		"loopback":                     {"DATABASE_URL", "postgres://u:p@127.0.0.1/n?sslmode=disable", false},
		"loopback by name":             {"DATABASE_URL", "postgres://u:p@localhost:5432/n", false},
		"IPv6 loopback":                {"DATABASE_URL", "postgres://u:p@[::1]:5432/n", false},
		"socket":                       {"DATABASE_URL", "postgres://u@/n?host=/run/postgresql", false},
		"remote by query":              {"DATABASE_URL", "postgres://u@/n?host=db.example", true},
		"one of several is remote":     {"DATABASE_URL", "postgres://u:p@localhost:1,db.example:2/n", true},
		"redis":                        {"REDIS_URL", "redis://:p@cache.example:6379/0", true},
		"rediss":                       {"REDIS_URL", "rediss://:p@cache.example:6379/0", false},
		"redis on loopback":            {"REDIS_URL", "redis://127.0.0.1:6379/0", false},
		"sentinel":                     {"REDIS_URL", "redis-sentinel://:p@a.example,b.example/main", true},
		"sentinel with TLS":            {"REDIS_URL", "redis-sentinel://:p@a.example,b.example/main?tls=true", false},
		"cluster":                      {"REDIS_URL", "redis-cluster://127.0.0.1:1,b.example:2", true},
		"cluster with TLS":             {"REDIS_URL", "redis-cluster://a.example:1,b.example:2?tls=true", false},
		"mail, STARTTLS where offered": {"SMTP_URL", "smtp://u:p@mail.example:587", true},
		"mail, none":                   {"SMTP_URL", "smtp://mail.example:25?tls=none", true},
		"mail, required":               {"SMTP_URL", "smtp://mail.example:587?tls=required", false},
		"mail, smtps":                  {"SMTP_URL", "smtps://u:p@mail.example:465", false},
		"mail on loopback":             {"SMTP_URL", "smtp://localhost:25?tls=none", false},
	} {
		for key, live := range map[string]bool{"sk_live_1": true, "sk_test_1": false} {
			flags := map[string]string{"STRIPE_SECRET_KEY": key, "TRANCHE_MAIL_FROM": "shop@example.com", tc.setting: tc.value}
			c, err := config.LoadFor(config.Sources{Flags: flags}, config.Needs{})
			require.NoError(t, err, name)
			found := c.Cleartext()
			if !tc.warned || !live {
				require.Empty(t, found, name)
				continue
			}
			require.Len(t, found, 1, name)
			require.Equal(t, tc.setting, found[0].Setting, name)
			require.NotContains(t, found[0].Problem+found[0].Hint, "example", name)
		}
	}
}
