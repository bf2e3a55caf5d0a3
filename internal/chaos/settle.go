package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// looks is how many audits in a row must agree: that nothing is wrong or, when time is up, on the
	// problems.
	looks = 3
	// hopeless is how many audits in a row must find the same permanent problems before the run stops
	// waiting.
	hopeless = 30
)

// settle waits until all work is done and nothing is wrong, or until its time is up. Problems that
// each of the last audits found are damage: charges keep falling due, so work in progress comes and
// goes.
func (w *world) settle(ctx context.Context, r *result) (evidence, damage, error) {
	began := wall()
	if err := eventually(ctx, w.settings.Settle, 200*time.Millisecond, w.ready); err != nil {
		return evidence{}, nil, fmt.Errorf("not ready after the last fault: %w", err)
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
			w.note("webhooks all delivered: %t; %d problems: %v", e.Drained, len(seen.last()), seen.last()[:min(len(seen.last()), 3)])
		}
	}
	r.settled = wall().Sub(began)
	if err := ctx.Err(); err != nil {
		return evidence{}, nil, err
	}
	if len(seen.audits) == 0 {
		return evidence{}, nil, errors.Join(errors.New("no evidence could be read after the last fault"), failed)
	}
	return seen.evidence, seen.lasting(), nil
}

// record holds the results of the audits after the last fault.
type record struct {
	evidence evidence // of the last
	audits   []damage
	calm     int // audits in a row that found nothing, with nothing in flight
	same     int // audits in a row that found the same permanent problems
}

// add audits the evidence.
func (r *record) add(e evidence) {
	found := audit(e)
	r.calm++
	if len(found) > 0 || !e.Drained {
		r.calm = 0
	}
	r.same++
	if found.mayPass() || !slices.Equal(found, r.last()) {
		r.same = 0
	}
	r.evidence, r.audits = e, append(r.audits, found)
}

// over reports whether further audits would find nothing new.
func (r *record) over() bool { return r.calm >= looks || r.same >= hopeless }

// last returns the problems of the last audit.
func (r *record) last() damage {
	if len(r.audits) == 0 {
		return nil
	}
	return r.audits[len(r.audits)-1]
}

// lasting returns the problems that all of the last audits found.
func (r *record) lasting() damage {
	found := r.last()
	for _, other := range r.audits[max(0, len(r.audits)-looks):] {
		found = found.both(other)
	}
	return found
}

// mayPass reports whether the damage is empty, or some of it may pass. A double charge or notice
// stays.
func (d damage) mayPass() bool {
	return len(d) == 0 || d.count(kindLost)+d.count(kindUnexplained) > 0
}
