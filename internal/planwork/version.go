package planwork

import (
	"context"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// writeVersion adds a version to the plan if its agreement was changed.
func writeVersion(ctx context.Context, t *Tx) error {
	if t.newVersion == "" {
		return nil
	}
	before, err := billing.AgreementOf(t.Before, t.agreedOn)
	if err != nil {
		return err
	}
	after, err := billing.AgreementOf(t.Plan, t.Charges)
	if err != nil {
		return err
	}
	return billing.AddVersion(ctx, t.Tx, t.Plan, before, after, t.Now, t.newVersion)
}

// KeepAgreed keeps the charges as they were agreed on, before the caller changes them. ChangeAgreed
// then adds a version to the plan.
func (t *Tx) KeepAgreed() {
	if t.agreedOn == nil {
		t.agreedOn = slices.Clone(t.Charges)
	}
}

// ChangeAgreed adds a version to the plan, for the reason why. The caller has called KeepAgreed
// before its changes.
func (t *Tx) ChangeAgreed(why string) { t.newVersion = why }

// countAgain takes a dropped charge back into the plan's total, because the customer paid it at the
// same time.
func countAgain(ctx context.Context, t *Tx, c *billing.Charge) error {
	if !c.Dropped {
		return nil
	}
	before, err := billing.AgreementOf(t.Plan, agreed(t, c, billing.ChargeCanceled))
	if err != nil {
		return err
	}
	c.Dropped = false
	t.Plan.Total += c.Amount
	after, err := billing.AgreementOf(t.Plan, t.Charges)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("charge %d of %s was dropped and paid at the same time: it counts again", c.Sequence, money.FormatAmount(c.Amount, c.Currency))
	t.AuditPlan("plan.total_changed", what, "give the money back at Stripe if it is not owed")
	return billing.AddVersion(ctx, t.Tx, t.Plan, before, after, t.Now, what)
}

// agreed returns the plan's charges as they were while c had another status.
func agreed(t *Tx, c *billing.Charge, was billing.ChargeStatus) []billing.Charge {
	before := make([]billing.Charge, len(t.Charges))
	copy(before, t.Charges)
	for i := range before {
		if before[i].ID == c.ID {
			before[i].Status = was
		}
	}
	return before
}
