package handlers

import (
	"net/http"
	"strings"
)

// takesPart refuses every request that would write while check returns an error, because the rows
// would be wrong. Stripe sends a refused webhook again. A nil check refuses nothing.
func takesPart(check func() error, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/pay/")
		if check == nil || reads {
			next.ServeHTTP(w, r)
			return
		}
		if err := check(); err != nil {
			writeProblem(w, problem{Status: http.StatusServiceUnavailable, Slug: "unavailable", Retry: retryAfter,
				Detail: "this process does not accept writes at the moment; its log has the reason; send the same request again"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
