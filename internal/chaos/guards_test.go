package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

// edit replaces a piece of a source file.
type edit struct{ file, old, new string }

// guards lists the safeguards of the code: how to remove each, the scenario that needs it, and the
// damage without it.
var guards = map[string]struct {
	edits  []edit
	damage string // what the harness must report
	scenario
}{
	"idempotency key": {
		edits:    []edit{{"internal/stripegw/call.go", "IdempotencyKey = stripe.String(key)", "IdempotencyKey = stripe.String(stripe.NewIdempotencyKey())"}},
		damage:   kindDouble,
		scenario: lostAnswers,
	},
	"none": {scenario: lostAnswers}, // the same scenario does no damage with every guard in place
	"check of the plan": {
		edits:    []edit{{"internal/collect/next.go", "if !t.Plan.Status.Collects() {", "if false {"}},
		damage:   kindWrong,
		scenario: scenario{pace: 2, stop: stopPause, every: "10 days"},
	},
	"dedupe": {
		edits: []edit{
			{"internal/planwork/outcome.go", "if c.Status.Settled() {\n\t\treturn nil", "if false {\n\t\treturn nil"},
			{"internal/collect/payment.go", "c.Status.Settled() || !c.Status.CanBecome(billing.ChargeSucceeded)", "false"},
			{"internal/planwork/outcome.go", "string(billing.NoticePaymentSucceeded), \"\")", "string(billing.NewNoticeID(t.Now)), \"\")"},
		},
		damage:   kindDuplicate,
		scenario: scenario{pace: 2, always: []rule{{Action: "webhook_duplicate", Probability: 0.5}}},
	},
}

// lostAnswers runs so slowly that a key outlives a lease: a request whose answer was lost is sent
// again, and not looked up. The payment's webhook, which would correct the record in time, is
// delayed.
var lostAnswers = scenario{pace: 0.06, always: []rule{
	{Action: "answer_lost", Method: "POST", Path: "/v1/payment_intents", Probability: 0.6},
	{Action: "webhook_delay", Event: "payment_intent.succeeded", Probability: 1, Delay: "9s"},
}}

// scenario describes the faults of a run without a guard.
type scenario struct {
	pace   float64
	always []rule
	stop   string // how every plan is stopped
	every  string // the interval of every plan; a day if empty
}

// shape makes an order fall due each day, paid with a good card.
func (d scenario) shape(o *order) {
	o.Kind, o.Every, o.Parts, o.First, o.Own = "installments", cmp.Or(d.every, "1 day"), 6, 0, false
	o.Card, o.Habits = card{Number: "4242424242424242"}, habits{}
	o.Stop = stopping{Kind: d.stop, After: time.Second}
}

// TestGuards_RemovedGuardIsReported builds Tranche without one of its guards. The harness must
// report the damage.
func TestGuards_RemovedGuardIsReported(t *testing.T) {
	t.Parallel()
	testenv.Postgres(t) // only checks that the programs are installed: the harness starts its own
	for name, g := range guards {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errOut bytes.Buffer
			settle := 10 * time.Second // a double charge does not go away
			if g.damage == "" {
				settle = time.Minute
			}
			r, err := cause(t.Context(), settings{
				Seed: 5, Pace: g.pace, FaultPhase: 30 * time.Second, Settle: settle, Plans: 60,
				Env:    []string{"TRANCHE_SWEEP_EVERY=500h"}, // keeps the sweep from fetching the event of a delayed webhook
				Faults: []string{flushQueue}, Always: g.always, Shape: g.shape, Binary: withoutGuard(t, g.edits),
			}, &errOut)
			require.NoError(t, err, errOut.String())
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

// withoutGuard builds the binary from edited sources, without changing any file of the repository.
func withoutGuard(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := moduleRoot(t.Context())
	require.NoError(t, err)
	sources := map[string]string{}
	for _, e := range edits {
		if sources[e.file] == "" {
			text, err := os.ReadFile(filepath.Join(root, e.file))
			require.NoError(t, err)
			sources[e.file] = string(text)
		}
		require.Equal(t, 1, strings.Count(sources[e.file], e.old), "the guarded code in %s has changed: %s", e.file, e.old)
		sources[e.file] = strings.Replace(sources[e.file], e.old, e.new, 1)
	}
	binary, err := buildWith(t.Context(), root, t.TempDir(), sources)
	require.NoError(t, err)
	return binary
}
