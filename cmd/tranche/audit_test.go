package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/stripesim"
)

const (
	auditSealKey   = "a-seal-key-of-32-characters-or-more"
	auditStripeKey = "sk_test_keyOfTheAudit"
	auditHook      = "https://shop.example/hooks/token-of-the-receiver?key=word-of-the-receiver"
)

// audited is an operation without a plan, its request and command, and its audit entry. ENDPOINT,
// DELIVERY and EVENT are placeholders for ids.
type audited struct {
	name, action, subject, says string
	request, body               string
	command                     string
}

// auditedOperations is every operation of docs/audit.md that concerns no plan.
var auditedOperations = []audited{
	{name: "bind", action: "database.bound", subject: "database", says: "test mode", command: "bind --yes"},
	{name: "add an endpoint", action: "endpoint.added", subject: "NEWEST", says: "https://shop.example for charge.*",
		request: "POST webhook_endpoints", body: `{"url": "` + auditHook + `", "types": ["charge.*"]}`, command: "endpoint add " + auditHook + " --types charge.*"},
	{name: "disable an endpoint", action: "endpoint.changed", subject: "ENDPOINT", says: "it is disabled",
		request: "PATCH webhook_endpoints/ENDPOINT", body: `{"status": "disabled"}`, command: "endpoint disable ENDPOINT"},
	{name: "enable an endpoint", action: "endpoint.changed", subject: "ENDPOINT", says: "it is enabled",
		request: "PATCH webhook_endpoints/ENDPOINT", body: `{"status": "enabled"}`, command: "endpoint enable ENDPOINT"},
	{name: "change the URL and types of an endpoint", action: "endpoint.changed", subject: "ENDPOINT",
		says:    "the URL is one at https://shop.example, it receives every type",
		request: "PATCH webhook_endpoints/ENDPOINT", body: `{"url": "` + auditHook + `", "types": []}`},
	{name: "rotate a secret", action: "endpoint.secret_rotated", subject: "ENDPOINT", says: "has a new secret",
		request: "POST webhook_endpoints/ENDPOINT/rotate", command: "endpoint rotate ENDPOINT"},
	{name: "delete an endpoint", action: "endpoint.deleted", subject: "ENDPOINT", says: "https://shop.example was deleted",
		request: "DELETE webhook_endpoints/ENDPOINT", command: "endpoint delete ENDPOINT --yes"},
	{name: "replay what was missed", action: "endpoint.replayed", subject: "ENDPOINT", says: "every message that it has not taken since 2026-01-01T00:00:00Z",
		request: "POST webhook_endpoints/ENDPOINT/replay", body: `{"since": "2026-01-01T00:00:00Z"}`,
		command: "delivery replay --endpoint ENDPOINT --since 2026-01-01T00:00:00Z"},
	{name: "replay everything", action: "endpoint.replayed", subject: "ENDPOINT", says: "every message since 2026-01-01T00:00:00Z",
		request: "POST webhook_endpoints/ENDPOINT/replay", body: `{"since": "2026-01-01T00:00:00Z", "delivered": true}`,
		command: "delivery replay --endpoint ENDPOINT --since 2026-01-01T00:00:00Z --delivered"},
	{name: "replay when there is no message", action: "endpoint.replayed", subject: "ENDPOINT", says: "since 2199-01-01T00:00:00Z",
		request: "POST webhook_endpoints/ENDPOINT/replay", body: `{"since": "2199-01-01T00:00:00Z"}`,
		command: "delivery replay --endpoint ENDPOINT --since 2199-01-01T00:00:00Z"},
	{name: "replay a delivery", action: "delivery.replayed", subject: "DELIVERY", says: "(charge.succeeded) is sent to endpoint ENDPOINT again",
		request: "POST webhook_deliveries/DELIVERY/replay", command: "delivery replay DELIVERY"},
	{name: "retry an event", action: "event.retried", subject: "EVENT", says: "EVENT (invoice.paid) was ignored and is handled again", command: "event retry EVENT"},
	{name: "export", action: "export.made", subject: "events", says: "events was exported as jsonl, rows written or changed since 2026-01-01T00:00:00Z: EVENTS rows",
		request: "GET export/events?format=jsonl&since=2026-01-01T00:00:00Z", command: "export events --format jsonl --since 2026-01-01"},
	{name: "export everything", action: "export.made", subject: "links", says: "links was exported as csv, all rows: 0 rows",
		request: "GET export/links", command: "export links"},
}

