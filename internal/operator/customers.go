package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
	"tranche/internal/terms"
)

// CustomerChange is a change of a customer; nil fields stay as they are.
type CustomerChange struct {
	Email  *string `json:"email"`
	Name   *string `json:"name"`
	Locale *string `json:"locale"`
	// TimeZone is the customer's new time zone: charges that were not tried yet fall due on the same
	// date at the same time of day there.
	TimeZone *string `json:"timezone"`
	// StripeCustomer is the Stripe customer (cus_…) that new cards are attached to; if empty, the next
	// card creates one.
	StripeCustomer *string `json:"stripe_customer"`
}

// CustomerUpdate is the result of a change of a customer.
type CustomerUpdate struct {
	Customer billing.Customer
	Moved    []MovedCharge // by plan and sequence
	Message  string
}

// MovedCharge is a charge that falls due at another instant, because its customer is in another
// time zone.
type MovedCharge struct {
	Charge billing.ChargeID `json:"charge"`
	Plan   billing.PlanID   `json:"plan"`
	Was    time.Time        `json:"was"`
	DueAt  time.Time        `json:"due_at"`
}

// ChangeCustomer changes a customer's data. A change of the time zone moves charges: see
// docs/cards.md. Errors: *billing.InvalidError, *RefusedError for a customer whose data was
// removed, billing.ErrNotFound, billing.ErrUnavailable, billing.ErrConflict after a concurrent
// change.
func (o *Operator) ChangeCustomer(ctx context.Context, id billing.CustomerID, change CustomerChange) (CustomerUpdate, error) {
	var done CustomerUpdate
	err := o.update(ctx, func(tx billing.Tx, now time.Time) (err error) {
		done, err = updateCustomer(ctx, tx, o.rules, id, change, now)
		return err
	})
	return done, err
}

// updateCustomer is ChangeCustomer inside an existing transaction.
func updateCustomer(ctx context.Context, tx billing.Tx, rules billing.Rules, id billing.CustomerID, change CustomerChange, now time.Time) (CustomerUpdate, error) {
	now = now.Truncate(time.Millisecond)
	was, err := tx.Customer(ctx, id)
	if err != nil {
		return CustomerUpdate{}, err
	}
	if !was.ErasedAt.IsZero() {
		return CustomerUpdate{}, &RefusedError{What: "customer " + string(id) + " is not changed", Why: "the personal data was removed on request"}
	}
	is, changed := change.apply(was)
	done := CustomerUpdate{Customer: is, Message: fmt.Sprintf("customer %s stays as it is", id)}
	if len(changed) == 0 {
		return done, nil
	}
	if err := terms.CheckCustomer(is); err != nil {
		return done, err
	}
	is.UpdatedAt = now
	is.NoteContact(was, now)
	if err := tx.UpdateCustomer(ctx, is); err != nil {
		return done, err
	}
	done.Customer = is
	done.Message = fmt.Sprintf("customer %s: %s changed", id, strings.Join(changed, ", "))
	if slices.Contains(changed, "timezone") {
		done.Message += fmt.Sprintf(" (%s, was %s)", zoneName(is), zoneName(was))
		if done.Moved, err = moveToZone(ctx, tx, rules, was, is, now); err != nil {
			return done, err
		}
		if len(done.Moved) > 0 {
			done.Message += fmt.Sprintf("; %d charges moved to the same time of day there", len(done.Moved))
		}
	}
	return done, tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Action: "customer.updated", CustomerID: id, Message: done.Message,
	})
}

// apply returns the changed customer, and the names of the fields that differ. The values are
// personal data, which only the customer's row holds.
func (ch CustomerChange) apply(c billing.Customer) (billing.Customer, []string) {
	var changed []string
	for _, f := range []struct {
		name string
		to   *string
		at   *string
	}{
		{"email", ch.Email, &c.Email}, {"name", ch.Name, &c.Name}, {"locale", ch.Locale, &c.Locale},
		{"timezone", ch.TimeZone, &c.TimeZone}, {"stripe_customer", ch.StripeCustomer, &c.StripeCustomer},
	} {
		if f.to != nil && *f.to != *f.at {
			*f.at = *f.to
			changed = append(changed, f.name)
		}
	}
	return c, changed
}

