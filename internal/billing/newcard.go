package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// NewCard is what follows for the open charges of a plan when its card can be charged from now on
// and could not before: the plan has another card, or its own is released, renewed or merged. It is
// the one rule for all of them.
type NewCard struct {
	Actor Actor     // who caused it; empty means the acting party
	Why   string    // in words, such as "the customer gave a new card"
	Now   time.Time // UTC

	// WaitingOnly limits the rule to charges that wait for a card: the card's number stayed, and a
	// timed retry keeps its time.
	WaitingOnly bool
	// KeepsTime reports whether a charge with a planned retry keeps its time, by the policy of its
	// dunning (zero when the charge has none). nil means that no charge does.
	KeepsTime func(ctx context.Context, d Dunning) (bool, error)
	// NotBefore returns until when a charge is left to the customer, who is about to pay it. nil
	// means that none is.
	NotBefore func(ctx context.Context, c *Charge) (time.Time, error)
}

// Try has the open charges of a plan tried on its card, under the plan's lock. It changes charges
// in place and returns their indexes and the audit entries; the caller writes both. A charge of the
// checkout is left to the checkout. In a plan that is paused or defaulted nothing becomes due: what
// waited is tried once the plan is resumed or restarted. The incident of a plan without a card is
// closed.
// Errors: ErrConflict, ErrUnavailable, and those of KeepsTime and NotBefore.
func (n NewCard) Try(ctx context.Context, tx Tx, p Plan, charges []Charge) (changed []int, entries []AuditEntry, err error) {
	if err := tx.CloseIncidents(ctx, IncidentCardMissing, string(p.ID), n.Why, n.Now); err != nil {
		return nil, nil, err
	}
	if !p.Status.Open() || p.Status == PlanAwaitingFirstPayment {
		return nil, nil, nil
	}
	for i := range charges {
		c := &charges[i]
		if !n.concerns(p, *c) {
			continue
		}
		next, err := n.try(ctx, tx, p, c)
		if err != nil {
			return nil, nil, err
		}
		entry := AuditEntry{
			At: n.Now, Actor: n.Actor, Action: "charge." + string(ChargeRetrying), PlanID: p.ID, ChargeID: c.ID, CustomerID: p.CustomerID,
			Message: fmt.Sprintf("charge %d: %s", c.Sequence, n.Why), Next: next,
		}
		if next == nextTakesCard {
			entry.Action = "charge.new_card"
		} else {
			c.UpdatedAt, changed = n.Now, append(changed, i)
		}
		entries = append(entries, entry)
	}
	return changed, entries, nil
}

// What follows for a charge, in the words of its audit entry.
const (
	nextAtOnce        = "tried again at once"
	nextResumed       = "tried again once the plan is resumed or restarted"
	nextAfterCustomer = "the customer is about to pay it; tried after that"
	nextTakesCard     = "its next attempt takes the new card"
)

// concerns reports whether a charge is owed and can be tried. A charge that was never tried keeps
// its time, such as a missed one of which one a day is made: it takes the card then.
func (n NewCard) concerns(p Plan, c Charge) bool {
	statuses := []ChargeStatus{ChargeRequiresPaymentMethod}
	if !n.WaitingOnly {
		statuses = append(statuses, ChargeRetrying, ChargeRequiresAction)
		if p.Status != PlanDefaulted { // else it was given up, and a restart tries it
			statuses = append(statuses, ChargeFailed)
		}
	}
	return !c.Checkout && slices.Contains(statuses, c.Status)
}

// try plans the next attempt at a charge and returns what follows.
func (n NewCard) try(ctx context.Context, tx Tx, p Plan, c *Charge) (next string, err error) {
	keeps, err := n.dropBackup(ctx, tx, c)
	if err != nil || keeps {
		return nextTakesCard, err
	}
	if !p.Status.Collects() {
		return nextResumed, c.Move(ChargeRetrying, n.Why, time.Time{})
	}
	var until time.Time
	if n.NotBefore != nil {
		if until, err = n.NotBefore(ctx, c); err != nil {
			return "", err
		}
	}
	if until.After(n.Now) {
		return nextAfterCustomer, c.Move(ChargeRetrying, "the customer is about to pay it", until)
	}
	return nextAtOnce, c.Move(ChargeRetrying, n.Why, n.Now.Truncate(time.Millisecond))
}

// dropBackup has a charge tried with the plan's card, and not with a backup card that dunning chose
// before. It reports whether the charge keeps the time of its planned retry. A charge without one
// has no time to keep, and would never be tried.
func (n NewCard) dropBackup(ctx context.Context, tx Tx, c *Charge) (keeps bool, err error) {
	d, err := tx.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if d.CardID != "" {
		d.CardID = ""
		if err := tx.UpdateDunning(ctx, d); err != nil {
			return false, err
		}
	}
	if n.KeepsTime == nil || !c.NextAttemptAt.After(n.Now) {
		return false, nil
	}
	return n.KeepsTime(ctx, d)
}
