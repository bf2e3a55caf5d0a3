package alarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/clock"
)

const (
	// Heartbeat is the periodic job that shows that a scheduler runs. It also logs the alarms.
	Heartbeat = "heartbeat"
	// HeartbeatEvery is the interval of the job, in real time.
	HeartbeatEvery = time.Minute
	// repeatAfter is the real time after which an unchanged alarm is logged again.
	repeatAfter = 10 * time.Minute
)

// AlarmLogger logs the alarms. An unchanged alarm is logged once per repeatAfter.
type AlarmLogger struct {
	Checker Checker
	Clock   clock.Clock
	// Ticking reports whether the scheduler of this process looks for due charges.
	Ticking func() bool
	Log     zerolog.Logger

	mu     sync.Mutex
	logged map[string]entry
}

// entry is the last log line of an alarm.
type entry struct {
	at    time.Time
	state string // count, reason and ids
}

// errStopped keeps a scheduler that has stopped from recording a heartbeat.
var errStopped = errors.New("the scheduler of this process does not look for due charges: see the errors before this line, and restart the process if there are none")

// Heartbeat logs the alarms and returns the time of this heartbeat. It returns last if this
// process's scheduler has stopped or the alarms could not be checked.
func (l *AlarmLogger) Heartbeat(ctx context.Context, last time.Time) (time.Time, error) {
	now := l.Clock.Now()
	if !l.Ticking() {
		return last, errStopped
	}
	alarms, err := l.Checker.Check(ctx)
	if err != nil {
		return last, err
	}
	l.logChanges(alarms)
	return now, nil
}

// logChanges logs alarms that are new, have changed or were last logged a while ago, and alarms
// that have ended.
func (l *AlarmLogger) logChanges(alarms []Alarm) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, before := l.Clock.Wall(), l.logged
	l.logged = map[string]entry{}
	for _, a := range alarms {
		state := fmt.Sprint(a.Count, a.Reason, a.IDs)
		last, known := before[a.Name]
		if known && last.state == state && now.Sub(last.at) < repeatAfter {
			l.logged[a.Name] = last
			continue
		}
		l.logged[a.Name] = entry{now, state}
		l.log(a)
	}
	for name := range before {
		if _, still := l.logged[name]; !still {
			l.Log.Info().Str("alarm", name).Msg("alarm has ended")
		}
	}
}

func (l *AlarmLogger) log(a Alarm) {
	line := l.Log.Error().Str("alarm", a.Name).Str("severity", string(a.Severity)).Int("count", a.Count)
	if !a.Oldest.IsZero() {
		line = line.Time("oldest", a.Oldest)
	}
	if a.Reason != "" {
		line = line.Str("reason", a.Reason)
	}
	line.Strs("ids", a.IDs).Str("do", a.Do).Msg("alarm: " + a.What)
}
