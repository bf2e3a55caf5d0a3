package collect

import (
	"context"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// nextStep decides what a due charge needs from Stripe.
func nextStep(ctx context.Context, t *planwork.Tx, c *billing.Charge, k check) (step, error) {
	if c.Status.Ended() {
		return afterEnd(ctx, t, c)
	}
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Outcome.Open() {
		switch {
		case attempts[n-1].Initiator == billing.InitiatorCustomer:
			return nil, leaveToCustomer(ctx, t, c, attempts[n-1])
		case inFlight(t, c, attempts[n-1]):
			return nil, nil
		}
		return resumeAttempt(ctx, t, c, attempts[n-1], k)
	}
	return preflight(ctx, t, c, attempts, k)
}

// preflight checks whether a new attempt may be sent: the plan collects, the plan has a usable
// card, and the networks allow the attempt.
func preflight(ctx context.Context, t *planwork.Tx, c *billing.Charge, attempts []billing.Attempt, k check) (step, error) {
	if ok, err := planAllows(ctx, t, c); err != nil || !ok {
		return nil, err
	}
	card, why, err := usableCard(ctx, t, c)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, followup.AfterFailure(ctx, t, c, followup.Failure{Kind: dunning.FailureNoCard, Detail: why, Step: "no_card"})
	}
	why, err = whyReplace(ctx, t, c, card, attempts)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return toReplace(ctx, t, c, why)
	}
	if ok, err := withinCaps(ctx, t, c, card); err != nil || !ok {
		return nil, err
	}
	if !k.looked && mayHaveBeenTried(t, c, attempts) {
		return newLook(ctx, t, c, card, k)
	}
	return newAttempt(ctx, t, c, card, attempts, k)
}

// planAllows reports whether the plan lets the charge be tried now. If not, it stops or defers the
// charge.
func planAllows(ctx context.Context, t *planwork.Tx, c *billing.Charge) (bool, error) {
	if t.Plan.Status == billing.PlanCanceled {
		return false, t.CancelWithPlan(c)
	}
	if !t.Plan.Status.Collects() {
		return false, t.Move(c, c.Status, "the plan is "+planwork.Spoken(t.Plan.Status), time.Time{})
	}
	if before := earlierDue(t, c); before != nil {
		waitFor(t, c, *before)
		return false, nil
	}
	return catchUp(ctx, t, c)
}

// usableCard returns the card to charge: the plan's, or the backup card that dunning chose for a
// declined charge. If there is none, the returned text is the reason.
func usableCard(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.Card, string, error) {
	id, err := followup.CardToTry(ctx, t, c)
	if err != nil {
		return billing.Card{}, "", err
	}
	if id == "" {
		return billing.Card{}, "no card was saved", nil
	}
	card, err := t.Card(ctx, id)
	if fault := card.Fault(t.Plan.Account); err == nil && fault != "" {
		return card, "the " + card.Label() + " " + fault, nil
	}
	return card, "", err
}
