package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tranche/internal/billing"
)

// timeline prints the audit trail as it grows: who, when, what, why, and what comes next.
type timeline struct {
	world *demoWorld
	out   io.Writer
	seen  int64
	whose map[billing.PlanID]*actor
}

func newTimeline(w *demoWorld, out io.Writer) *timeline {
	return &timeline{world: w, out: out, whose: map[billing.PlanID]*actor{}}
}

// catchUp prints what was added since the last call.
func (t *timeline) catchUp(ctx context.Context) error {
	for len(t.world.stories) > 0 {
		s := <-t.world.stories
		t.print(s.at, s.actor, s.actor.name+" "+s.text, "")
	}
	entries, err := t.world.app.Store().AuditTrail(ctx, billing.AuditFilter{After: t.seen})
	if err != nil {
		return err
	}
	for _, e := range entries {
		t.seen = e.Seq
		if e.PlanID == "" || e.Action == "charge.collecting" {
			continue // the outcome follows at once and says the same
		}
		a, err := t.actor(ctx, e.PlanID)
		if err != nil || a == nil {
			return errors.Join(err, fmt.Errorf("plan %s belongs to nobody in the demo", e.PlanID))
		}
		t.print(e.At, a, e.Message, e.Next)
	}
	return nil
}

// print writes one line, and what comes next below it.
func (t *timeline) print(at time.Time, a *actor, what, next string) {
	fmt.Fprintf(t.out, "%s  %-8s %s\n", at.In(billing.LoadLocation(a.terms.Customer.TimeZone)).Format("_2 Jan 15:04"), a.name, what)
	if next != "" {
		fmt.Fprintf(t.out, "%24snext: %s\n", "", next)
	}
}

func (t *timeline) actor(ctx context.Context, id billing.PlanID) (*actor, error) {
	if a, ok := t.whose[id]; ok {
		return a, nil
	}
	plan, err := t.world.app.Store().Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, a := range t.world.actors {
		if a.terms.Reference == plan.Reference {
			t.whose[id] = a
		}
	}
	return t.whose[id], nil
}
