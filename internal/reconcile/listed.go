package reconcile

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

// listed compares one page of Stripe's list with our charges.
func (r *run) listed(ctx context.Context, page []billing.RecordedPayment) error {
	r.summary.PaymentIntents += len(page)
	ours, err := r.lookUp(ctx, page)
	if err != nil {
		return err
	}
	var seen []billing.ChargeID
	for _, p := range page {
		for _, c := range ours.having[p.ID] {
			seen = append(seen, c.ID)
		}
		if len(ours.compare(p)) == 0 {
			continue
		}
		findings, err := r.lookAgain(ctx, p)
		if err != nil {
			return err
		}
		if err := r.report(ctx, findings); err != nil {
			return err
		}
	}
	if err := r.ledger.MarkReconciled(ctx, r.began, seen...); err != nil {
		return err
	}
	r.summary.Charges += len(seen)
	r.pageDone()
	return nil
}

// lookAgain reads both sides of a difference again, ours first. Stripe's answer is then the newer
// one, so a payment that was made after the list was read does not look as if Stripe had never had
// it.
func (r *run) lookAgain(ctx context.Context, listed billing.RecordedPayment) ([]Finding, error) {
	ours, err := r.lookUp(ctx, []billing.RecordedPayment{listed})
	if err != nil {
		return nil, err
	}
	p, err := r.record.Payment(ctx, listed.ID)
	if errors.Is(err, billing.ErrNotFound) {
		return nil, nil // the data of a test account was deleted meanwhile: our charge is compared later, by itself
	}
	if err != nil {
		return nil, err
	}
	changed := p.CreatedAt
	if c := ours.of(p); len(c) > 0 {
		changed = c[0].UpdatedAt
	}
	return r.found(ctx, ours.compare(p), changed), nil
}

// charges are our charges for a page of PaymentIntents.
type charges struct {
	having map[string][]billing.Charge         // by the PaymentIntent they have
	named  map[billing.ChargeID]billing.Charge // by id: charges that only metadata names, and that have another PaymentIntent or none
}

// lookUp reads the charges of a page in one query, and in a second query those that only metadata
// names.
func (r *run) lookUp(ctx context.Context, page []billing.RecordedPayment) (charges, error) {
	found := charges{having: map[string][]billing.Charge{}, named: map[billing.ChargeID]billing.Charge{}}
	ids := make([]string, len(page))
	for i, p := range page {
		ids[i] = p.ID
	}
	having, err := r.ledger.ChargesByPaymentIntents(ctx, ids...)
	if err != nil {
		return found, err
	}
	for _, c := range having {
		found.having[c.PaymentIntent] = append(found.having[c.PaymentIntent], c)
	}
	var rest []billing.ChargeID
	for _, p := range page {
		if id := billing.ChargeID(p.Metadata[billing.MetaCharge]); id != "" && len(found.having[p.ID]) == 0 {
			rest = append(rest, id)
		}
	}
	named, err := r.ledger.Charges(ctx, rest...)
	for _, c := range named {
		found.named[c.ID] = c
	}
	return found, err
}

// of returns the charges that have the PaymentIntent, or else the charge that its metadata names.
func (f charges) of(p billing.RecordedPayment) []billing.Charge {
	if having := f.having[p.ID]; len(having) > 0 {
		return having
	}
	if named, ok := f.named[billing.ChargeID(p.Metadata[billing.MetaCharge])]; ok {
		return []billing.Charge{named}
	}
	return nil
}

// compare finds the differences of one PaymentIntent.
func (f charges) compare(p billing.RecordedPayment) []Finding {
	if len(f.having[p.ID]) == 0 {
		return compareUnclaimed(p, f.of(p))
	}
	var all []Finding
	for _, c := range f.having[p.ID] {
		all = append(all, compareCharge(c, p)...)
	}
	return all
}
