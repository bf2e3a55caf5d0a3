package config_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

// wanted returns the expected faults in the lines "# fault: …" of a file.
func wanted(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var faults []string
	for line := range strings.Lines(string(data)) {
		if fault, ok := strings.CutPrefix(line, "# fault: "); ok {
			faults = append(faults, strings.TrimSpace(fault))
		}
	}
	return faults
}

func faultsIn(err error) []string {
	var e *config.Error
	if !errors.As(err, &e) {
		return nil
	}
	var faults []string
	for _, f := range e.Faults {
		faults = append(faults, strings.TrimSuffix(f.Setting+" "+f.Problem+": "+f.Hint, ": "))
	}
	return faults
}

// TestRules loads files that break one rule each. The file's name is the rule, and its first lines
// are the expected faults.
func TestRules(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.toml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".toml"), func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadFor(config.Sources{File: path}, config.NeedsServe)
			require.Equal(t, wanted(t, path), faultsIn(err))
			require.NotContains(t, err.Error(), "hunter2", "a secret in an error")
		})
	}
}

// TestAllFaultsAtOnce: one error holds the faults of Load and Validate, in the order of the
// settings.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.LoadFor(config.Sources{Env: env(map[string]string{
		"TRANCHE_LOG_LEVEL": "loud", "DATABASE_URL": "mysql://hunter2", "STRIPE_TIMEOUT": "soon", "TRANCHE_ADDR": "x",
		"SMTP_URL": "smtp://mail.example.com", "STRIPE_SECRET_KEY": "hunter2",
	})}, config.NeedsServe)
	require.EqualError(t, err, `the configuration can't be used:
  STRIPE_SECRET_KEY is not a Stripe secret key: it begins with sk_test_, sk_live_, rk_test_ or rk_live_
  STRIPE_WEBHOOK_SECRET is not set: the signing secret of the webhook endpoint, whsec_…
  STRIPE_TIMEOUT is "soon", not a duration above zero: such as 25s or 1m30s
  DATABASE_URL is neither SQLite nor PostgreSQL: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME
  TRANCHE_ADDR is not an address to listen on: HOST:PORT, such as 127.0.0.1:8080 or :8080
  TRANCHE_API_KEY is not set: at least 32 random characters, such as from openssl rand -hex 32
  TRANCHE_MAIL_FROM is not set and SMTP_URL is: the sender's address, such as Shop <billing@shop.example>
  TRANCHE_LOG_LEVEL is "loud", which is none of its values: trace, debug, info, warn, error`)
}

// TestNeeds: a command requires only the settings that it uses.
func TestNeeds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  map[string]string
		need config.Needs
		want []string
	}{
		"a database only": {nil, config.Needs{}, nil},
		"stripe":          {nil, config.NeedsStripe, []string{"STRIPE_SECRET_KEY"}},
		"serve":           {nil, config.NeedsServe, []string{"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "TRANCHE_API_KEY"}},
		"a worker": {map[string]string{
			"TRANCHE_ROLES": "worker", "DATABASE_URL": "postgres://h/db", "REDIS_URL": "redis://h", "STRIPE_SECRET_KEY": "rk_test_1",
		}, config.NeedsServe, nil},
		"roles do not matter to a command": {map[string]string{"TRANCHE_ROLES": "worker"}, config.Needs{}, nil},
		"values that are set are checked":  {map[string]string{"TRANCHE_API_KEY": "short"}, config.Needs{}, []string{"TRANCHE_API_KEY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadFor(config.Sources{Env: env(tt.env)}, tt.need)
			var got []string
			if e, ok := errors.AsType[*config.Error](err); ok {
				for _, f := range e.Faults {
					got = append(got, f.Setting)
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// TestLoad_ZoneThatIsNoPlace: names in the time zone database that are not places are refused.
func TestLoad_ZoneThatIsNoPlace(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"right/UTC", "posixrules", "Local", "Factory", "Mars/Olympus"} {
		_, err := config.LoadFor(config.Sources{Env: env(map[string]string{"TRANCHE_DEFAULT_TIMEZONE": zone})}, config.Needs{})
		require.ErrorContains(t, err, "not a time zone", zone)
	}
}

// TestLoad_PortOutOfRange: URLs with a port that can't be connected to are refused.
func TestLoad_PortOutOfRange(t *testing.T) {
	t.Parallel()
	for setting, scheme := range map[string]string{
		"STRIPE_API_BASE": "http", "STRIPE_JS_URL": "https", "TRANCHE_BASE_URL": "https", "TRANCHE_RETURN_URL": "https", "REDIS_URL": "redis", "SMTP_URL": "smtp",
	} {
		for port, refused := range map[string]bool{"0": true, "65536": true, "99999": true, "65535": false, "1": false} {
			_, err := config.LoadFor(config.Sources{Env: env(map[string]string{
				setting: scheme + "://h.example:" + port, "TRANCHE_MAIL_FROM": "a@example.com", "TRANCHE_SECRET_KEY": strings.Repeat("0123456789abcdef", 2),
			})}, config.Needs{})
			if refused {
				require.ErrorContains(t, err, setting+" is not", port)
			} else if err != nil {
				require.NotContains(t, err.Error(), setting+" is not", port)
			}
		}
	}
}

// TestGood: valid combinations are accepted.
func TestGood(t *testing.T) {
	t.Parallel()
	for _, good := range []map[string]string{
		{"REDIS_URL": "redis://127.0.0.1:6379/0"}, // SQLite with a Redis of its own, in one process
		{"DATABASE_URL": "postgresql://u:p%40ss@h:5432/db?sslmode=require"},
		{"DATABASE_URL": "postgres:///db?host=h"},
		{"DATABASE_URL": "postgres://u@h1:5432,h2:5432/db"},
		{"REDIS_URL": "rediss://:p%2Fw@h"},
		{"REDIS_URL": "redis-sentinel://u:p@h1:26379,h2:26379,h3/mymaster?db=2"},
		{"REDIS_URL": "redis-cluster://h1:7000,h2:7001"},
		{"TRANCHE_ROLES": "worker, ingress,scheduler,worker"},
		{"TRANCHE_ADDR": ":0"}, {"TRANCHE_ADDR": "[::1]:8080"},
		{"TRANCHE_ADMIN_ADDR": ":0"}, {"TRANCHE_ADMIN_ADDR": "off"},
		{"SMTP_URL": "smtps://billing%40shop.example:p%40ss@mail.example.com"}, // the sender is its user
		{"SMTP_URL": "smtp://localhost:25?tls=none", "TRANCHE_MAIL_FROM": "Zoë's Shop <billing@shop.example>"},
		{"TRANCHE_RETURN_URL": "http://localhost:4242/{charge}?pi={payment_intent}&r={reference}#{charge}"},
		{"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1", "STRIPE_API_BASE": "https://proxy.example/stripe"},
		{"STRIPE_JS_URL": "https://js.stripe.com/v3/?advancedFraudSignals=false"},
		{"TRANCHE_CLOCK": "2026-01-01T00:00:00+01:00@1.5"},
		{"STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old"},
	} {
		all := map[string]string{"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1", "TRANCHE_API_KEY": goodKey}
		maps.Copy(all, good)
		_, err := config.LoadFor(config.Sources{Env: env(all)}, config.NeedsServe)
		require.NoError(t, err, "%v", good)
	}
}
