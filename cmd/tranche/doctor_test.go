package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// doctored runs commands on one database, with the given address of Stripe and further settings, as
// names and values.
func doctored(t *testing.T, database string, further ...string) func(stripe string, args ...string) (code int, out string) {
	t.Helper()
	return func(stripe string, args ...string) (int, string) {
		env := map[string]string{
			"DATABASE_URL": database, "STRIPE_API_BASE": stripe, "STRIPE_SECRET_KEY": "sk_test_doctor", "STRIPE_WEBHOOK_SECRET": "whsec_doctor",
			"TRANCHE_API_KEY": "api-key-of-the-doctor-and-its-tests", "TRANCHE_BASE_URL": "https://pay.example.com",
		}
		for pair := range slices.Chunk(further, 2) {
			env[pair[0]] = pair[1]
		}
		var out, talk heard
		code := run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &talk)
		return code, string(out.bytes())
	}
}

func TestDoctor_CleartextWithALiveKey(t *testing.T) {
	t.Parallel()
	for key, live := range map[string]bool{"sk_live_doctor": true, "sk_test_doctor": false} {
		_, out := doctored(t, testenv.SQLite(t), "STRIPE_SECRET_KEY", key, "REDIS_URL", "redis://:hunter2@cache.invalid:6379/0",
			"STRIPE_API_BASE", "https://127.0.0.1:1")("", "doctor")
		require.Equal(t, live, strings.Contains(out, "REDIS_URL reaches a remote server without TLS"), out)
		require.NotContains(t, out, "hunter2")
	}
}

// TestDoctor_WeakKeys: a fault with a live key, a warning with a test key.
func TestDoctor_WeakKeys(t *testing.T) {
	t.Parallel()
	weak := []string{"TRANCHE_API_KEY", "hunter2-hunter2-hunter2", "STRIPE_API_BASE", "https://127.0.0.1:1", "STRIPE_SECRET_KEY"}
	for key, want := range map[string]string{
		"sk_live_doctor": `(?m)^settings +fail +TRANCHE_API_KEY is shorter than 32 characters, and the Stripe key is a live one +.*openssl rand -hex 32`,
		"sk_test_doctor": `(?m)^keys +warn +TRANCHE_API_KEY is shorter than 32 characters +.*openssl rand -hex 32`,
	} {
		_, out := doctored(t, testenv.SQLite(t), append(weak, key)...)("", "doctor")
		require.Regexp(t, want, out)
		require.Equal(t, 1, strings.Count(out, "shorter than"), out)
		require.NotContains(t, out, "hunter2")
		_, out = doctored(t, testenv.SQLite(t), weak[2:4]...)("", "doctor")
		require.NotContains(t, out, "shorter than")
	}
}

func TestDoctor_OpenAdminAddress(t *testing.T) {
	t.Parallel()
	for address, open := range map[string]bool{"0.0.0.0:9464": true, "127.0.0.1:9464": false, "off": false} {
		_, out := doctored(t, testenv.SQLite(t), "TRANCHE_ADMIN_ADDR", address)("http://127.0.0.1:1", "doctor")
		require.Equal(t, open, strings.Contains(out, "TRANCHE_ADMIN_ADDR lets other machines read metrics and alarms without a key"), out)
	}
}

func TestDoctor_UnnamedProxy(t *testing.T) {
	t.Parallel()
	stripe, page := account(t, "acct_one"), []string{"TRANCHE_SECRET_KEY", "secret-key-of-the-doctor-and-its-tests", "STRIPE_PUBLISHABLE_KEY", "pk_test_doctor"}
	const line = `(?m)^proxies +warn +.*TRANCHE_TRUSTED_PROXIES is empty`
	_, out := doctored(t, testenv.SQLite(t), page...)(stripe, "doctor")
	require.Regexp(t, line, out)
	_, out = doctored(t, testenv.SQLite(t), append(page, "TRANCHE_TRUSTED_PROXIES", "10.0.0.0/8")...)(stripe, "doctor")
	require.NotRegexp(t, line, out)
	_, out = doctored(t, testenv.SQLite(t))(stripe, "doctor")
	require.NotRegexp(t, line, out, "there is no page")
}

func TestDoctor_ExposedDatabase(t *testing.T) {
	t.Parallel()
	database := testenv.SQLite(t)
	doctor := doctored(t, database)
	code, out := doctor("", "migrate")
	require.Equal(t, exitOK, code, out)
	stripe := account(t, "acct_one")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o644: true} {
		require.NoError(t, os.Chmod(strings.TrimPrefix(database, "sqlite:"), mode))
		_, out := doctor(stripe, "doctor")
		require.Equal(t, want, strings.Contains(out, "other users of this machine may read"), out)
	}
}

// TestDoctor_EvictingRedis: a Redis that drops tasks silently is a fault.
func TestDoctor_EvictingRedis(t *testing.T) {
	t.Parallel()
	stripe, postgres := account(t, "acct_one"), testenv.Postgres(t)
	for policy, want := range map[string]string{
		"allkeys-lru":  `(?m)^redis +fail +its maxmemory-policy is allkeys-lru.* set maxmemory-policy noeviction`,
		"volatile-ttl": `(?m)^redis +fail +its maxmemory-policy is volatile-ttl`,
		"noeviction":   `(?m)^redis +ok`,
	} {
		_, out := doctored(t, postgres, "REDIS_URL", testenv.RedisServer(t, "--maxmemory", "8mb", "--maxmemory-policy", policy))(stripe, "doctor")
		require.Regexp(t, want, out)
		require.Equal(t, policy != "noeviction", strings.Contains(out, "maxmemory-policy"))
	}
}

