package collect

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// RestoreCharge writes a paid charge again that the database has lost, if the recurrence of its
// plan creates it. It does not record the payment. Errors:
// billing.ErrNotFound for any other charge; billing.ErrConflict; billing.ErrUnavailable.
func (co *Collector) RestoreCharge(ctx context.Context, id billing.ChargeID, pi billing.PaymentIntent) (billing.Charge, error) {
	gone := fmt.Errorf("charge %s: %w", id, billing.ErrNotFound)
	plan := billing.PlanID(pi.Metadata[billing.MetaPlan])
	if plan == "" || pi.Status != billing.IntentSucceeded {
		return billing.Charge{}, gone
	}
	found := billing.Charge{}
	err := co.Do(ctx, plan, func(t *planwork.Tx) error {
		if known, err := t.Charge(id); err == nil { // another event came first
			found = *known
			return nil
		}
		grown, ok := t.Plan.GrowTo(id, t.Charges, t.Location(), co.Rules.Holidays, t.Now)
		if !ok {
			return gone
		}
		t.Add(grown...)
		for i := range grown {
			t.Audit(&grown[i], "charge.scheduled", fmt.Sprintf("charge %d of %s falls due %s; the database had lost it",
				grown[i].Sequence, money.FormatAmount(grown[i].Amount, grown[i].Currency), t.Local(grown[i].DueAt)), "")
		}
		found = grown[len(grown)-1]
		return nil
	})
	return found, err
}
