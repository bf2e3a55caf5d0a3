package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tranche/internal/view"

	"github.com/stretchr/testify/require"
)

// keyed sends a change under an Idempotency-Key.
func (s *surface) keyed(path, key, body string) answer {
	header := http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
	return s.do(http.MethodPost, path, header, body)
}

// charged returns the number of charges of an answer's plan.
func (s *surface) charged(a answer) int {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, a.status, string(a.body))
	var v view.Plan
	require.NoError(s.t, json.Unmarshal(a.body, &v))
	return len(v.Charges)
}

// TestAChangeUnderAKeyIsMadeOnce: a repeated request returns the plan and changes nothing, another
// request with the same key is refused, and a refused request may be sent again.
func TestAChangeUnderAKeyIsMadeOnce(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		s.paidFirst(id)
		path := "/v1/plans/" + string(id) + "/extend"
		const body = `{"parts": 1, "amount": 500}`
		first := s.keyed(path, "more-1", body)
		had := s.charged(first)
		require.Empty(s.t, first.header.Get("Idempotent-Replayed"))
		again := s.keyed(path, "more-1", body)
		require.Equal(s.t, had, s.charged(again))
		require.Equal(s.t, "true", again.header.Get("Idempotent-Replayed"))
		require.Equal(s.t, had+1, s.charged(s.keyed(path, "more-2", body)))
		require.Equal(s.t, had+2, s.charged(s.keyed(path, "", body)), "without a key each is one of its own")

		for what, a := range map[string]answer{
			"another body":      s.keyed(path, "more-1", strings.Replace(body, "500", "600", 1)),
			"another operation": s.keyed("/v1/plans/"+string(id)+"/pause", "more-1", ""),
			"a plan's creation": s.keyed("/v1/plans", "more-1", `{"reference": "order-2", "kind": "deferred", "currency": "usd", "total": 900, "due": "2027-01-01", "customer": {"reference": "ada"}}`),
		} {
			require.Equal(s.t, http.StatusUnprocessableEntity, a.status, what)
			require.Contains(s.t, string(a.body), "idempotency_key_reused", what)
		}
		require.Equal(s.t, http.StatusBadRequest, s.keyed(path, strings.Repeat("k", 256), body).status)
		require.Equal(s.t, http.StatusNotFound, s.keyed("/v1/plans/plan_none/extend", "k", body).status)
		require.Equal(s.t, http.StatusNotFound, s.keyed("/v1/charges/chg_none/skip", "k", "").status)

		require.Equal(s.t, http.StatusConflict, s.keyed("/v1/plans/"+string(id)+"/resume", "resume", "").status, "it is not paused")
		s.charged(s.keyed("/v1/plans/"+string(id)+"/pause", "pause", ""))
		s.charged(s.keyed("/v1/plans/"+string(id)+"/resume", "resume", ""))
		s.charged(s.keyed("/v1/plans/"+string(id)+"/pause", "pause", ""))
		var v view.Plan
		require.NoError(s.t, json.Unmarshal(s.api("GET", "/v1/plans/"+string(id), "").body, &v))
		require.EqualValues(s.t, "active", v.Status, "a late copy of the pause pauses nothing")
	})
}

func TestCopiesOfAChangeAtTheSameMomentMakeOne(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		s.paidFirst(id)
		var plan view.Plan
		require.NoError(s.t, json.Unmarshal(s.api("GET", "/v1/plans/"+string(id), "").body, &plan))
		path := "/v1/charges/" + string(plan.Charges[2].ID) + "/split"
		answers := make([]answer, 8)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = s.keyed(path, "split", `{"first": 1000, "due": "2027-02-20"}`) })
		}
		wg.Wait()
		replayed := 0
		for _, a := range answers {
			require.Equal(s.t, len(plan.Charges)+1, s.charged(a))
			if a.header.Get("Idempotent-Replayed") == "true" {
				replayed++
			}
		}
		require.Equal(s.t, len(answers)-1, replayed)
	})
}
