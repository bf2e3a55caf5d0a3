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

// changeCharge changes one charge of a plan, and returns the plan.
func (s *surface) changeCharge(c view.Charge, what, body string) view.Plan {
	s.t.Helper()
	a := s.api("POST", "/v1/charges/"+string(c.ID)+"/"+what, body)
	require.Equal(s.t, http.StatusOK, a.status, string(a.body))
	var v view.Plan
	require.NoError(s.t, json.Unmarshal(a.body, &v))
	return v
}

// paidFirst writes the first charge as paid with a card of the customer's, as a worker does, and
// gives a second card.
func (s *surface) paidFirst(id billing.PlanID) billing.CardID {
	s.t.Helper()
	ctx := s.t.Context()
	var second billing.CardID
	require.NoError(s.t, s.store.Update(ctx, func(tx billing.Tx) error {
		plan, err := tx.LockPlan(ctx, id)
		require.NoError(s.t, err)
		charges, err := tx.PlanCharges(ctx, id)
		require.NoError(s.t, err)
		c := charges[0]
		require.NoError(s.t, c.Move(billing.ChargeSucceeded, "", time.Time{}))
		c.PaymentIntent, c.PaidAt = "pi_"+string(c.ID), plan.CreatedAt
		require.NoError(s.t, tx.UpdateCharge(ctx, c))
		for range 2 {
			card := billing.Card{ID: billing.NewCardID(plan.CreatedAt), CustomerID: plan.CustomerID, Status: billing.CardActive, CreatedAt: plan.CreatedAt, UpdatedAt: plan.CreatedAt}
			card.PaymentMethod = "pm_" + string(card.ID)
			require.NoError(s.t, tx.InsertCard(ctx, card))
			plan.CardID, second = card.ID, plan.CardID
		}
		return tx.UpdatePlan(ctx, plan)
	}))
	return second
}

func TestEveryChangeOfAPlan(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		other := s.paidFirst(id)
		v := s.change(id, "remaining", `{"total": 18000}`)
		require.EqualValues(s.t, 28000, v.Total)
		v = s.change(id, "extend", `{"parts": 2}`)
		require.Len(s.t, v.Charges, 5)
		require.EqualValues(s.t, 46000, v.Total)
		v = s.change(id, "fee", `{"amount": 500, "due": "`+v.Charges[4].DueAt.AddDate(0, 0, 3).Format(time.DateOnly)+`", "reason": "late"}`)
		require.EqualValues(s.t, 46500, v.Total)
		s.change(id, "card", `{"card": "`+string(other)+`"}`)
		v = s.change(id, "catch-up", `{"catch_up": "all"}`)
		require.Equal(s.t, billing.CatchUpAll, v.CatchUp)
		v = s.changeCharge(v.Charges[5], "amount", `{"amount": 700}`)
		require.EqualValues(s.t, 46700, v.Total)
		v = s.changeCharge(v.Charges[5], "split", `{"first": 300, "due": "`+v.Charges[5].DueAt.AddDate(0, 0, 3).Format(time.DateOnly)+`"}`)
		require.Len(s.t, v.Charges, 7)
		v = s.changeCharge(v.Charges[6], "write-off", `{"reason": "goodwill"}`)
		require.Equal(s.t, billing.ChargeCanceled, v.Charges[6].Status)
		require.EqualValues(s.t, 46700, v.Total, "a loss stays in the total")
		v = s.changeCharge(v.Charges[5], "skip", `{"reason": "goodwill"}`)
		require.True(s.t, v.Charges[5].Dropped)
		require.EqualValues(s.t, 46400, v.Total)
		v = s.changeCharge(v.Charges[4], "skip", `{"to_end": true}`)
		require.Len(s.t, v.Charges, 8)
		require.EqualValues(s.t, 46400, v.Total)
		v = s.changeCharge(v.Charges[3], "move", `{"due": "`+v.Charges[3].DueAt.AddDate(0, 0, 5).Format(time.DateOnly)+`"}`)
		v = s.changeCharge(v.Charges[1], "paid-outside", `{"note": "in cash"}`)
		require.True(s.t, v.Charges[1].PaidOutside)
		v = s.changeCharge(v.Charges[2], "pay", "")
		require.NotNil(s.t, v.Charges[2].NextAttemptAt)
		v = s.change(id, "pay-all", `{"discount": 1000}`)
		require.EqualValues(s.t, 45400, v.Total)
		v = s.change(id, "cancel", `{"refund": true, "reason": "sent back"}`)
		require.Equal(s.t, billing.PlanCanceled, v.Status)
		require.NotNil(s.t, v.Charges[0].NextAttemptAt, "its refund is to be made")

		a := s.api("GET", "/v1/plans/"+string(id)+"/versions", "")
		require.Equal(s.t, http.StatusOK, a.status)
		var list view.List[view.Version]
		require.NoError(s.t, json.Unmarshal(a.body, &list))
		require.Len(s.t, list.Data, 16)
		require.EqualValues(s.t, 30000, list.Data[0].Total, "what was agreed at first")
		require.Equal(s.t, "agreed", list.Data[0].What)
		for i, version := range list.Data {
			require.Equal(s.t, i+1, version.Number)
		}
		var agreed []billing.AgreedCharge
		require.NoError(s.t, json.Unmarshal(list.Data[0].Charges, &agreed))
		require.Len(s.t, agreed, 3)
	})
}

