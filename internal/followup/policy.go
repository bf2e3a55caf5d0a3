package followup

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/planwork"
)

// OpenDunning returns the charge's open dunning and the policy that it began with. If none is open,
// it begins one under the plan's current policy and writes its row. Errors: the transaction's.
func OpenDunning(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.Dunning, dunning.Policy, error) {
	d, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return d, dunning.Policy{}, err
	}
	if err == nil && d.Status == billing.DunningOpen {
		policy, err := PinnedPolicy(ctx, t.Tx, d.Policy)
		d.DeadlineAt = dunning.EndOfDay(d.DeadlineAt, t.Location())
		return d, policy, err
	}
	return beginDunning(ctx, t, c, d)
}

// PinnedPolicy returns the policy with this hash, as it was when a dunning began. Errors:
// billing.ErrNotFound; billing.ErrUnavailable; an error if the stored policy can't be read.
func PinnedPolicy(ctx context.Context, r billing.DunningReader, hash string) (dunning.Policy, error) {
	kept, err := r.PinnedPolicy(ctx, hash)
	if err != nil {
		return dunning.Policy{}, err
	}
	return dunning.ReadPolicy(kept.Content)
}

// beginDunning pins the current version of the plan's policy and sets the deadline. before is the
// charge's earlier dunning that has ended, or zero: an operator had the charge tried again.
func beginDunning(ctx context.Context, t *planwork.Tx, c *billing.Charge, before billing.Dunning) (billing.Dunning, dunning.Policy, error) {
	policy, ok := t.Work.Policies.Get(t.Plan.Policy)
	if !ok {
		t.Work.Log.Warn().Str("plan", string(t.Plan.ID)).Str("policy", t.Plan.Policy).
			Msg("the plan's dunning policy is not configured any more; the default one is used")
		policy, _ = t.Work.Policies.Get(dunning.DefaultName)
	}
	content, hash, err := policy.Canonical()
	if err != nil {
		return before, policy, err
	}
	if err := t.PinPolicy(ctx, billing.PinnedPolicy{Hash: hash, Name: policy.Name, Content: content, CreatedAt: t.Now}); err != nil {
		return before, policy, err
	}
	d := billing.Dunning{
		ChargeID: c.ID, Status: billing.DunningOpen, Policy: hash, BeganAt: t.Now, Replacing: before.Replacing, Lease: before.Lease,
	}
	d.RemindAt, d.FinalAt, d.DeadlineAt = policy.Milestones(c.ID, t.Now, t.Location())
	d.ClaimAfter = d.Next()
	if before.ChargeID != "" {
		return d, policy, t.UpdateDunning(ctx, d)
	}
	return d, policy, t.InsertDunning(ctx, d)
}

// PolicyOf returns the policy that d began with. For a zero dunning it returns the plan's current
// policy, or the default one if the plan's policy is not configured any more. Errors:
// PinnedPolicy's.
func PolicyOf(ctx context.Context, t *planwork.Tx, d billing.Dunning) (dunning.Policy, error) {
	if d.Policy != "" {
		return PinnedPolicy(ctx, t.Tx, d.Policy)
	}
	policy, ok := t.Work.Policies.Get(t.Plan.Policy)
	if !ok {
		policy, _ = t.Work.Policies.Get(dunning.DefaultName)
	}
	return policy, nil
}
