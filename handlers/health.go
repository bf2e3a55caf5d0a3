package handlers

import (
	"context"
	"net/http"
	"time"

	"tranche/internal/alarm"
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
	body := map[string]any{"status": word, "checks": checks}
	if s.Alarms != nil {
		body["alarms"] = s.raised(ctx)
	}
	writeJSON(w, status, body)
}

// alarmView is an alarm as this page tells it: no ids and no reasons, which may name customers.
type alarmView struct {
	Name     string         `json:"name"`
	Severity alarm.Severity `json:"severity"`
	Count    int            `json:"count"`
}

// raised lists the alarms. They don't make a process unready: another copy would raise the same. It is null when they
// can't be told, which the checks explain.
func (s *Server) raised(ctx context.Context) []alarmView {
	alarms, err := s.Alarms.Check(ctx)
	if err != nil {
		s.Log.Warn().Err(err).Msg("alarms not checked")
		return nil
	}
	views := make([]alarmView, len(alarms))
	for i, a := range alarms {
		views[i] = alarmView{a.Name, a.Severity, a.Count}
	}
	return views
}