func TestWhatAChangeRefuses(t *testing.T) {
	t.Parallel()
	s := newSurface(t, storetest.SQLite(t))
	id := s.activePlan("order-1")
	s.paidFirst(id)
	var v view.Plan
	require.NoError(t, json.Unmarshal(s.api("GET", "/v1/plans/"+string(id), "").body, &v))
	plan, first, second := "plans/"+string(id), "charges/"+string(v.Charges[0].ID), "charges/"+string(v.Charges[1].ID)
	for path, tc := range map[string]struct {
		body   string
		status int
		code   string
		says   string
	}{
		plan + "/remaining":         {`{"total": 60}`, 422, "invalid_request", "the minimum at Stripe is 0.50 USD"},
		plan + "/fee":               {`{"amount": 100, "due": "2020-01-01"}`, 422, "invalid_request", "not in the future"},
		plan + "/extend":            {`{"parts": 0}`, 422, "invalid_request", "use 1 to 500"},
		plan + "/pay-all":           {`{"discount": 30000}`, 422, "invalid_request", "discount"},
		plan + "/card":              {`{"card": "card_none"}`, 422, "invalid_request", "no card card_none"},
		plan + "/catch-up":          {`{"catch_up": "latest"}`, 422, "invalid_request", "is for recurring plans only"},
		plan + "/restart":           {"", 409, "refused", "not defaulted"},
		first + "/skip":             {"", 409, "refused", "charge 1 is succeeded"},
		second + "/move":            {`{"due": "tomorrow"}`, 422, "invalid_request", "is not a valid date"},
		second + "/amount":          {`{"amount": 1}`, 422, "invalid_request", "the minimum at Stripe is"},
		second + "/split":           {`{"first": 9999, "due": "` + v.Charges[1].DueAt.AddDate(0, 0, 1).Format(time.DateOnly) + `"}`, 422, "invalid_request", "the rest"},
		second + "/write-off":       {`{"reason": "` + strings.Repeat("x", 501) + `"}`, 422, "invalid_request", "longer than"},
		second + "/paid-outside":    {`{"why": "x"}`, 400, "malformed_body", "why"},
		"charges/chg_none/pay":      {"", 404, "not_found", ""},
		"plans/plan_none/remaining": {`{"total": 100}`, 404, "not_found", ""},
	} {
		a := s.api("POST", "/v1/"+path, tc.body)
		require.Equal(t, tc.status, a.status, "%s: %s", path, a.body)
		require.Equal(t, tc.code, a.problem(t).Code, path)
		require.Contains(t, a.problem(t).Detail, tc.says, path)
	}
	late := v.Charges[2].DueAt.AddDate(0, 0, 1).Format(time.DateOnly)
	a := s.api("POST", "/v1/"+second+"/move", `{"due": "`+late+`"}`)
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.problem(t).Detail, "not after charge 2")
	require.Equal(t, http.StatusNotFound, s.api("GET", "/v1/plans/plan_none/versions", "").status)
}
