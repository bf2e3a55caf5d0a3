package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// NewCard retries the open charges of a plan when the plan has a card that can be charged and had
// none before: it gets another card, or its own card is released, renewed or merged. All these
// cases share this one rule.
type NewCard struct {
	Actor Actor     // the actor of the change; empty means the acting party
	Why   string    // in words, such as "the customer entered a new card"
	Now   time.Time // UTC

	// WaitingOnly limits the retries to charges that wait for a card, because the card's number is
	// unchanged. A planned retry keeps its time.
	WaitingOnly bool
	// KeepsTime reports whether a charge with a planned retry keeps its time, by the policy of its
	// dunning (zero when the charge has none). nil means that no charge does.
	KeepsTime func(ctx context.Context, d Dunning) (bool, error)
	// NotBefore returns until when a charge is not retried because the customer is about to pay it.
	// nil means that no charge waits.
	NotBefore func(ctx context.Context, c *Charge) (time.Time, error)
}

// Try schedules the open charges of a plan to be tried on its card, under the plan's lock. It
// changes charges in place and returns their indexes and the audit entries; the caller writes both.
// Charges of the checkout are left to the checkout. If the plan is paused or defaulted, waiting
// charges are tried once it is resumed or restarted. The incident of a plan without a card is
// closed. Errors: ErrConflict, ErrUnavailable, and the errors of KeepsTime and NotBefore.
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

// The next step for a charge, in the words of its audit entry.
const (
	nextAtOnce        = "tried again at once"
	nextResumed       = "tried again once the plan is resumed or restarted"
	nextAfterCustomer = "the customer is about to pay it; tried again afterwards"
	nextTakesCard     = "its next attempt uses the new card"
)

// concerns reports whether a charge is owed and can be tried. A charge that was never tried, such
// as a missed charge that waits for its day, keeps its time and uses the card then.
func (n NewCard) concerns(p Plan, c Charge) bool {
	statuses := []ChargeStatus{ChargeRequiresPaymentMethod}
	if !n.WaitingOnly {
		statuses = append(statuses, ChargeRetrying, ChargeRequiresAction)
		if p.Status != PlanDefaulted { // a defaulted plan's failed charges are tried once it is restarted
			statuses = append(statuses, ChargeFailed)
		}
	}
	return !c.Checkout && slices.Contains(statuses, c.Status)
}

// try schedules the next attempt at a charge and returns the next step in words.
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

// dropBackup makes a charge use the plan's card instead of a backup card that dunning chose before.
// It reports whether the charge keeps the time of its planned retry. A charge without a planned
// retry has no time to keep, and would otherwise never be tried.
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
