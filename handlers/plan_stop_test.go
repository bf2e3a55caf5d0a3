package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/view"
)

// activePlan stores a plan whose first payment was made.
func (s *surface) activePlan(reference string) billing.PlanID {
	s.t.Helper()
	a := s.api("POST", "/v1/plans", `{"reference": "`+reference+`", "kind": "installments", "currency": "usd", "total": 30000, "parts": 3,
		"every": "1 month", "customer": {"reference": "ada", "email": "ada@example.com"}}`)
	require.Equal(s.t, http.StatusCreated, a.status, string(a.body))
	var made view.Plan
	require.NoError(s.t, json.Unmarshal(a.body, &made))
	require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
		p, err := tx.LockPlan(s.t.Context(), made.ID)
		if err != nil {
			return err
		}
		p.Status = billing.PlanActive
		return tx.UpdatePlan(s.t.Context(), p)
	}))
	return made.ID
}

func (s *surface) change(id billing.PlanID, what, body string) view.Plan {
	s.t.Helper()
	a := s.api("POST", "/v1/plans/"+string(id)+"/"+what, body)
	require.Equal(s.t, http.StatusOK, a.status, string(a.body))
	var v view.Plan
	require.NoError(s.t, json.Unmarshal(a.body, &v))
	return v
}

func TestPauseResumeAndCancelAPlan(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		v := s.change(id, "pause", `{"reason": "asked by phone"}`)
		require.Equal(s.t, billing.PlanPaused, v.Status)
		require.Equal(s.t, "paused by the merchant: asked by phone", v.Reason)
		require.NotNil(s.t, v.PausedAt)
		require.Equal(s.t, "refused", s.api("POST", "/v1/plans/"+string(id)+"/pause", "").problem(s.t).Code)

		v = s.change(id, "resume", `{"dates": "shift"}`)
		require.Equal(s.t, billing.PlanPastDue, v.Status, "the first charge is not paid in this test")
		require.Empty(s.t, v.Reason)
		require.Nil(s.t, v.PausedAt)

		v = s.change(id, "cancel", "")
		require.Equal(s.t, billing.PlanCanceled, v.Status)
		for _, c := range v.Charges {
			require.Equal(s.t, billing.ChargeCanceled, c.Status)
		}
		refused := s.api("POST", "/v1/plans/"+string(id)+"/cancel", "")
		require.Equal(s.t, http.StatusConflict, refused.status)
		require.Equal(s.t, "plan order-1 is not canceled: it is canceled", refused.problem(s.t).Detail)
	})
}

func TestWhatAStopRefuses(t *testing.T) {
	t.Parallel()
	s := newSurface(t, storetest.SQLite(t))
	id := string(s.activePlan("order-1"))
	for path, tc := range map[string]struct {
		body   string
		status int
		code   string
	}{
		id + "/pause":      {`{"reason": "` + strings.Repeat("x", 501) + `"}`, http.StatusUnprocessableEntity, "invalid_request"},
		id + "/cancel":     {`{"why": "x"}`, http.StatusBadRequest, "malformed_body"},
		id + "/resume":     {`{"dates": "tomorrow"}`, http.StatusBadRequest, "bad_parameter"},
		"plan_none/pause":  {"", http.StatusNotFound, "not_found"},
		"plan_none/cancel": {"", http.StatusNotFound, "not_found"},
		"plan_none/resume": {"", http.StatusNotFound, "not_found"},
	} {
		a := s.api("POST", "/v1/plans/"+path, tc.body)
		require.Equal(t, tc.status, a.status, path)
		require.Equal(t, tc.code, a.problem(t).Code, path)
	}
}

// voided does the workers' part of a cancellation: it cancels the plan's PaymentIntents at Stripe.
func (s *surface) voided(id billing.PlanID) {
	s.t.Helper()
	require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
		charges, err := tx.PlanCharges(s.t.Context(), id)
		if err != nil {
			return err
		}
		for _, c := range charges {
			c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
			if err := tx.UpdateCharge(s.t.Context(), c); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestChange_NotifiesUnlessTheBodyForbids(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-quiet")
		for _, body := range []string{`{"reason": "a", "notify": false}`, `{"reason": "b", "notify": true}`, ""} {
			s.change(id, "pause", body)
			s.change(id, "resume", `{"dates": "shift", "notify": false}`)
		}
		s.change(id, "fee", `{"amount": 500, "due": "2030-01-01", "notify": false}`)
		s.change(id, "fee", `{"amount": 500, "due": "2030-02-01"}`)
		notices, err := s.store.Notices(s.t.Context(), billing.NoticeFilter{Plan: id})
		require.NoError(s.t, err)
		count := map[billing.NoticeKind]int{}
		for _, n := range notices {
			count[n.Kind]++
		}
		require.Equal(s.t, map[billing.NoticeKind]int{billing.NoticePlanPaused: 2, billing.NoticePlanChanged: 1}, count)
		require.Equal(s.t, http.StatusBadRequest, s.api("POST", "/v1/plans/"+string(id)+"/pause", `{"notify": "no"}`).status)
		require.Equal(s.t, http.StatusBadRequest, s.api("POST", "/v1/plans/"+string(id)+"/pause", `{"notifies": false}`).status)
	})
}
