//go:build !race

package handlers_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

// FuzzCreatePlan sends the same request to two instances, one on each database. Both must give the
// same answer: a plan or a refusal that names a problem, never an internal error. The test is not
// parallel, because it replaces the source of ids.
func FuzzCreatePlan(f *testing.F) {
	f.Add(order, "")
	f.Add(`{"reference": "villa-9", "kind": "deposit", "currency": "eur", "total": 250000, "deposit": 50000, "balance_due": "2030-12-20", "customer": {"reference": "x"}}`, "key")
	f.Add(`{"reference": "o", "kind": "installments", "currency": "kwd", "charges": [{"amount": 9223372036854775807}, {"amount": 1, "due": "2030-02-10"}], "customer": {"reference": "x"}}`, "")
	f.Add(`{"reference": 7}`, "")
	f.Add(`{"reference": "`+"\x00\\u0000\xff"+`"}`, strings.Repeat("k", 256))
	f.Add(`[]`, "")
	f.Add(``, "\x7f")
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		f.Add(testenv.Hostile(rng, order), testenv.HostileTexts()[rng.IntN(len(testenv.HostileTexts()))])
	}
	tw := newHostileTwins(f, 3)
	f.Fuzz(func(t *testing.T, body, key string) {
		tw.on(t)
		in := hostileInput{method: http.MethodPost, path: []string{"v1", "plans"}, body: body, header: plainHeader()}
		if key != "" {
			in.header.Set("Idempotency-Key", key)
		}
		shown, fault := tw.compare(in)
		require.Empty(t, fault)
		requirePlanOrProblem(t, shown)
	})
}

// requirePlanOrProblem reads an answer as compare returns it.
func requirePlanOrProblem(t *testing.T, shown string) {
	t.Helper()
	head, body, _ := strings.Cut(shown, "\n")
	var answer struct{ ID, Code, Detail string }
	require.NoError(t, json.Unmarshal([]byte(body), &answer), "%s", shown)
	if head >= "400" {
		require.NotEmpty(t, answer.Code)
		require.NotEmpty(t, answer.Detail)
		return
	}
	require.NotEmpty(t, answer.ID)
}
