package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/view"
)

func (a answer) forecast(t *testing.T) view.Forecast {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var f view.Forecast
	require.NoError(t, json.Unmarshal(a.body, &f), "%s", a.body)
	return f
}

// with adds fields to a JSON object.
func with(object, fields string) string { return strings.TrimSuffix(object, "}") + ", " + fields + "}" }

func TestForecast_ProposedAndExistingPlan(t *testing.T) {
	eachEngine(t, func(s *surface) {
		forecast := s.api("POST", "/v1/forecast", with(order, `"decline": "expired_card"`)).forecast(s.t)
		require.True(s.t, forecast.Proposed)
		require.Equal(s.t, int64(100000), forecast.Total)
		require.Equal(s.t, billing.PlanCompleted, forecast.EndStatus)
		require.Len(s.t, forecast.Charges, 3)
		require.Nil(s.t, forecast.Charges[0].IfDeclined, "which the customer pays in the checkout")
		require.Equal(s.t, "expired_card", forecast.Charges[1].IfDeclined.Code)
		require.Equal(s.t, billing.PlanDefaulted, forecast.Charges[2].IfDeclined.Plan)
		require.Empty(s.t, s.sim.PaymentIntents())
		plans, err := s.store.Plans(s.t.Context(), billing.PlanFilter{})
		require.NoError(s.t, err)
		require.Empty(s.t, plans)

		made := s.api("POST", "/v1/plans", order).plan(s.t)
		for _, name := range []string{string(made.ID), "order-1042"} {
			forecast = s.api("POST", "/v1/forecast", `{"plan": "`+name+`", "no_declines": true}`).forecast(s.t)
			require.False(s.t, forecast.Proposed)
			require.Equal(s.t, made.ID, forecast.Plan)
			require.Equal(s.t, billing.PlanAwaitingFirstPayment, forecast.Status)
			require.Nil(s.t, forecast.Charges[1].IfDeclined)
		}
		require.Len(s.t, s.sim.PaymentIntents(), 1)
	})
}

func TestAForecastThatCanNotBeMadeNamesTheField(t *testing.T) {
	eachEngine(t, func(s *surface) {
		made := s.api("POST", "/v1/plans", order).plan(s.t)
		for body, want := range map[string]struct {
			status int
			code   string
			field  string
		}{
			`{}`:                        {422, "invalid_request", "plan"},
			`{"plan": "plan_nobody"}`:   {404, "not_found", ""},
			`{"plan": "x", "spoon": 1}`: {400, "malformed_body", "spoon"},
			`{"plan": "order-1042", "decline": "no_mood"}`:        {422, "invalid_request", "decline"},
			`{"plan": "order-1042", "horizon": "2001-01-01"}`:     {422, "invalid_request", "horizon"},
			with(order, `"plan": "order-1042"`):                   {422, "invalid_request", "plan"},
			strings.Replace(order, "1042", "1043", 1) + " x":      {400, "malformed_body", ""},
			strings.Replace(order, `"usd"`, `"xxx"`, 1):           {422, "invalid_request", "currency"},
			strings.Replace(order, `"parts": 3`, `"parts": 4`, 1): {409, "reference_taken", "reference"},
		} {
			if strings.Contains(body, "xxx") {
				body = strings.Replace(body, "order-1042", "order-1044", 1)
			}
			a := s.api("POST", "/v1/forecast", body)
			require.Equal(s.t, want.status, a.status, "%s: %s", body, a.body)
			p := a.problem(s.t)
			require.Equal(s.t, want.code, p.Code)
			if want.field != "" {
				require.Equal(s.t, want.field, p.Errors[0].Field)
			}
		}
		require.Equal(s.t, http.StatusUnauthorized, s.do("POST", "/v1/forecast", http.Header{}, order).status)
		require.NotEmpty(s.t, made.ID)
	})
}
