package handlers

import (
	"net/http"
	"strings"
)

// takesPart refuses everything that would write while this process takes no part: what it wrote
// would carry a wrong time. Stripe sends a refused webhook again.
func (s *Server) takesPart(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/pay/")
		if s.TakePart == nil || reads {
			next.ServeHTTP(w, r)
			return
		}
		if err := s.TakePart(); err != nil {
			writeProblem(w, problem{Status: http.StatusServiceUnavailable, Slug: "unavailable", Retry: retryAfter,
				Detail: "this process takes no part now, and its log says why; send the same request again"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
