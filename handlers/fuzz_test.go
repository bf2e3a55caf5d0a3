package handlers_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// FuzzCreatePlan: whatever is sent, the answer is a plan or a refusal that names a problem; never a
// failure of ours.
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
	h := fuzzedSurface(f)
	f.Fuzz(func(t *testing.T, body, key string) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/plans", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+apiKey)
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		require.Less(t, rec.Code, 500, "%s", rec.Body)
		var answer struct{ ID, Code, Detail string }
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer), "%s", rec.Body)
		if rec.Code >= 400 {
			require.NotEmpty(t, answer.Code)
			require.NotEmpty(t, answer.Detail)
			return
		}
		require.NotEmpty(t, answer.ID)
	})
}

// fuzzedSurface is the API on a store of its own and a simulated Stripe.
func fuzzedSurface(f *testing.F) http.Handler {
	f.Helper()
	sim := stripesim.New(stripesim.Options{})
	stripe := httptest.NewServer(sim)
	f.Cleanup(func() { sim.Close(); stripe.Close() })
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_fuzz", APIBase: stripe.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(f, err)
	var clk clock.Clock
	st := storetest.SQLite(f)
	h := handlers.New(handlers.Config{
		Store: st, Planner: planning.New(st, gateway, clk.Now, billing.Rules{ChargeTime: billing.LocalTime{Hour: 9}}), APIKeys: []string{apiKey}, Log: zerolog.Nop(),
	})
	f.Cleanup(h.Close)
	return h
}
