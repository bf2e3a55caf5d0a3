package handlers

import (
	"context"
	"net/http"
	"time"
)

// checkTimeout bounds a readiness check: an orchestrator gives up soon after.
const checkTimeout = 3 * time.Second

// healthz says that the process is alive.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether everything this process needs answers, and names what does not. Errors are logged in full and
// told in a word: this page needs no key.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, checks := http.StatusOK, map[string]string{}
	for name, check := range s.Checks {
		checks[name] = "ok"
		if err := check(ctx); err != nil {
			status, checks[name] = http.StatusServiceUnavailable, "down"
			s.Log.Warn().Err(err).Str("check", name).Msg("not ready")
		}
	}
	word := "ok"
	if status != http.StatusOK {
		word = "down"
	}
	writeJSON(w, status, map[string]any{"status": word, "checks": checks})
}
