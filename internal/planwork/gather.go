package planwork

import (
	"context"

	"tranche/internal/billing"
)

// gatherFirst defers a notice of a failed charge while other charges of the customer are due, so
// that one mail names all the failed ones. The last of these charges releases the mail.
func gatherFirst(ctx context.Context, t *Tx, n *billing.Notice) error {
	if !n.Gathers() || n.Status != billing.NoticePending {
		return nil
	}
	c, err := t.Charge(n.ChargeID)
	if err != nil {
		return err
	}
	others, err := t.DueBeside(ctx, *c, t.Plan.Account, t.Now.Add(billing.GatherFor))
	if err != nil {
		return err
	}
	if !others {
		return t.WakeNotices(ctx, n.CustomerID, billing.WaitsForOthers, t.Now)
	}
	n.Reason, n.ClaimAfter = billing.WaitsForOthers, t.Now.Add(billing.GatherFor)
	return nil
}
