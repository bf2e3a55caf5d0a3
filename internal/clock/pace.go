package clock

import (
	"sync"
	"time"
)

// Pace is a wall clock that waits for its user: it runs with the machine's clock, but stops once
// the last Beat is a lead ago. The time on a fast clock then depends on the work that was done, and
// not on how long a busy machine took for it. It is safe for concurrent use.
type Pace struct {
	lead time.Duration
	wall func() time.Time

	mu   sync.Mutex
	base time.Time // shown at the last beat
	beat time.Time // when that was
}

// NewPace starts a clock at the machine's time. Lead is positive. wall is the machine's clock; nil
// means the real one.
func NewPace(lead time.Duration, wall func() time.Time) *Pace {
	if wall == nil {
		wall = wallNow
	}
	now := wall()
	return &Pace{lead: lead, wall: wall, base: now, beat: now}
}

// Now returns the time, as a wall clock for New.
func (p *Pace) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at(p.wall())
}

// Beat lets the clock run on for another lead.
func (p *Pace) Beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.wall()
	p.base, p.beat = p.at(now), now
}

func (p *Pace) at(now time.Time) time.Time {
	return p.base.Add(min(max(now.Sub(p.beat), 0), p.lead))
}
