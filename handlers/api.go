package handlers

import (
	"net/http"

	"tranche/internal/operator"
)

// newAPI returns the routes of the merchant's API, which lie below /v1. Each noun has its own type.
func newAPI(c Config, b base, op *operator.Operator) *router {
	api := &router{mux: http.NewServeMux(), plan: b.planNamed}
	planAPI{base: b, planner: c.Planner}.routes(api)
	changeAPI{base: b, operator: op}.routes(api)
	customerAPI{base: b, operator: op}.routes(api)
	recordAPI{base: b}.routes(api)
	incidentAPI{base: b, operator: op}.routes(api)
	linkAPI{base: b, pay: c.Pay}.routes(api)
	exportAPI{base: b, partTime: c.Limits.Answer}.routes(api)
	if c.Forecaster != nil {
		forecastAPI{base: b, forecaster: c.Forecaster}.routes(api)
	}
	if c.Endpoints != nil {
		endpointAPI{base: b, endpoints: c.Endpoints}.routes(api)
	}
	return api
}
