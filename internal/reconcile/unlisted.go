package reconcile

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

// fetches is how many PaymentIntents are fetched at once: far below Stripe's limit of 25 calls per
// second in test mode.
const fetches = 4

// unlisted compares our charges in the window that were not in Stripe's list.
func (r *run) unlisted(ctx context.Context) error {
	f := billing.UnreconciledFilter{From: r.From, To: r.To, Reach: reach, Run: r.began, Limit: billing.MaxPage}
	for {
		page, err := r.ledger.UnreconciledCharges(ctx, f)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := r.single(ctx, page); err != nil {
			return err
		}
		f.After = page[len(page)-1]
	}
}

// single fetches the PaymentIntent of each charge and compares.
func (r *run) single(ctx context.Context, page []billing.Charge) error {
	accounts, err := r.accountsOf(ctx, page)
	if err != nil {
		return err
	}
	page = slices.DeleteFunc(slices.Clone(page), func(c billing.Charge) bool { return slices.Contains(r.summary.Refused, accounts[c.ID]) })
	found := make([][]Finding, len(page))
	group, fetching := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for i, c := range page {
		group.Go(func() (err error) {
			found[i], err = r.fetched(billing.OnAccount(fetching, accounts[c.ID]), c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := r.report(ctx, slices.Concat(found...)); err != nil {
		return err
	}
	if err := r.ledger.MarkReconciled(ctx, r.began, idsOf(page)...); err != nil {
		return err
	}
	r.summary.Charges += len(page)
	r.pageDone()
	return nil
}

func (r *run) fetched(ctx context.Context, c billing.Charge) ([]Finding, error) {
	if c.PaymentIntent == "" {
		return r.found(ctx, compareMissing(c), c.UpdatedAt), nil
	}
	p, err := r.record.Payment(ctx, c.PaymentIntent)
	if errors.Is(err, billing.ErrNotFound) {
		return r.found(ctx, compareMissing(c), c.UpdatedAt), nil
	}
	if err != nil {
		return nil, err
	}
	return r.found(ctx, compareCharge(c, p), c.UpdatedAt), nil
}

// accountsOf returns the connected accounts of charges whose plans name one.
func (r *run) accountsOf(ctx context.Context, page []billing.Charge) (map[billing.ChargeID]string, error) {
	if !r.connected {
		return nil, nil
	}
	return r.ledger.ChargeAccounts(ctx, idsOf(page)...)
}

func idsOf(page []billing.Charge) []billing.ChargeID {
	ids := make([]billing.ChargeID, len(page))
	for i, c := range page {
		ids[i] = c.ID
	}
	return ids
}
