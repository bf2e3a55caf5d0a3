package planning

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"tranche/internal/billing"
)

// existing returns the plan that an earlier copy of this request created.
func (p *Planner) existing(ctx context.Context, r Request, canonical []byte) (billing.Plan, bool, error) {
	if r.Key != "" {
		stored, err := p.Store.Request(ctx, r.Key)
		switch {
		case err == nil && stored.Fingerprint != fingerprint(canonical):
			return billing.Plan{}, false, ErrKeyReused
		case err == nil:
			plan, err := p.Store.Plan(ctx, stored.PlanID)
			return plan, true, err
		case !errors.Is(err, billing.ErrNotFound):
			return billing.Plan{}, false, err
		}
	}
	plan, err := p.Store.PlanByReference(ctx, r.Terms.Reference)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.Plan{}, false, nil
	}
	if err == nil && !bytes.Equal(plan.Terms, canonical) {
		return billing.Plan{}, false, &ReferenceTakenError{Reference: r.Terms.Reference, PlanID: plan.ID}
	}
	return plan, err == nil, err
}

// fingerprint identifies the terms of a request.
func fingerprint(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
