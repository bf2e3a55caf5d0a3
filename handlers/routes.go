package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
