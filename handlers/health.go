package handlers

import (
	"context"
	"net/http"
	"time"

	"tranche/internal/alarm"
)

// checkTimeout bounds a readiness check: an orchestrator's probe times out soon after.
const checkTimeout = 3 * time.Second

// healthz reports that the process is alive.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz reports in one word whether all services that this process needs answer. The page is
// public and needs no key, so names and numbers are on the admin address only.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, _ := s.readiness(ctx)
	writeJSON(w, status, map[string]string{"status": readyWord(status)})
}

// readyzDetails is readyz with the result of each check, and the alarms.
func (s *Server) readyzDetails(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, checks := s.readiness(ctx)
	body := map[string]any{"status": readyWord(status), "checks": checks}
	if s.Alarms != nil {
		body["alarms"] = s.raised(ctx)
	}
	writeJSON(w, status, body)
}

// readiness runs every check. It logs errors in full and returns them as one word.
func (s *Server) readiness(ctx context.Context) (status int, checks map[string]string) {
	status, checks = http.StatusOK, map[string]string{}
	for name, check := range s.Checks {
		checks[name] = "ok"
		if err := check(ctx); err != nil {
			status, checks[name] = http.StatusServiceUnavailable, "down"
			s.Log.Warn().Err(err).Str("check", name).Msg("not ready")
		}
	}
	return status, checks
}

// readyWord returns a readiness status as one word.
func readyWord(status int) string {
	if status == http.StatusOK {
		return "ok"
	}
	return "down"
}

// alarmView is an alarm on the admin address, without ids and reasons, which may name customers.
type alarmView struct {
	Name     string         `json:"name"`
	Severity alarm.Severity `json:"severity"`
	Count    int            `json:"count"`
}

// raised lists the alarms. They don't make a process unready, because every process would raise the
// same alarms. The list is never null: if the alarms can't be checked, it has an alarm about that.
func (s *Server) raised(ctx context.Context) []alarmView {
	alarms, err := s.Alarms.Check(ctx)
	if err != nil {
		s.Log.Warn().Err(err).Msg("alarms not checked")
		unknown := alarm.Unchecked()
		unknown.Count = 1
		alarms = append([]alarm.Alarm{unknown}, alarms...)
	}
	views := make([]alarmView, len(alarms))
	for i, a := range alarms {
		views[i] = alarmView{a.Name, a.Severity, a.Count}
	}
	return views
}
