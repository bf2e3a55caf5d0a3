package handlers

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// known answers requests without a route with problem+json, instead of the mux's plain text.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		allowed := allowedMethods(mux, r)
		if len(allowed) == 0 {
			writeProblem(w, problem{Status: http.StatusNotFound, Slug: "not_found", Detail: "there is nothing at " + r.URL.Path})
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Slug: "method_not_allowed",
			Detail: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " or "), r.Method)})
	})
}

func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := mux.Handler(probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// recorder remembers the status that was written.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader records the status and passes it on.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observe logs each request, without its query, and turns a panic into a 500. It reports the route,
// as a pattern, and the status to answered, which may be nil.
func observe(b base, answered func(route string, status int), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := b.clock.Wall()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler { //nolint:errorlint // it is the value itself that net/http knows
				panic(p) // an answer that must not look complete: the connection is cut
			}
			if p != nil {
				b.log.Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Str("path", withoutSecrets(r.URL.Path)).Msg("request panicked")
				writeProblem(rec, problem{Status: http.StatusInternalServerError, Slug: "internal"})
			}
			b.log.Debug().Str("method", r.Method).Str("path", withoutSecrets(r.URL.Path)).Int("status", rec.status).
				Dur("took", b.clock.Wall().Sub(start).Round(time.Microsecond)).Msg("request")
			if answered != nil {
				answered(r.Pattern, rec.status) // the pattern, not the path: paths are without number
			}
		}()
		next.ServeHTTP(rec, r)
	})
}
