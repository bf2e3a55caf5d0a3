package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tranche/internal/billing"
)

// route is one route of the API and the query parameters that it takes.
type route struct {
	pattern string
	params  []string
}

// router is a mux whose routes declare their query parameters. A request with any other parameter
// is refused, because an ignored filter would return rows that the caller did not ask for.
type router struct {
	mux    *http.ServeMux
	routes []route
	// plan wraps the routes with a plan in the path.
	plan func(next http.HandlerFunc) http.HandlerFunc
}

// planPath is the path of a plan. Every route below it takes the plan's id or reference.
const planPath = " /v1/plans/{id}"

// handle adds a route.
func (rt *router) handle(pattern string, h http.HandlerFunc, params ...string) {
	slices.Sort(params)
	one := route{pattern: pattern, params: params}
	rt.routes = append(rt.routes, one)
	if strings.Contains(pattern, planPath) {
		h = rt.plan(h)
	}
	rt.mux.HandleFunc(pattern, one.checked(h))
}

// checked refuses requests with an invalid or unknown query parameter.
func (one route) checked(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_parameter",
				Detail: "the query is not NAME=VALUE pairs joined by &: " + err.Error()})
			return
		}
		if name, message := one.fault(query); message != "" {
			badParameter(w, name, message)
			return
		}
		next(w, r)
	}
}

// fault returns the first parameter that is unknown or repeated, and describes the fault.
func (one route) fault(query url.Values) (name, message string) {
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case !slices.Contains(one.params, name):
			return name, fmt.Sprintf("there is no such parameter; %s takes %s", one.pattern, one.listed())
		case len(query[name]) > 1:
			return name, "is given more than once"
		}
	}
	return "", ""
}

func (one route) listed() string {
	if len(one.params) == 0 {
		return "no parameters"
	}
	return strings.Join(one.params, ", ")
}

// planNamed replaces the plan's reference in the path by the plan's id.
func (s *Server) planNamed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plan, err := billing.FindPlan(r.Context(), s.Store, r.PathValue("id"))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		r.SetPathValue("id", string(plan.ID))
		next(w, r)
	}
}

// apiRoutes returns the routes below /v1.
func (s *Server) apiRoutes() *router {
	api := &router{mux: http.NewServeMux(), plan: s.planNamed}
	api.handle("POST /v1/plans", s.createPlan)
	api.handle("GET /v1/plans", s.listPlans, "reference", "customer", "status", "cursor", "limit")
	api.handle("GET /v1/plans/{id}", s.showPlan)
	api.handle("GET /v1/plans/{id}/audit", s.planAudit, "after")
	api.handle("GET /v1/plans/{id}/versions", s.planVersions)
	api.handle("GET /v1/audit", s.listAudit, "actor", "subject", "plan", "cursor", "limit")
	s.operationRoutes(api)
	s.customerRoutes(api)
	api.handle("GET /v1/export/{what}", s.export, "format", "since")
	if s.Forecaster != nil {
		api.handle("POST /v1/forecast", s.makeForecast)
	}
	api.handle("GET /v1/notices", s.listNotices, "plan", "charge", "status", "cursor", "limit")
	if s.Endpoints != nil {
		s.webhookRoutes(api)
	}
	s.linkRoutes(api)
	s.incidentRoutes(api)
	return api
}
