package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// RetryEvent makes an event pending again, to be claimed after a wait, and reports whether it did.
// If statuses are given in from, an event in any other status stays as it is. Handling an event
// again does nothing twice, because handlers apply only forward transitions. Errors:
// billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) RetryEvent(ctx context.Context, id string, wait time.Duration, from ...billing.EventStatus) (billing.Event, bool, error) {
	var e billing.Event
	again := false
	err := o.update(ctx, func(tx billing.Tx, now time.Time) (err error) {
		if e, err = tx.Event(ctx, id); err != nil {
			return err
		}
		again = len(from) == 0 || slices.Contains(from, e.Status)
		if !again {
			return nil
		}
		entry := retriedEntry(e, now)
		e.Status, e.ClaimAfter, e.Attempts, e.HandledAt = billing.EventPending, now.Add(wait), 0, time.Time{}
		if err := tx.UpdateEvent(ctx, e); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, entry)
	})
	if err != nil {
		return e, false, fmt.Errorf("retry event %s: %w", id, err)
	}
	return e, again, nil
}

// retriedEntry returns the audit entry of an event that is handled again.
func retriedEntry(e billing.Event, now time.Time) billing.AuditEntry {
	return billing.AuditEntry{
		At: now, Action: "event.retried", Subject: e.ID, Message: fmt.Sprintf("event %s (%s) was %s and is handled again", e.ID, e.Type, e.Status),
	}
}
