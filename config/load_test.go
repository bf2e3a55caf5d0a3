package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

func env(m map[string]string) func(string) string { return func(name string) string { return m[name] } }

// files is a file system of a test.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := m[path]
		if !ok {
			return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
		}
		if text == "forbidden" {
			return nil, fs.ErrPermission
		}
		return []byte(text), nil
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{})
	require.NoError(t, err)
	want := config.Config{
		StripeJSURL: "https://js.stripe.com/v3/", StripeTimeout: 25 * time.Second,
		DatabaseURL: "sqlite:tranche.db", DatabaseConnections: 20, Addr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:9464",
		Roles:      []config.Role{config.RoleIngress, config.RoleWorker, config.RoleScheduler},
		ChargeTime: "09:00", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Tick: time.Second, SweepEvery: 15 * time.Minute, Lease: time.Minute, ChargeConcurrency: 50, EventConcurrency: 20, WebhookConcurrency: 10,
		ConfirmPlans: true, UpcomingDays: 3, CheckoutDays: 30, ShutdownTimeout: 35 * time.Second, LogLevel: "info", LogFormat: "json", LinkTTL: 720 * time.Hour, CardTries: 8,
	}
	require.True(t, reflect.DeepEqual(want, c), "%v", c)
	require.True(t, c.SQLite() && c.Embedded() && c.Has(config.RoleWorker) && !c.Live())
}

// TestPrecedence sets the same setting in an increasing number of sources.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	s := config.Sources{ReadFile: files(map[string]string{
		"a.toml": "tranche_addr = \":1\"\ntranche_tick = \"2s\"\ntranche_roles = [\"worker\"]",
		"b.toml": `tranche_addr = ":2"`,
	})}
	read := func() config.Config {
		c, err := config.Load(s)
		require.NoError(t, err)
		return c
	}
	require.Equal(t, "127.0.0.1:8080", read().Addr)
	vars := map[string]string{"TRANCHE_CONFIG": "a.toml"}
	s.Env = env(vars)
	require.Equal(t, ":1", read().Addr)
	s.File = "b.toml"
	require.Equal(t, ":2", read().Addr, "the flag names another file")
	vars["TRANCHE_ADDR"] = ":3"
	require.Equal(t, ":3", read().Addr)
	s.Flags = map[string]string{"TRANCHE_ADDR": ":4"}
	require.Equal(t, ":4", read().Addr)
	vars["TRANCHE_ADDR"], s.Flags, s.File = "", nil, ""
	require.Equal(t, ":1", read().Addr, "an empty variable is not set")
	require.Equal(t, []config.Role{config.RoleWorker}, read().Roles)
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	read := files(map[string]string{"/run/key": "sk_test_file\n", "/run/crlf": "whsec_a,whsec_b\r\n", "/run/no": "forbidden"})
	c, err := config.Load(config.Sources{ReadFile: read, Env: env(map[string]string{
		"STRIPE_SECRET_KEY_FILE": "/run/key", "STRIPE_WEBHOOK_SECRET_FILE": "/run/crlf",
	})})
	require.NoError(t, err)
	require.Equal(t, "sk_test_file", c.StripeSecretKey)
	require.Equal(t, []string{"whsec_a", "whsec_b"}, c.StripeWebhookSecrets)

	read = files(map[string]string{"/run/key": "sk_test_file\n", "/run/no": "forbidden", "/run/two": "the-new-key, the-old-key\n"})
	c, err = config.Load(config.Sources{ReadFile: read, Env: env(map[string]string{
		"TRANCHE_SECRET_KEY_FILE": "/run/two", "TRANCHE_API_KEY_FILE": "/run/two",
	})})
	require.NoError(t, err)
	require.Equal(t, []string{"the-new-key", "the-old-key"}, c.SecretKeys)
	require.Equal(t, c.SecretKeys, c.APIKeys)

	_, err = config.LoadFor(config.Sources{ReadFile: read, Env: env(map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_SECRET_KEY_FILE": "/run/key", "SMTP_URL_FILE": "/run/no", "DATABASE_URL_FILE": "/run/x",
	})}, config.NeedsStripe)
	require.Equal(t, []string{
		"STRIPE_SECRET_KEY and STRIPE_SECRET_KEY_FILE are both set: set one of them",
		"DATABASE_URL_FILE names /run/x, which can't be read: there is no such file",
		"SMTP_URL_FILE names /run/no, which can't be read: this user may not read it",
	}, faultsIn(err))
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{File: "x.toml", ReadFile: files(nil)})
	require.Equal(t, []string{"x.toml can't be read: there is no such file"}, faultsIn(err))
	_, err = config.Load(config.Sources{File: "x.toml", ReadFile: func(string) ([]byte, error) { return nil, errors.New("hunter2") }})
	require.Equal(t, []string{"x.toml can't be read: reading it fails"}, faultsIn(err))
	_, err = config.Load(config.Sources{Flags: map[string]string{"TRANCHE_ADR": "x"}})
	require.Equal(t, []string{"TRANCHE_ADR is not a setting: did you mean TRANCHE_ADDR?"}, faultsIn(err))
}

