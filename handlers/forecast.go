package handlers

import (
	"context"
	"net/http"
	"reflect"

	"tranche/internal/billing"
)

// Forecaster predicts the course of a plan. It writes nothing.
type Forecaster func(ctx context.Context, r billing.ForecastRequest) (billing.Forecast, error)

// forecastBody is what POST /v1/forecast takes: the name of a plan, or the body of POST /v1/plans,
// with how it is to be looked ahead.
type forecastBody struct {
	Plan         string `json:"plan"`
	Decline      string `json:"decline"`
	DeclineTimes int    `json:"decline_times"`
	NoDeclines   bool   `json:"no_declines"`
	Horizon      string `json:"horizon"`
	billing.Terms
}

// request is the body as a request. Terms beside a plan are passed on, to be refused.
func (b forecastBody) request() billing.ForecastRequest {
	r := billing.ForecastRequest{
		Plan: b.Plan, Decline: b.Decline, DeclineTimes: b.DeclineTimes, NoDeclines: b.NoDeclines, Horizon: b.Horizon,
	}
	if !reflect.DeepEqual(b.Terms, billing.Terms{}) {
		r.Terms = &b.Terms
	}
	return r
}

// makeForecast says what would become of a plan that exists or is only proposed. Nothing is made or
// changed.
func (s *Server) makeForecast(w http.ResponseWriter, r *http.Request) {
	var body forecastBody
	if !decodeBody(w, r, &body) {
		return
	}
	told, err := s.Forecaster(r.Context(), body.request())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, told)
}
