package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"tranche/internal/billing"
)

// authenticate passes on requests with a valid bearer key and refuses all others.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		key := s.matchKey(strings.TrimSpace(given))
		if !bearer || key == "" {
			s.refuseKey(w, r, bearer)
			return
		}
		party, err := partyOf(r, key)
		if err != nil {
			writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_actor", Detail: err.Error()})
			return
		}
		acting := r.WithContext(billing.ActingAs(r.Context(), party))
		defer func() { r.Pattern = acting.Pattern }() // observe counts by it
		next.ServeHTTP(w, acting)
	})
}

// refuseKey answers a request without a key, or with a wrong key, which counts as a guess.
func (s *Server) refuseKey(w http.ResponseWriter, r *http.Request, guess bool) {
	if guess {
		if wait := s.noteWrongKey(r); wait > 0 {
			writeProblem(w, problem{Status: http.StatusTooManyRequests, Slug: "too_often", Retry: waitSeconds(wait),
				Detail: "too many requests with a wrong API key came from this network; a request with the right key is always answered"})
			return
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="tranche"`)
	writeProblem(w, problem{Status: http.StatusUnauthorized, Slug: "unauthorized",
		Detail: "send the header `Authorization: Bearer KEY` with the key set in TRANCHE_API_KEY"})
}

// matchKey returns the API key that equals given, or "". It compares hashes of all keys, so that
// the time it takes reveals neither the length nor the beginning of a key.
func (s *Server) matchKey(given string) (matched string) {
	got := sha256.Sum256([]byte(given))
	for _, key := range s.APIKeys {
		want := sha256.Sum256([]byte(key))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			matched = key
		}
	}
	return matched
}

// known answers requests without a route with problem+json, instead of the mux's plain text.
func (s *Server) known(mux *http.ServeMux) http.Handler {
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

// observe logs each request, without its query, and turns a panic into a 500.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Clock.Wall()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler { //nolint:errorlint // it is the value itself that net/http knows
				panic(p) // an answer that must not look complete: the connection is cut
			}
			if p != nil {
				s.Log.Error().Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Str("path", withoutSecrets(r.URL.Path)).Msg("request panicked")
				writeProblem(rec, problem{Status: http.StatusInternalServerError, Slug: "internal"})
			}
			s.Log.Debug().Str("method", r.Method).Str("path", withoutSecrets(r.URL.Path)).Int("status", rec.status).
				Dur("took", s.Clock.Wall().Sub(start).Round(time.Microsecond)).Msg("request")
			if s.Answered != nil {
				s.Answered(r.Pattern, rec.status) // the pattern, not the path: paths are without number
			}
		}()
		next.ServeHTTP(rec, r)
	})
}
