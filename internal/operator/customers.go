package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
)

// CustomerResult is a customer after a change, and what it did to their plans.
type CustomerResult struct {
	Customer billing.Customer
	Moved    int // charges that fall due at another instant
	Message  string
}

// UpdateCustomer changes what is known of a customer. In a new time zone charges that are to come fall due on the same dates, at
// the same time of day there; each plan gets a version for it. Errors: *billing.InvalidError, *RefusedError,
// billing.ErrNotFound, billing.ErrConflict, billing.ErrUnavailable.
func UpdateCustomer(ctx context.Context, s Store, id billing.CustomerID, ch billing.CustomerChange, now time.Time) (CustomerResult, error) {
	now = now.Truncate(time.Millisecond)
	var r CustomerResult
	err := s.Update(ctx, func(tx billing.Tx) error {
		before, err := tx.Customer(ctx, id)
		if err != nil {
			return err
		}
		if !before.ErasedAt.IsZero() {
			return &RefusedError{What: "customer " + string(id) + " is not changed", Why: "their personal data was removed on request"}
		}
		after, err := ch.Apply(before)
		if err != nil {
			return err
		}
		r = CustomerResult{}
		if before.TimeZone != after.TimeZone {
			if r.Moved, err = moveZone(ctx, tx, before, after, now, rulesOf(s)); err != nil {
				return err
			}
		}
		after.UpdatedAt = now
		if err := tx.UpdateCustomer(ctx, after); err != nil {
			return err
		}
		r.Customer, r.Message = after, "the merchant changed "+strings.Join(changedFields(before, after), ", ")
		if r.Moved > 0 {
			r.Message += fmt.Sprintf("; %d charges fall due at the same time of day in %s", r.Moved, after.TimeZone)
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{At: now, Actor: billing.ActorMerchant, Action: "customer.updated", CustomerID: id, Message: r.Message})
	})
	return r, err
}

// changedFields names what is another now; the values are the customer's own, and in no entry.
func changedFields(a, b billing.Customer) []string {
	var list []string
	for _, f := range []struct {
		name     string
		was, now string
	}{{"the address", a.Email, b.Email}, {"the name", a.Name, b.Name}, {"the locale", a.Locale, b.Locale}, {"the time zone", a.TimeZone, b.TimeZone}} {
		if f.was != f.now {
			list = append(list, f.name)
		}
	}
	if list == nil {
		return []string{"nothing"}
	}
	return list
}

// moveZone moves what is to come of the customer's plans, and returns how many charges that were.
func moveZone(ctx context.Context, tx billing.Tx, before, after billing.Customer, now time.Time, rules billing.Rules) (int, error) {
	moved := 0
	var ids []billing.PlanID
	for cursor := billing.PlanID(""); ; {
		page, err := tx.Plans(ctx, billing.PlanFilter{Customer: before.ID, Before: cursor})
		if err != nil {
			return 0, err
		}
		for _, p := range page {
			cursor = p.ID
			ids = append(ids, p.ID)
		}
		if len(page) < billing.MaxPage {
			break
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		n, err := movePlan(ctx, tx, id, billing.LoadLocation(after.TimeZone), now, rules)
		if err != nil {
			return 0, err
		}
		moved += n
	}
	return moved, nil
}

// moveTo moves charges that are to come to the same dates and times of day in another place, and returns how many those were.
func (c *change) moveTo(ctx context.Context, to *time.Location) (moved int, err error) {
	for _, ch := range slices.Clone(c.charges) {
		if ch.Status != billing.ChargeScheduled || ch.DueAt.IsZero() || !ch.DueAt.After(c.now) {
			continue
		}
		due := billing.DateOf(ch.DueAt, c.loc).At(timeOfDay(ch.DueAt, c.loc), to)
		if due.Equal(ch.DueAt) {
			continue
		}
		if ch.DueAt = due; !ch.NextAttemptAt.IsZero() {
			ch.NextAttemptAt, ch.WakeAt = due, due
		}
		if err := c.put(ctx, ch); err != nil {
			return 0, err
		}
		moved++
	}
	return moved, nil
}

// movePlan moves the charges of one plan that were not tried yet and are not due.
func movePlan(ctx context.Context, tx billing.Tx, id billing.PlanID, to *time.Location, now time.Time, rules billing.Rules) (int, error) {
	c, err := openChange(ctx, tx, id, now, rules)
	if err != nil {
		return 0, err
	}
	before, err := billing.AgreementOf(c.plan, c.charges)
	if err != nil {
		return 0, err
	}
	moved, err := c.moveTo(ctx, to)
	if err != nil || moved == 0 {
		return 0, err
	}
	after, err := billing.AgreementOf(c.plan, c.charges)
	if err != nil {
		return 0, err
	}
	what := fmt.Sprintf("plan %s: the customer's time zone is %s, and %d charges fall due at the same time of day there", c.plan.Reference, to, moved)
	err = tx.InsertAudit(ctx, billing.AuditEntry{At: now, Actor: billing.ActorMerchant, Action: "plan.zone_changed", PlanID: id, CustomerID: c.plan.CustomerID, Message: what})
	if err != nil {
		return 0, err
	}
	return moved, billing.AddVersion(ctx, tx, c.plan, before, after, now, billing.ActorMerchant, what)
}