func TestSenderFromSMTP(t *testing.T) {
	t.Parallel()
	for smtp, want := range map[string]string{
		"smtp://billing%40shop.example:pw@h": "billing@shop.example", "smtp://apikey:pw@h": "", "smtp://h": "", "%": "",
	} {
		c, err := config.Load(config.Sources{Env: env(map[string]string{"SMTP_URL": smtp})})
		require.NoError(t, err)
		require.Equal(t, want, c.MailFrom, smtp)
	}
}

// TestSettings checks the table: names are unique, every default is valid, every field is
// documented.
func TestSettings(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	c, err := config.Load(config.Sources{})
	require.NoError(t, err)
	shown := c.Redacted()
	for i, s := range config.Settings() {
		require.False(t, seen[s.Name], s.Name)
		seen[s.Name] = true
		require.NotEmpty(t, s.Doc, s.Name)
		require.NotEmpty(t, s.Group, s.Name)
		require.False(t, s.Default != "" && s.Example != "", s.Name)
		require.Equal(t, s.Name, shown[i].Name)
		if d, err := time.ParseDuration(s.Default); err == nil && d != 0 {
			s.Default = d.String()
		}
		require.Equal(t, s.Default, shown[i].Value)
	}
	require.Len(t, seen, 47)
}

// TestNoSecretIsShown sets every setting to a secret and prints all of them.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Env: env(map[string]string{
		"STRIPE_SECRET_KEY": "sk_live_hunter2", "STRIPE_WEBHOOK_SECRET": "whsec_hunter2,whsec_hunter2",
		"STRIPE_API_BASE": "https://u:hunter2@proxy.example", "DATABASE_URL": "postgres://u:hunter2@h/db?sslmode=require&password=hunter2",
		"REDIS_URL": "redis-sentinel://u:hunter2@h1:1,h2:2/m", "TRANCHE_SECRET_KEY": "hunter2", "TRANCHE_API_KEY": "hunter2",
		"SMTP_URL": "smtp://u:hunter2%zz@h", "TRANCHE_RETURN_URL": "https://shop.example/{charge}", "TRANCHE_ADDR": ":9999",
	})})
	require.NoError(t, err)
	doc, err := json.Marshal(c)
	require.NoError(t, err)
	text := string(doc) + fmt.Sprintf("%v %+v %#v %s %v", c, c, c, c, &c)
	require.NotContains(t, text, "hunter2", text)
	for _, kept := range []string{
		":9999", "https://u:xxxxx@proxy.example", "postgres://u:xxxxx@h/db?password=xxxxx&sslmode=require", "redis-sentinel://u:xxxxx@h1:1/m",
		"smtp://[hidden]", "https://shop.example/{charge}", "STRIPE_SECRET_KEY=[hidden]",
	} {
		require.Contains(t, c.String(), kept)
	}
	c, err = config.Load(config.Sources{Env: env(map[string]string{"DATABASE_URL": "sqlite:/var/lib/t.db", "REDIS_URL": "redis://h:1"})})
	require.NoError(t, err)
	require.Contains(t, c.String(), "DATABASE_URL=sqlite:/var/lib/t.db\n")
	require.Contains(t, c.String(), "REDIS_URL=redis://h:1\n")
}

// FuzzLoad: no file and no value makes Load panic, and no fault holds a secret.
func FuzzLoad(f *testing.F) {
	f.Add("stripe_secret_key = \"sk_test_1\"\n", "TRANCHE_CLOCK", "2026-01-01T00:00:00Z@86400")
	f.Add("stripe_webhook_secret = [\"whsec_1\", \"\"]\n[table]\na = 1", "REDIS_URL", "redis-sentinel://u:p@h1:1,h2:2/m?db=1")
	f.Add("x = hunter2hunter2\n", "SMTP_URL", "smtp://a%40b.example:%zz@h:1?tls=none&tls=none")
	f.Add("tranche_return_url = \"https://x/{}{charge}\"", "DATABASE_URL", "sqlite:")
	f.Add("a.b.c = 1979-05-27", "TRANCHE_ROLES", ",,worker")
	f.Fuzz(func(t *testing.T, file, name, value string) {
		const secret = "hunter2hunter2"
		s := config.Sources{
			File: "f.toml", ReadFile: files(map[string]string{"f.toml": file}),
			Env: env(map[string]string{
				name: value, "STRIPE_SECRET_KEY": secret, "SMTP_URL": "smtp://" + secret + "%", "STRIPE_WEBHOOK_SECRET": secret,
			}),
		}
		c, err := config.LoadFor(s, config.NeedsServe)
		if strings.Contains(file+name+value, "hunter2") {
			return // then it may stand in a key or in a setting that is no secret
		}
		require.NotContains(t, c.String(), secret)
		if err != nil {
			require.NotContains(t, err.Error(), secret)
		}
	})
}
