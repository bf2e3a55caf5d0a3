package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

// edit takes something out of a source file.
type edit struct{ file, old, new string }

// guards are what keeps from damage, how to take each away, and the trouble in which it is missed.
var guards = map[string]struct {
	edits  []edit
	damage string // which the harness must report
	trouble
}{
	"idempotency key": {
		edits:   []edit{{"internal/stripegw/call.go", "IdempotencyKey = stripe.String(key)", "IdempotencyKey = stripe.String(stripe.NewIdempotencyKey())"}},
		damage:  kindDouble,
		trouble: lostAnswers,
	},
	"none": {trouble: lostAnswers}, // the same trouble does no damage where nothing is taken away
	"last look": {
		edits:   []edit{{"jobs/collect.go", "if !t.plan.Status.Collects() {", "if false {"}},
		damage:  kindWrong,
		trouble: trouble{pace: 2, stop: stopPause, every: "10 days"},
	},
	"dedupe": {
		edits: []edit{
			{"jobs/outcome.go", "if c.Status.Settled() {\n\t\treturn nil", "if false {\n\t\treturn nil"},
			{"jobs/event_paymentintent.go", "c.Status.Settled() ||", ""},
			{"jobs/event_paymentintent.go", "!c.Status.CanBecome(billing.ChargeSucceeded)", "false"},
			{"jobs/outcome.go", "string(billing.NoticePaymentSucceeded), \"\")", "string(billing.NewNoticeID(t.now)), \"\")"},
		},
		damage:  kindDuplicate,
		trouble: trouble{pace: 2, always: []rule{{Action: "webhook_duplicate", Probability: 0.5}}},
	},
}

// lostAnswers is so slow that a key lives longer than a lease: what was lost is sent again, and not looked up. The webhook of
// the payment, which would tell in time, comes late.
var lostAnswers = trouble{pace: 0.06, always: []rule{
	{Action: "answer_lost", Method: "POST", Path: "/v1/payment_intents", Probability: 0.6},
	{Action: "webhook_delay", Event: "payment_intent.succeeded", Probability: 1, Delay: "9s"},
}}

// trouble is what a run without a guard meets.
type trouble struct {
	pace   float64
	always []rule
	stop   string // what happens to every plan
	every  string // the interval of every plan; a day when empty
}

// shape makes every order one that falls due each day and is paid with a good card.
func (d trouble) shape(o *order) {
	o.Kind, o.Every, o.Parts, o.First, o.Own = "installments", cmp.Or(d.every, "1 day"), 6, 0, false
	o.Card, o.Habits = card{Number: "4242424242424242"}, habits{}
	o.Stop = stopping{Kind: d.stop, After: time.Second}
}

// TestWithoutAGuardTheHarnessReportsTheDamage builds Tranche without one of its guards and lets the harness find out.
func TestWithoutAGuardTheHarnessReportsTheDamage(t *testing.T) {
	t.Parallel()
	testenv.Postgres(t) // the harness starts its own, of the same programs
	for name, g := range guards {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var talk bytes.Buffer
			settle := 10 * time.Second // what was done twice stays so
			if g.damage == "" {
				settle = time.Minute
			}
			r, err := cause(t.Context(), settings{
				Seed: 5, Pace: g.pace, Trouble: 30 * time.Second, Settle: settle, Plans: 60,
				Env:    []string{"TRANCHE_SWEEP_EVERY=500h"}, // the sweep fetches the news that a webhook is late with
				Faults: []string{flushQueue}, Always: g.always, Shape: g.shape, Binary: withoutGuard(t, g.edits),
			}, &talk)
			require.NoError(t, err, talk.String())
			t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(r.logs)) })
			var report bytes.Buffer
			r.print(&report)
			if g.damage == "" {
				require.Zero(t, r.damage.total(), report.String())
				return
			}
			require.Positive(t, r.damage.count(g.damage), report.String())
		})
	}
}

// withoutGuard builds the binary from sources that are edited on the way to the compiler, and nowhere else.
func withoutGuard(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := t.TempDir()
	sources := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(root, e.file)
		if sources[path] == "" {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			sources[path] = string(text)
		}
		require.Equal(t, 1, strings.Count(sources[path], e.old), "the guard in %s has moved: %s", e.file, e.old)
		sources[path] = strings.Replace(sources[path], e.old, e.new, 1)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range sources {
		edited := filepath.Join(dir, filepath.Base(path))
		require.NoError(t, os.WriteFile(edited, []byte(text), 0o600))
		overlay.Replace[path] = edited
	}
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600))
	binary := filepath.Join(dir, "tranche")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/tranche")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}
