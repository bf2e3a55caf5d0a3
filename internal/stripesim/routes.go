package stripesim

import (
	"net/http"
	"strings"
)

// handler executes one endpoint; it holds the server's lock.
type handler func(*Server, *call) (any, *apiError)

// route is one endpoint.
type route struct {
	method, pattern string
	params          params
	handle          handler
	client          bool // a publishable key may call it
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	del  = http.MethodDelete
)

func routes() []route {
	all := customerRoutes()
	all = append(all, paymentMethodRoutes()...)
	all = append(all, paymentIntentRoutes()...)
	all = append(all, setupIntentRoutes()...)
	all = append(all, moneyRoutes()...)
	return append(all, accountRoutes()...)
}

// route finds the endpoint of a call and the ids in its path.
func (s *Server) route(c *call) (route, *apiError) {
	for _, candidate := range s.routes {
		if candidate.method != c.method {
			continue
		}
		if ids, ok := matchPath(candidate.pattern, c.path); ok {
			c.ids = ids
			return candidate, nil
		}
	}
	return route{}, unknownRoute(c.method, c.path)
}

// matchPath compares a path with a pattern, where * stands for one part.
func matchPath(pattern, path string) ([]string, bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(want) != len(have) {
		return nil, false
	}
	var ids []string
	for i := range want {
		switch {
		case want[i] == "*" && have[i] != "":
			ids = append(ids, have[i])
		case want[i] != have[i]:
			return nil, false
		}
	}
	return ids, true
}

// expandOnly are the parameters of a plain retrieve.
func expandOnly() params { return params{"expand": listOf()} }

// paged are the parameters of every list.
func paged(more params) params {
	return params{
		"limit": integer(1, 100), "starting_after": text(), "ending_before": text(), "expand": listOf(),
	}.with(more)
}