// TestAudit_OperationsWithoutAPlan performs each operation by API and by command, on both
// databases: each writes one entry, which names action, actor and subject, and no secret.
func TestAudit_OperationsWithoutAPlan(t *testing.T) {
	t.Parallel()
	byAPI := billing.Party{Actor: billing.NewActor(billing.ActorKey, handlers.KeyFingerprint(counterKey)), Name: "Zoë, support"}
	byCommand := billing.Party{Actor: billing.NewActor(billing.ActorCommand, (&cli{env: noEnv}).userAtHost())}
	eachDatabase(t, func(t *testing.T, url string) {
		d := newAuditDesk(t, url)
		for _, op := range auditedOperations {
			if op.request != "" {
				d.requireEntry(t, op, byAPI, d.ask)
			}
			if op.command != "" {
				d.requireEntry(t, op, byCommand, d.run)
			}
		}
		d.requireRefusedWithoutEntry(t)
		d.requireListed(t)
	})
}

// TestAudit_DocumentListsEveryOperation compares the table in docs/audit.md with the operations
// above.
func TestAudit_DocumentListsEveryOperation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/audit.md")
	require.NoError(t, err)
	// Tranche itself disables endpoints; resealing needs two keys and has its own test.
	listed := []string{"endpoint.disabled", "endpoint.secret_resealed"}
	for _, op := range auditedOperations {
		listed = append(listed, op.action)
	}
	slices.Sort(listed)
	var found []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		found = append(found, row[1])
	}
	slices.Sort(found)
	require.Equal(t, slices.Compact(listed), found)
}

// auditDesk is a database with the API on it, the command line and a simulated Stripe.
type auditDesk struct {
	store     *store.Store
	endpoints *operator.Endpoints
	api       string
	env       map[string]string
	events    int
	ids       map[string]string // of what the present operation is about
}

func newAuditDesk(t *testing.T, url string) *auditDesk {
	t.Helper()
	s, err := open.Store(t.Context(), url, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(t.Context())
	require.NoError(t, err)
	endpoints, err := app.NewEndpoints(config.Config{SecretKeys: []string{auditSealKey}}, s, clock.Clock{})
	require.NoError(t, err)
	h := handlers.New(handlers.Config{Store: s, APIKeys: []string{counterKey}, Endpoints: endpoints})
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); h.Close() })
	sim := stripesim.New(stripesim.Options{})
	stripe := httptest.NewServer(sim)
	t.Cleanup(func() { stripe.Close(); sim.Close() })
	return &auditDesk{store: s, endpoints: endpoints, api: server.URL, env: map[string]string{
		"DATABASE_URL": url, "TRANCHE_SECRET_KEY": auditSealKey, "STRIPE_SECRET_KEY": auditStripeKey, "STRIPE_API_BASE": stripe.URL,
	}}
}

