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
	// Heartbeat is the chore by which one scheduler of all says that it ticks, and reads the alarms out.
	Heartbeat = "heartbeat"
	// BeatEvery is how often it does, in real time.
	BeatEvery = time.Minute
	// repeatAfter is the real time after which an alarm that has not changed is logged again.
	repeatAfter = 10 * time.Minute
)

// Bell reads the alarms out to the log.
type Bell struct {
	Checker Checker
	Clock   clock.Clock
	// Ticking says whether this process's own scheduler looks at the calendar.
	Ticking func() bool
	Log     zerolog.Logger

	mu   sync.Mutex
	rung map[string]ring
}

// ring is when an alarm was logged last, and what it said.
type ring struct {
	at   time.Time
	said string
}

// errStuck keeps a scheduler that stands still from passing for one that beats.
var errStuck = errors.New("the scheduler of this process does not look at the calendar: see the errors before this line, and restart it if there are none")

// Ring logs the alarms there are, and returns the time of this beat. It is what the heartbeat chore does.
func (b *Bell) Ring(ctx context.Context, last time.Time) (time.Time, error) {
	now := b.Clock.Now()
	if !b.Ticking() {
		return last, errStuck
	}
	alarms, err := b.Checker.Check(ctx)
	if err != nil {
		return last, err
	}
	b.tell(alarms)
	return now, nil
}

// tell logs what is new, has changed, or was last said a while ago; and what is over.
func (b *Bell) tell(alarms []Alarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, before := b.Clock.Wall(), b.rung
	b.rung = map[string]ring{}
	for _, a := range alarms {
		said := fmt.Sprint(a.Count, a.Reason, a.IDs)
		last, known := before[a.Name]
		if known && last.said == said && now.Sub(last.at) < repeatAfter {
			b.rung[a.Name] = last
			continue
		}
		b.rung[a.Name] = ring{now, said}
		b.log(a)
	}
	for name := range before {
		if _, still := b.rung[name]; !still {
			b.Log.Info().Str("alarm", name).Msg("alarm is over")
		}
	}
}

func (b *Bell) log(a Alarm) {
	line := b.Log.Error().Str("alarm", a.Name).Str("severity", string(a.Severity)).Int("count", a.Count)
	if !a.Oldest.IsZero() {
		line = line.Time("oldest", a.Oldest)
	}
	if a.Reason != "" {
		line = line.Str("reason", a.Reason)
	}
	line.Strs("ids", a.IDs).Str("do", a.Do).Msg("alarm: " + a.What)
}
