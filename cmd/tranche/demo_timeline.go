package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"tranche/internal/billing"
)

// timeline prints the audit trail as it grows: actor, time, action, reason and next step.
type timeline struct {
	world *demoWorld
	out   io.Writer
	seen  int64
	whose map[billing.PlanID]*actor
}

func newTimeline(w *demoWorld, out io.Writer) *timeline {
	return &timeline{world: w, out: out, whose: map[billing.PlanID]*actor{}}
}

// catchUp prints the entries that were added since the last call.
func (t *timeline) catchUp(ctx context.Context) error {
	for len(t.world.stories) > 0 {
		s := <-t.world.stories
		t.print(s.at, s.actor, s.actor.name+" "+s.text, "")
	}
	for e, err := range billing.EachAuditEntry(ctx, t.world.app.Store(), billing.AuditFilter{After: t.seen}) {
		if err != nil {
			return err
		}
		t.seen = e.Seq
		if e.PlanID == "" || e.Action == "charge.collecting" {
			continue // the outcome follows at once with the same content
		}
		a, err := t.actor(ctx, e.PlanID)
		if err != nil || a == nil {
			return errors.Join(err, fmt.Errorf("plan %s belongs to no customer of the demo", e.PlanID))
		}
		what, err := t.named(ctx, a, e.Message)
		if err != nil {
			return err
		}
		t.print(e.At, a, what, e.Next)
	}
	return nil
}

// Audit entries name customers and cards by their ids only.
var (
	customerID = regexp.MustCompile(`\bcustomer cust_\w+`)
	cardID     = regexp.MustCompile(`\bcard (card_\w+)`)
)

// named replaces the ids in an audit message by the actor's address and the card's last digits.
func (t *timeline) named(ctx context.Context, a *actor, message string) (string, error) {
	message = customerID.ReplaceAllString(message, a.terms.Customer.Email)
	found := cardID.FindStringSubmatch(message)
	if found == nil {
		return message, nil
	}
	card, err := t.world.app.Store().Card(ctx, billing.CardID(found[1]))
	return strings.ReplaceAll(message, found[0], "card …"+card.Last4), err
}

// print prints one line, and the next step below it.
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
