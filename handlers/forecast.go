package handlers

import (
	"context"
	"net/http"
	"reflect"

	"tranche/internal/terms"
	"tranche/internal/view"
)

// Forecaster predicts the course of a plan. It writes nothing.
type Forecaster func(ctx context.Context, r view.ForecastRequest) (view.Forecast, error)

// forecastBody is the body of POST /v1/forecast: the name of a plan, or the body of POST /v1/plans,
// with the options of the forecast.
type forecastBody struct {
	Plan         string `json:"plan"`
	Decline      string `json:"decline"`
	DeclineTimes int    `json:"decline_times"`
	NoDeclines   bool   `json:"no_declines"`
	Horizon      string `json:"horizon"`
	terms.Terms
}

// request returns the forecast's request. It passes terms on even with a plan: the forecaster then
// refuses the request.
func (b forecastBody) request() view.ForecastRequest {
	r := view.ForecastRequest{
		Plan: b.Plan, Decline: b.Decline, DeclineTimes: b.DeclineTimes, NoDeclines: b.NoDeclines, Horizon: b.Horizon,
	}
	if !reflect.DeepEqual(b.Terms, terms.Terms{}) {
		r.Terms = &b.Terms
	}
	return r
}

// forecastAPI predicts the course of plans.
type forecastAPI struct {
	base
	forecaster Forecaster
}

func (a forecastAPI) routes(api *router) {
	api.handle("POST /v1/forecast", a.makeForecast)
}

// makeForecast predicts the course of a plan that exists or is only proposed. It creates and
// changes nothing.
func (a forecastAPI) makeForecast(w http.ResponseWriter, r *http.Request) {
	var body forecastBody
	if !decodeBody(w, r, &body) {
		return
	}
	forecast, err := a.forecaster(r.Context(), body.request())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, forecast)
}
