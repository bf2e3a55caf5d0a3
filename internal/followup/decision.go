package followup

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/money"
	"tranche/internal/planwork"
	"tranche/internal/task"
)

// applyDecision writes dunning's decision to the charge, its card and its plan. The caller notifies
// the customer. cause is stored as the charge's decline code.
func applyDecision(ctx context.Context, t *planwork.Tx, c *billing.Charge, d dunning.Decision, cause string) error {
	status := d.Status
	if status == billing.ChargeRetrying && c.Status == billing.ChargeScheduled {
		status = c.Status // the charge was never tried
	}
	if err := t.Move(c, status, d.Reason, d.NextAttemptAt); err != nil {
		return err
	}
	c.DeclineCode = cause
	t.Audit(c, "charge."+string(d.Status),
		fmt.Sprintf("charge %d of %s: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), d.Reason), whatFollows(t, d))
	if d.RevokeCard {
		if err := revokeCard(ctx, t, c, d); err != nil {
			return err
		}
	}
	if d.PausePlan {
		t.Pause(d.Reason)
	}
	if d.Status == billing.ChargeRetrying {
		t.EnqueueAfter(task.At(task.KindRetryCharge, string(c.ID), c.Lease, d.NextAttemptAt))
	}
	return nil
}

// whatFollows describes a decision for the audit trail.
func whatFollows(t *planwork.Tx, d dunning.Decision) string {
	switch d.Status {
	case billing.ChargeRetrying:
		return "tried again " + t.Local(d.NextAttemptAt)
	case billing.ChargeRequiresAction:
		return "the customer is asked to authenticate; no timed retry"
	case billing.ChargeRequiresPaymentMethod:
		return "the customer is asked for another card; no timed retry"
	default:
		return "no further automatic attempt; the customer can still pay"
	}
}

// revokeCard keeps the declined card from being charged for anything again. The plan may have
// another card by now.
func revokeCard(ctx context.Context, t *planwork.Tx, c *billing.Charge, d dunning.Decision) error {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil || len(attempts) == 0 {
		return err
	}
	card, err := t.CardByPaymentMethod(ctx, attempts[len(attempts)-1].Params.PaymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	card.Status, card.UpdatedAt = billing.CardRevoked, t.Now
	t.AuditCard(card, "card.revoked", fmt.Sprintf("%s will not be charged again: %s", card.Label(), d.Reason))
	return t.UpdateCard(ctx, card)
}
