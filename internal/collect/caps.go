package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// withinCaps reports whether the networks allow an attempt at the charge with the card now. The
// charge may never have been tried: the networks count all declines of an amount on a card,
// whichever charge they were for. An attempt beyond a cap is deferred until the window allows it.
// If that is after the deadline, a retry ends, and a first attempt asks the customer for another
// card.
func withinCaps(ctx context.Context, t *planwork.Tx, c *billing.Charge, card billing.Card) (bool, error) {
	declines, err := followup.CountedDeclines(ctx, t, c, t.Work.Fingerprint(card))
	if err != nil {
		return false, err
	}
	next := dunning.Allowed(card.Brand, declines, t.Now)
	if !next.After(t.Now) {
		return true, nil
	}
	why := dunning.Tightest(dunning.UseOf(card.Brand, declines, t.Now)).String()
	policy, deadline, inDunning, err := endOf(ctx, t, c)
	if err != nil {
		return false, err
	}
	next = policy.Suited(c.ID, next, t.Location())
	switch {
	case next.Before(deadline):
		t.Audit(c, "charge.deferred", fmt.Sprintf("charge %d: %s", c.Sequence, why), "tried "+t.Local(next))
		return false, t.Move(c, c.Status, "deferred: "+why, next)
	case !inDunning:
		return false, followup.AfterFailure(ctx, t, c, followup.Failure{
			Kind: dunning.FailureNoCard, Detail: "the card can't be charged in time: " + why, Cause: followup.CodeCapped, Step: "no_card",
		})
	}
	t.Audit(c, "charge.failed", fmt.Sprintf("charge %d: not tried again: %s", c.Sequence, why),
		"no further automatic attempt; the customer can still pay")
	return false, t.Move(c, billing.ChargeFailed, why+"; the next possible time is after the policy's deadline", time.Time{})
}

// endOf returns the policy that the charge follows and its deadline. A charge that has not failed
// gets the deadline of a charge that fails at its due time.
func endOf(ctx context.Context, t *planwork.Tx, c *billing.Charge) (policy dunning.Policy, deadline time.Time, inDunning bool, err error) {
	follow, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return policy, deadline, false, err
	}
	if err == nil && follow.Status == billing.DunningOpen {
		policy, err = followup.PinnedPolicy(ctx, t.Tx, follow.Policy)
		return policy, dunning.Released(follow, t.Now, t.Location()).DeadlineAt, true, err
	}
	began := c.DueAt
	if err == nil || began.IsZero() { // its dunning ended and the charge is tried again, or the charge has no date
		began = t.Now
	}
	policy, err = followup.PolicyOf(ctx, t, billing.Dunning{})
	_, _, deadline = policy.Milestones(c.ID, began, t.Location())
	return policy, deadline, false, err
}
