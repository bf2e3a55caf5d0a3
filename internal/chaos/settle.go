package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// looks is how many audits in a row must agree: on nothing being wrong, or, when time is up, on what is.
	looks = 3
	// hopeless is how many in a row find the same, of kinds that do not mend, until nothing is hoped for any more.
	hopeless = 30
)

// settle waits until nothing is left to do and nothing is wrong, or until its time is up. What is wrong then, and was at
// every one of the last looks, is damage: the calendar goes on, so work under way comes and goes.
func (w *world) settle(ctx context.Context, r *result) (evidence, damage, error) {
	began := wall()
	if err := eventually(ctx, w.settings.Settle, 200*time.Millisecond, w.ready); err != nil {
		return evidence{}, nil, fmt.Errorf("not ready after the trouble: %w", err)
	}
	if w.backfill {
		if err := eventually(ctx, time.Minute, time.Second, w.fetch); err != nil {
			return evidence{}, nil, err
		}
	}
	var seen record
	var failed error
	for !seen.over() && wall().Sub(began) < w.settings.Settle && pause(ctx, time.Second) {
		var e evidence
		if e, failed = w.gather(ctx); failed == nil {
			seen.add(e)
			w.note("webhooks all delivered: %t; %d differences: %v", e.Drained, len(seen.last()), seen.last()[:min(len(seen.last()), 3)])
		}
	}
	r.settled = wall().Sub(began)
	if err := ctx.Err(); err != nil {
		return evidence{}, nil, err
	}
	if len(seen.audits) == 0 {
		return evidence{}, nil, errors.Join(errors.New("nothing could be read after the trouble"), failed)
	}
	return seen.evidence, seen.lasting(), nil
}

// record is what the audits after the trouble have found, one after the other.
type record struct {
	evidence evidence // of the last
	audits   []damage
	calm     int // audits in a row that found nothing, with nothing under way
	same     int // audits in a row that found the same, of what does not mend
}

// add audits what was gathered.
func (r *record) add(e evidence) {
	found := audit(e)
	r.calm++
	if len(found) > 0 || !e.Drained {
		r.calm = 0
	}
	r.same++
	if found.mends() || !slices.Equal(found, r.last()) {
		r.same = 0
	}
	r.evidence, r.audits = e, append(r.audits, found)
}

// over says whether looking again would tell nothing new.
func (r *record) over() bool { return r.calm >= looks || r.same >= hopeless }

// last is what the last audit found.
func (r *record) last() damage {
	if len(r.audits) == 0 {
		return nil
	}
	return r.audits[len(r.audits)-1]
}

// lasting is what the last looks have in common.
func (r *record) lasting() damage {
	found := r.last()
	for _, other := range r.audits[max(0, len(r.audits)-looks):] {
		found = found.both(other)
	}
	return found
}

// mends says whether some of the damage may pass, or there is none. What was done twice stays done twice.
func (d damage) mends() bool {
	return len(d) == 0 || d.count(kindLost)+d.count(kindUnexplained) > 0
}
