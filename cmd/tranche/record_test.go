package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

// desk runs commands in the process, on the test's own database and Stripe simulator.
type desk struct {
	t   *testing.T
	sim *stripesim.Server
	env map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })
	return &desk{t: t, sim: sim, env: map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_desk", "STRIPE_API_BASE": server.URL, "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "tranche.db"),
	}}
}

// run runs a command and returns its exit code and outputs.
func (d *desk) run(args ...string) (code int, out, talk string) {
	d.t.Helper()
	var data, words bytes.Buffer
	c := &cli{env: func(name string) string { return d.env[name] }, in: strings.NewReader(""), out: &data, talk: &words}
	root := c.root()
	root.SetArgs(args)
	code = c.report(root.ExecuteContext(d.t.Context()))
	return code, data.String(), words.String()
}

// read runs a command that prints JSON.
func (d *desk) read(into any, args ...string) int {
	d.t.Helper()
	code, out, talk := d.run(append(args, "--json")...)
	require.NoError(d.t, json.Unmarshal([]byte(out), into), "%s %s", out, talk)
	return code
}

// post sends a form to Stripe like the merchant.
func (d *desk) post(path string, fields ...string) (id string) {
	d.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.env["STRIPE_API_BASE"]+path, strings.NewReader(form.Encode()))
	require.NoError(d.t, err)
	req.Header.Set("Authorization", "Bearer sk_test_desk")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(d.t, err)
	defer resp.Body.Close()
	var made struct{ ID string }
	require.NoError(d.t, json.NewDecoder(resp.Body).Decode(&made))
	require.Equal(d.t, http.StatusOK, resp.StatusCode)
	return made.ID
}

// paid creates a PaymentIntent with metadata and pays it.
func (d *desk) paid(metadata ...string) string {
	d.t.Helper()
	return d.post("/v1/payment_intents", append([]string{"amount", "5000", "currency", "usd", "confirm", "true",
		"payment_method", "pm_card_visa", "payment_method_types[]", "card"}, metadata...)...)
}

type backfilled struct {
	Seen, New int
	Complete  bool
}

func TestEventsAreFetchedShownAndRetried(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	intent := d.paid()
	var got backfilled
	require.Equal(t, exitOK, d.read(&got, "event", "backfill", "--dry-run"))
	require.Equal(t, backfilled{Seen: 1, New: 1, Complete: true}, got)
	require.Equal(t, exitOK, d.read(&got, "event", "backfill"))
	require.Equal(t, backfilled{Seen: 1, New: 1, Complete: true}, got)
	require.Equal(t, exitOK, d.read(&got, "event", "backfill"))
	require.Equal(t, backfilled{Seen: 1, New: 0, Complete: true}, got)

	var list struct{ Data []eventView }
	require.Equal(t, exitOK, d.read(&list, "event", "list"))
	require.Len(t, list.Data, 1)
	id := list.Data[0].ID
	var shown eventBody
	require.Equal(t, exitOK, d.read(&shown, "event", "show", id))
	require.Equal(t, intent, shown.ObjectID)
	require.NotContains(t, string(shown.Payload), "_secret_")
	code, out, _ := d.run("event", "show", id)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"type": "payment_intent.succeeded"`)
	require.Equal(t, exitOK, d.read(&list, "event", "retry", id))
	require.EqualValues(t, "pending", list.Data[0].Status)
}

// TestABackfillThatEndsEarlySaysSo: Stripe stops answering after the first page of events.
func TestABackfillThatEndsEarlySaysSo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 101 {
		d.post("/v1/payment_intents/" + d.post("/v1/payment_intents", "amount", "500", "currency", "usd") + "/cancel")
	}
	for range 4 { // each acts on the second call that those before it let through
		require.NoError(t, d.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Path: "/v1/events", Nth: 2}))
	}
	var got backfilled
	require.Equal(t, exitPartial, d.read(&got, "event", "backfill"))
	require.Equal(t, backfilled{Seen: 100, New: 100}, got)
	code, out, talk := d.run("event", "backfill")
	require.Equal(t, exitOK, code)
	require.Equal(t, "101 events seen, 1 new\n", out)
	require.Contains(t, talk, "reading Stripe's events: 100 seen, 0 new, back to ")
}

func TestWhatReconcileLeavesIsPrinted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	orphan := d.paid("metadata[tranche_charge]", "chg_of_nobody")
	window := []string{"reconcile", "--from", "2020-01-01", "--to", "2100-01-01"}
	code, out, talk := d.run(window...)
	require.Equal(t, exitPartial, code)
	require.Regexp(t, fmt.Sprintf(`(?m)^orphan_payment_intent +%s +no charge +succeeded, 50\.00 USD +left +cancel it at Stripe`, orphan), out)
	require.Contains(t, talk, "compared: 1 PaymentIntents, 0 charges; findings: 1, queued for repair: 0, left: 1")
	require.Contains(t, talk, "tranche: error: differences left for you to resolve: 1")

	d.post("/v1/payment_intents/" + d.post("/v1/payment_intents", "amount", "500", "currency", "usd") + "/cancel")
	var report struct {
		Complete bool
		Summary  struct{ Findings, Left int }
		Findings []map[string]any
	}
	require.Equal(t, exitPartial, d.read(&report, window...))
	require.True(t, report.Complete)
	require.Equal(t, 1, report.Summary.Left)
	require.Equal(t, orphan, report.Findings[0]["payment_intent"])
}
