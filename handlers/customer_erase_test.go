package handlers_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"tranche/internal/view"

	"github.com/stretchr/testify/require"
)

func TestACustomerIsErasedOverHTTP(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		refused := s.api("POST", "/v1/customers/ada/erase", "")
		require.Equal(s.t, http.StatusConflict, refused.status)
		require.Contains(s.t, refused.problem(s.t).Detail, "plan order-1 is active: cancel it first")
		require.Equal(s.t, http.StatusNotFound, s.api("POST", "/v1/customers/nobody/erase", "").status)

		s.change(id, "cancel", "")
		waits := s.api("POST", "/v1/customers/ada/erase", "")
		require.Contains(s.t, waits.problem(s.t).Detail, "charge 1 of plan order-1 is under way at Stripe", "its PaymentIntent is to be canceled first")
		s.voided(id)

		erase := func(body string) (v view.Erasure) {
			a := s.api("POST", "/v1/customers/ada/erase", body)
			require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
			require.NoError(s.t, json.Unmarshal(a.body, &v))
			return v
		}
		require.True(s.t, erase(`{"dry_run": true}`).DryRun)
		done := erase("")
		require.False(s.t, done.DryRun)
		require.EqualValues(s.t, 1, done.Erased.Plans)
		require.Equal(s.t, http.StatusNotFound, s.api("POST", "/v1/customers/ada/erase", "").status, "the reference is gone")

		shown := s.api("GET", "/v1/plans/"+string(id), "")
		require.NotContains(s.t, string(shown.body), `"ada`)
		require.Equal(s.t, "order-1", shown.plan(s.t).Reference)
		again := s.api("POST", "/v1/plans", `{"reference": "order-2", "kind": "deferred", "currency": "usd", "total": 30000, "due": "on request",
			"customer": {"reference": "ada", "email": "ada@example.com"}}`)
		require.Equal(s.t, http.StatusCreated, again.status, "%s", again.body)
		require.NotEqual(s.t, done.Customer, again.plan(s.t).Customer.ID, "the next plan makes another customer")
	})
}
