package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/alarm"
)

// checkTimeout bounds a readiness check: an orchestrator's probe times out soon after.
const checkTimeout = 3 * time.Second

// health answers the probes of orchestrators and monitoring.
type health struct {
	checks map[string]func(ctx context.Context) error
	alarms alarm.Checker // may be nil
	log    zerolog.Logger
}

// healthz reports that the process is alive.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz reports in one word whether all services that this process needs answer. The page is
// public and needs no key, so names and numbers are on the admin address only.
func (h health) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, _ := h.readiness(ctx)
	writeJSON(w, status, map[string]string{"status": readyWord(status)})
}

// readyzDetails is readyz with the result of each check, and the alarms.
func (h health) readyzDetails(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, checks := h.readiness(ctx)
	body := map[string]any{"status": readyWord(status), "checks": checks}
	if h.alarms != nil {
		body["alarms"] = h.raised(ctx)
	}
	writeJSON(w, status, body)
}

// readiness runs every check. It logs errors in full and returns them as one word.
func (h health) readiness(ctx context.Context) (status int, checks map[string]string) {
	status, checks = http.StatusOK, map[string]string{}
	for name, check := range h.checks {
		checks[name] = "ok"
		if err := check(ctx); err != nil {
			status, checks[name] = http.StatusServiceUnavailable, "down"
			h.log.Warn().Err(err).Str("check", name).Msg("not ready")
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
func (h health) raised(ctx context.Context) []alarmView {
	alarms, err := h.alarms.Check(ctx)
	if err != nil {
		h.log.Warn().Err(err).Msg("alarms not checked")
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
