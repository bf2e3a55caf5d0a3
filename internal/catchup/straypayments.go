package catchup

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// LastGood returns the time from which a database may lack payments: the earliest of the last
// sweep, the last good times of the rewinds, and the start of an unfinished comparison. If none is
// known, it is as far back as Stripe has events.
func LastGood(ctx context.Context, store billing.RewindStore, rewinds []billing.Rewind, l billing.Lineage, now time.Time) (time.Time, error) {
	good, err := store.PeriodicJobCursor(ctx, SweepJob)
	for _, r := range rewinds {
		if !r.GoodAt.IsZero() && (good.IsZero() || r.GoodAt.Before(good)) {
			good = r.GoodAt
		}
	}
	if !l.ReconcileFrom.IsZero() && l.ReconcileFrom.Before(good) {
		good = l.ReconcileFrom
	}
	if good.IsZero() {
		good = now.Add(-billing.EventHistory)
	}
	return good, err
}

// StrayPayments reads Stripe's payments of a period, page by page, and calls found for each
// successful payment of a charge that is not in the database. It returns the connected accounts
// that Stripe gives no access to. Errors: *billing.GatewayError, billing.ErrUnavailable.
func StrayPayments(ctx context.Context, record billing.Record, ledger billing.Ledger, from, to time.Time,
	found func(account string, p billing.RecordedPayment),
) (refused []string, err error) {
	accounts, err := ledger.PlanAccounts(ctx)
	if err != nil {
		return nil, err
	}
	return billing.EachAccount(ctx, accounts, func(ctx context.Context) error {
		return record.Payments(ctx, from, to, func(page []billing.RecordedPayment) error {
			var ids []billing.ChargeID
			for _, p := range page {
				if id := p.Metadata[billing.MetaCharge]; id != "" && p.Status == billing.IntentSucceeded {
					ids = append(ids, billing.ChargeID(id))
				}
			}
			charges, err := ledger.Charges(ctx, ids...)
			if err != nil {
				return err
			}
			known := map[billing.ChargeID]bool{"": true}
			for _, c := range charges {
				known[c.ID] = true
			}
			for _, p := range page {
				if p.Status == billing.IntentSucceeded && !known[billing.ChargeID(p.Metadata[billing.MetaCharge])] {
					found(billing.AccountOf(ctx), p)
				}
			}
			return nil
		})
	})
}
