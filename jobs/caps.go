package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// declinesOf lists the declines of the charge's amount on a card that the networks still count.
func (t *planTx) declinesOf(ctx context.Context, c *billing.Charge, fingerprint string) ([]time.Time, error) {
	if fingerprint == "" {
		return nil, nil
	}
	return t.CardDeclines(ctx, c.On(fingerprint), t.now.Add(-dunning.CapWindow))
}

// withinCaps reports whether the networks allow an attempt at the charge with the card now. The
// charge may never have been tried: the networks count all declines of an amount on a card,
// whichever charge they were for. An attempt beyond a cap is deferred until the window allows it.
// If that is after the deadline, a retry ends, and a first attempt asks the customer for another
// card.
func (t *planTx) withinCaps(ctx context.Context, c *billing.Charge, card billing.Card) (bool, error) {
	declines, err := t.declinesOf(ctx, c, t.worker.fingerprint(card))
	if err != nil {
		return false, err
	}
	next := dunning.Allowed(card.Brand, declines, t.now)
	if !next.After(t.now) {
		return true, nil
	}
	why := dunning.Tightest(dunning.UseOf(card.Brand, declines, t.now)).String()
	policy, deadline, inDunning, err := t.endOf(ctx, c)
	if err != nil {
		return false, err
	}
	next = policy.Suited(c.ID, next, t.location())
	switch {
	case next.Before(deadline):
		t.audit(c, "charge.deferred", fmt.Sprintf("charge %d: %s", c.Sequence, why), "tried "+t.local(next))
		return false, t.move(c, c.Status, "deferred: "+why, next)
	case !inDunning:
		return false, t.failed(ctx, c, chargeFailure{
			what: dunning.FailureNoCard, detail: "the card can't be charged in time: " + why, cause: codeCapped, step: "no_card",
		})
	}
	t.audit(c, "charge.failed", fmt.Sprintf("charge %d: not tried again: %s", c.Sequence, why),
		"no further automatic attempt; the customer can still pay")
	return false, t.move(c, billing.ChargeFailed, why+"; the next possible time is after the policy's deadline", time.Time{})
}

// codeCapped is the decline code of a charge that was never tried because its card had been
// declined too often.
const codeCapped = "network_cap"

// endOf returns the policy that the charge follows and its deadline. A charge that has not failed
// gets the deadline of a charge that fails at its due time.
func (t *planTx) endOf(ctx context.Context, c *billing.Charge) (policy dunning.Policy, deadline time.Time, inDunning bool, err error) {
	follow, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return policy, deadline, false, err
	}
	if err == nil && follow.Status == billing.DunningOpen {
		policy, err = pinned(ctx, t.Tx, follow.Policy)
		return policy, dunning.Released(follow, t.now, t.location()).DeadlineAt, true, err
	}
	began := c.DueAt
	if err == nil || began.IsZero() { // its dunning ended and the charge is tried again, or the charge has no date
		began = t.now
	}
	policy, err = t.policyOf(ctx, billing.Dunning{})
	_, _, deadline = policy.Milestones(c.ID, began, t.location())
	return policy, deadline, false, err
}

// wasAsked reports whether the customer was already asked for another card, for a charge of the
// plan that waits for the same reason.
func (t *planTx) wasAsked(c *billing.Charge, cause string) bool {
	for _, other := range t.charges {
		if other.ID != c.ID && other.Status == billing.ChargeRequiresPaymentMethod && cause == codeCapped && other.DeclineCode == cause {
			return true
		}
	}
	return false
}
