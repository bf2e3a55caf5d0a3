package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Collect makes a charge due that is due on request: now, or at due, which is a date (at the usual
// charge time) or an instant. Errors: see Skip.
func (o *Operator) Collect(ctx context.Context, id billing.ChargeID, due string) (Result, error) {
	return o.amendCharge(ctx, id, OpCollect, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		if ch.Status != billing.ChargeScheduled || !ch.DueAt.IsZero() {
			return billing.AuditEntry{}, c.orRefuse(nil, OpCollect, fmt.Sprintf("charge %d is not due on request: it is %s", ch.Sequence, ch.Status))
		}
		at, next := c.dueNow(ch.ID), "collected at once"
		if due != "" {
			var err error
			if at, err = c.parseDue(due, time.Time{}); err != nil {
				return billing.AuditEntry{}, err
			}
			next = "it falls due " + c.Local(at)
		}
		why, err := unusable(ctx, c.Tx.Tx, c.Plan)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpCollect, why)
		}
		ch.DueAt = at
		if err := ch.Move(ch.Status, "", at); err != nil {
			return billing.AuditEntry{}, err
		}
		c.Put(*ch)
		return billing.AuditEntry{
			Action: "charge.collect_requested", Message: fmt.Sprintf("charge %d of %s is requested by the merchant", ch.Sequence, c.money(ch.Amount)), Next: next,
		}, nil
	})
}