func zoneName(c billing.Customer) string {
	if c.TimeZone == "" {
		return "UTC"
	}
	return c.TimeZone
}

// moveToZone moves the customer's future charges to the same local times in the new zone. Charges
// that were tried, are due already or are due on request stay; later charges of a recurring plan
// are written in the new zone anyway.
func moveToZone(ctx context.Context, tx billing.Tx, rules billing.Rules, was, is billing.Customer, now time.Time) ([]MovedCharge, error) {
	from, to := billing.LoadLocation(was.TimeZone), billing.LoadLocation(is.TimeZone)
	ids, err := openPlans(ctx, tx, is.ID)
	if err != nil {
		return nil, err
	}
	var all []MovedCharge
	for _, id := range ids {
		moved, err := movePlan(ctx, tx, rules, id, from, to, is.TimeZone, now)
		if err != nil {
			return nil, err
		}
		all = append(all, moved...)
	}
	return all, nil
}

// movePlan moves the charges of one plan. If none moves, the plan gets no new version.
func movePlan(ctx context.Context, tx billing.Tx, rules billing.Rules, id billing.PlanID, from, to *time.Location, zone string, now time.Time) ([]MovedCharge, error) {
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	plan, err := tx.Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	move := zoneMove{plan.ScheduleFor(charges, rules, from), rules.Holidays, from, to, now}
	if !slices.ContainsFunc(charges, move.applies) {
		return nil, nil
	}
	var moved []MovedCharge
	_, err = changePlan(ctx, tx, rules, id, now, func(c *change) (billing.AuditEntry, error) {
		moved = nil
		for _, ch := range c.Charges {
			if !move.applies(ch) {
				continue
			}
			was := ch.DueAt
			ch.DueAt = move.due(was)
			if !ch.NextAttemptAt.IsZero() {
				if err := ch.Move(ch.Status, ch.Reason, ch.DueAt); err != nil {
					return billing.AuditEntry{}, err
				}
			}
			c.Put(ch)
			moved = append(moved, MovedCharge{Charge: ch.ID, Plan: id, Was: was, DueAt: ch.DueAt})
		}
		c.Customer.TimeZone = zone
		entry := billing.AuditEntry{
			Action: "plan.zone_changed", Message: fmt.Sprintf("plan %s: the customer is in %s now; %d charges fall due at the same time of day there", c.Plan.Reference, zone, len(moved)),
		}
		if len(moved) > 0 {
			entry.Next = "the next of them falls due " + c.Local(moved[0].DueAt)
		}
		return entry, nil
	})
	return moved, err
}

// zoneMove moves the charges of one plan to another time zone.
type zoneMove struct {
	schedule schedule.Schedule
	holidays calendar.Holidays
	from, to *time.Location
	now      time.Time
}

func (m zoneMove) due(was time.Time) time.Time {
	return m.schedule.InZone(was, m.from, m.to, m.holidays)
}

// applies reports whether a charge moves to the new time zone: it is not due yet, was never tried,
// and falls due at another instant there.
func (m zoneMove) applies(ch billing.Charge) bool {
	return ch.Status == billing.ChargeScheduled && !ch.Checkout && ch.AttemptCount == 0 && ch.DueAt.After(m.now) && !m.due(ch.DueAt).Equal(ch.DueAt)
}

// openPlans lists the customer's plans that may still charge something, oldest first: the order in
// which plans are locked.
func openPlans(ctx context.Context, tx billing.Tx, customer billing.CustomerID) ([]billing.PlanID, error) {
	plans, err := billing.OpenPlans(ctx, tx, customer)
	ids := make([]billing.PlanID, len(plans))
	for i, p := range plans {
		ids[i] = p.ID
	}
	return ids, err
}
