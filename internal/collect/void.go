package collect

import (
	"context"
	"fmt"
	"strconv"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// void is a canceled charge and the object at Stripe that could still take its payment.
type void struct {
	planID billing.PlanID
	charge billing.ChargeID
	intent string // its PaymentIntent; empty if a SetupIntent is canceled
	key    string
}

// voidKey returns the idempotency key with which the holder of a lease cancels an object.
func voidKey(object string, lease int64) string {
	return "void-" + object + "-" + strconv.FormatInt(lease, 10)
}

// recordVoid records that nothing can be paid any more, and why. It does not change a charge that
// got another PaymentIntent meanwhile.
func (co *Collector) recordVoid(ctx context.Context, sent void, why string) error {
	return co.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.charge)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() || c.PaymentIntent != sent.intent {
			return err
		}
		t.ClearSchedule(c)
		t.Audit(c, "charge.voided", fmt.Sprintf("charge %d: %s", c.Sequence, why), "")
		return nil
	})
}

// voidLater leaves the charge due and records the reason.
func (co *Collector) voidLater(ctx context.Context, sent void, why error) error {
	return co.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.charge)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() {
			return err
		}
		t.Defer(c, fmt.Errorf("its PaymentIntent or SetupIntent is not canceled at Stripe yet: %w", why))
		return nil
	})
}
