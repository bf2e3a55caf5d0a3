package handlers

import (
	"context"
	"net/http"
	"reflect"
)

// Routes are the routes of the API, each with the query parameters that it takes.
func (s *Server) Routes() map[string][]string {
	routes := map[string][]string{}
	for _, one := range s.api.routes {
		routes[one.pattern] = one.params
	}
	return routes
}

// WatchBody returns a request that reports the type that its body is read into, and whether the
// route takes the field notify.
func WatchBody(r *http.Request, see func(body reflect.Type, notify bool)) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), bodySeen{}, func(into any) {
		change, notify := into.(*changeBody)
		if notify {
			into = change.body
		}
		see(reflect.TypeOf(into).Elem(), notify)
	}))
}