// requireEntry creates an endpoint, a delivery and an event, performs the operation, and checks its
// entry.
func (d *auditDesk) requireEntry(t *testing.T, op audited, by billing.Party, act func(*testing.T, audited) int) {
	t.Helper()
	secret := d.prepare(t)
	last := d.lastSeq(t)
	require.Zero(t, act(t, op), op.name)
	if op.subject == "NEWEST" {
		all, err := d.endpoints.Store.Endpoints(t.Context())
		require.NoError(t, err)
		d.ids["NEWEST"] = string(all[len(all)-1].ID)
	}
	entries, err := d.store.AuditTrail(t.Context(), billing.AuditFilter{After: last, Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 1, op.name)
	e := entries[0]
	require.Equal(t, []any{op.action, d.fill(op.subject), by}, []any{e.Action, e.Subject, e.Party()}, op.name)
	require.Contains(t, e.Message, d.fill(op.says), op.name)
	require.Empty(t, e.PlanID, op.name)
	require.WithinDuration(t, time.Now(), e.At, time.Minute, op.name)
	for _, word := range []string{secret, "whsec_", "of-the-receiver", counterKey, auditSealKey, auditStripeKey} {
		require.NotContains(t, fmt.Sprintf("%+v", e), word, op.name)
	}
}

// prepare creates the objects of the next operation, and returns the endpoint's secret.
func (d *auditDesk) prepare(t *testing.T) string {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	all, err := d.endpoints.Store.Endpoints(ctx)
	require.NoError(t, err)
	for _, e := range all {
		require.NoError(t, d.endpoints.Store.DeleteEndpoint(ctx, e.ID))
	}
	e, secret, err := d.endpoints.Add(ctx, auditHook, nil)
	require.NoError(t, err)
	require.NoError(t, d.store.Update(ctx, func(tx billing.Tx) error {
		return tx.InsertAudit(ctx, billing.AuditEntry{At: now, Action: "charge.succeeded"})
	}))
	deliveries, err := d.endpoints.Store.Deliveries(ctx, billing.DeliveryFilter{Endpoint: e.ID, Limit: 1})
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
	d.events++
	event := billing.Event{
		ID: fmt.Sprintf("evt_%d", d.events), Type: "invoice.paid", Payload: []byte("{}"), Status: billing.EventIgnored, CreatedAt: now, ReceivedAt: now,
	}
	_, err = d.store.InsertEvents(ctx, []billing.Event{event})
	require.NoError(t, err)
	d.ids = map[string]string{
		"ENDPOINT": string(e.ID), "DELIVERY": string(deliveries[0].ID), "EVENTS": fmt.Sprint(d.events), "EVENT": event.ID, "NEWEST": "",
	}
	return secret.Reveal()
}

func (d *auditDesk) fill(text string) string {
	return strings.NewReplacer(
		"ENDPOINT", d.ids["ENDPOINT"], "DELIVERY", d.ids["DELIVERY"], "EVENTS", d.ids["EVENTS"], "EVENT", d.ids["EVENT"], "NEWEST", d.ids["NEWEST"],
	).Replace(text)
}

func (d *auditDesk) lastSeq(t *testing.T) int64 {
	t.Helper()
	entries, err := d.store.AuditTrail(t.Context(), billing.AuditFilter{NewestFirst: true, Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	return entries[0].Seq
}

// ask performs the operation by API, and returns 0 if it succeeds.
func (d *auditDesk) ask(t *testing.T, op audited) int {
	t.Helper()
	method, path, _ := strings.Cut(d.fill(op.request), " ")
	status, body := d.get(t, method, path, op.body)
	if status < 200 || status > 299 {
		t.Logf("%s: %d %s", op.name, status, body)
		return status
	}
	return 0
}

func (d *auditDesk) get(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.api+"/v1/"+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+counterKey)
	req.Header.Set("X-Tranche-Actor", "Zoë, support")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

// run performs the operation by command, and returns the exit code.
func (d *auditDesk) run(t *testing.T, op audited) int {
	t.Helper()
	code, _, talk := d.command(t, strings.Fields(d.fill(op.command))...)
	if code != exitOK {
		t.Logf("%s: %s", op.name, talk)
	}
	return code
}

func (d *auditDesk) command(t *testing.T, args ...string) (code int, said, talked string) {
	t.Helper()
	var out, talk heard
	code = run(t.Context(), args, func(name string) string { return d.env[name] }, strings.NewReader(""), &out, &talk)
	return code, string(out.bytes()), string(talk.bytes())
}

// requireRefusedWithoutEntry requires that a refused operation changes nothing and writes no entry.
func (d *auditDesk) requireRefusedWithoutEntry(t *testing.T) {
	t.Helper()
	d.prepare(t)
	last := d.lastSeq(t)
	for _, op := range []audited{
		{name: "no endpoint", request: "DELETE webhook_endpoints/ep_none", command: "endpoint delete ep_none --yes"},
		{name: "no secret to rotate", request: "POST webhook_endpoints/ep_none/rotate", command: "endpoint rotate ep_none"},
		{name: "no URL", request: "POST webhook_endpoints", body: `{"url": "http://shop.example"}`, command: "endpoint add http://shop.example"},
		{name: "no such type", request: "PATCH webhook_endpoints/ENDPOINT", body: `{"types": ["nonsense"]}`, command: "endpoint enable ep_none"},
		{name: "no delivery", request: "POST webhook_deliveries/dlv_none/replay", command: "delivery replay dlv_none"},
		{name: "no table", request: "GET export/secrets", command: "export secrets"},
		{name: "no event", request: "GET export/events?format=xml", command: "event retry evt_none"},
	} {
		require.NotZero(t, d.ask(t, op), op.name)
		require.NotZero(t, d.run(t, op), op.name)
	}
	code, _, talk := d.command(t, "bind", "--yes")
	require.Equal(t, exitOK, code)
	require.Contains(t, talk, "nothing to do")
	require.Equal(t, last, d.lastSeq(t))
}

// requireListed reads the entries by API and by command, with each filter.
func (d *auditDesk) requireListed(t *testing.T) {
	t.Helper()
	code, out, _ := d.command(t, "audit", "list", "--subject", "database")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `ENTRY +TIME +ACTOR +ACTION +ABOUT +WHAT`, out)
	require.Regexp(t, `cli:\S+ +database\.bound +database +the database belongs to acct_`, out)
	require.Equal(t, 2, strings.Count(strings.TrimSpace(out), "\n")+1)
	code, byCommand, _ := d.command(t, "audit", "list", "--json", "--limit", "4", "--actor", "key:"+handlers.KeyFingerprint(counterKey))
	require.Equal(t, exitOK, code)
	status, byAPI := d.get(t, http.MethodGet, "audit?limit=4&actor=key:"+handlers.KeyFingerprint(counterKey), "")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, byAPI, byCommand)
	require.Contains(t, byAPI, `"subject":"links"`)
	require.Contains(t, byAPI, `"has_more":true`)
	code, _, talk := d.command(t, "audit", "list", "--limit", "4")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `there are more: --cursor \d+`, talk)
}