func TestDoctor_FullRedis(t *testing.T) {
	t.Parallel()
	redis := testenv.RedisServer(t, "--maxmemory", "8mb")
	testenv.FillRedis(t, redis)
	code, out := doctored(t, testenv.Postgres(t), "REDIS_URL", redis)(account(t, "acct_one"), "doctor")
	require.Equal(t, exitDown, code)
	require.Regexp(t, `(?m)^redis +fail +write to the queue: .*OOM`, out)
}

func account(t *testing.T, id string, webhooks ...stripesim.WebhookEndpoint) string {
	t.Helper()
	sim := stripesim.New(stripesim.Options{Account: stripesim.Account{ID: id}, Webhooks: webhooks})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return server.URL
}

func TestDoctorSeesADatabaseOfAnotherAccount(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	code, _ := command(account(t, "acct_one"), "bind")
	require.Equal(t, exitOK, code)
	code, out := command(account(t, "acct_two"), "doctor")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^binding +fail +nothing is charged: the database belongs to Stripe account acct_one and the key to acct_two`, out)
}

func TestDoctorSeesWhichEventsAreNotSent(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	hook := stripesim.WebhookEndpoint{URL: "https://pay.example.com/webhooks/stripe", EnabledEvents: []string{"payment_intent.succeeded"}}
	_, out := command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +warn +these events are not sent: .*\bcustomer\.deleted, `, out)
	require.NotContains(t, out, "payment_intent.succeeded")
	hook.EnabledEvents = nil
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +ok +https://pay\.example\.com/webhooks/stripe receives every event that Tranche uses`, out)
	hook.URL = "https://other.example.com/webhooks/stripe"
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^webhook endpoint +warn +Stripe has no enabled endpoint`, out)
}

// TestDoctorSeesThatNobodyListensToAConnectedAccount: doctor warns if plans name a connected
// account and no endpoint listens to connected accounts.
func TestDoctorSeesThatNobodyListensToAConnectedAccount(t *testing.T) {
	t.Parallel()
	command := doctored(t, testenv.SQLite(t))
	hook := stripesim.WebhookEndpoint{URL: "https://pay.example.com/webhooks/stripe"}
	alone := account(t, "acct_one", hook)
	_, out := command(alone, "doctor")
	require.NotContains(t, out, "connected accounts")

	resp, err := http.PostForm(alone+"/_sim/connect", url.Values{"account": {"acct_1Villa"}})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	code, out := command(alone, "plan", "create", "--account", "acct_1Villa", "--application-fee-percent", "2.5", "--kind", "deferred", "--reference", "order-1",
		"--currency", "eur", "--total", "9900", "--due", time.Now().AddDate(1, 0, 0).Format(time.DateOnly), "--customer", "ada", "--timezone", "UTC")
	require.Equal(t, exitOK, code, out)
	_, out = command(alone, "plan", "show", "order-1")
	require.Contains(t, out, "In the account of acct_1Villa")
	_, out = command(alone, "doctor")
	require.Regexp(t, `(?m)^connected accounts +warn +plans name 1 connected accounts, and no enabled endpoint`, out)

	hook.Connect = true
	_, out = command(account(t, "acct_one", hook), "doctor")
	require.Regexp(t, `(?m)^connected accounts +ok +https://pay\.example\.com/webhooks/stripe receives every event that Tranche uses`, out)
	require.Regexp(t, `(?m)^webhook endpoint +warn +Stripe has no enabled endpoint`, out, "an endpoint for connected accounts only")
}

func TestDoctorSeesAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	var keyed atomic.Bool // the request for the date carried the key
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusUnauthorized)
		keyed.CompareAndSwap(false, r.URL.Path == "/" && r.Header.Get("Authorization") != "")
		_, _ = w.Write([]byte(`{"error": {"message": "Invalid API Key provided: sk_test_doctor"}}`))
	}))
	t.Cleanup(late.Close)
	code, out := doctored(t, testenv.SQLite(t))(late.URL, "doctor")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^clock +fail +this machine's clock differs from Stripe's by 10m\d*s`, out)
	require.Regexp(t, `(?m)^stripe key +fail +get the account: stripe: unauthorized`, out)
	require.NotContains(t, out, "sk_test_doctor")
	require.False(t, keyed.Load())
}

// TestDoctor_AccountHidden: doctor names the path if Stripe refuses access to the account.
func TestDoctor_AccountHidden(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed} {
		sim := stripesim.New(stripesim.Options{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/account" {
				w.WriteHeader(status)
				_, _ = w.Write([]byte("<html>Nothing here</html>"))
				return
			}
			sim.ServeHTTP(w, r)
		}))
		t.Cleanup(func() { sim.Close(); server.Close() })
		_, out := doctored(t, testenv.SQLite(t))(server.URL, "doctor")
		require.Regexp(t, fmt.Sprintf(`(?m)^stripe key +ok +a test key; GET /v1/account answers HTTP %d, so the account is identified by`, status), out)
		require.NotContains(t, out, "html")
	}
}
