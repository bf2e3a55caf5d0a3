package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// chargeFailure is a failure of a charge that dunning decides on.
type chargeFailure struct {
	what    dunning.FailureKind
	failure billing.Failure
	detail  string          // see dunning.History
	attempt billing.Attempt // zero if none was made
	cause   string          // stored as the charge's decline code
	step    string          // distinguishes this failure's notice from the charge's others
}

// failed lets dunning decide what follows a failure, and applies the decision.
func (t *planTx) failed(ctx context.Context, c *billing.Charge, tr chargeFailure) error {
	follow, policy, err := t.dunningOf(ctx, c)
	if err != nil {
		return err
	}
	h, spare, err := t.history(ctx, c, tr, follow)
	if err != nil {
		return err
	}
	if h.Ours() {
		follow = dunning.Held(follow, t.now)
	} else {
		follow = dunning.Released(follow, t.now, t.location())
	}
	h.Deadline = follow.DeadlineAt
	d := dunning.Decide(t.worker.engine(), policy, h)
	if d.UseBackup {
		follow.CardID = spare.ID
	}
	if err := t.fail(ctx, c, d, tr.cause); err != nil {
		return err
	}
	if t.wasAsked(c, tr.cause) {
		d.Notice = ""
	}
	if err := t.tellFailure(ctx, c, d, tr.step); err != nil {
		return err
	}
	follow.ClaimAfter = t.nextStep(follow)
	return t.UpdateDunning(ctx, follow)
}

// tellFailure enqueues the notice of a failure, if the decision has one. step distinguishes it from
// the charge's other notices.
func (t *planTx) tellFailure(ctx context.Context, c *billing.Charge, d dunning.Decision, step string) error {
	if d.Notice == "" {
		return nil
	}
	return t.notice(ctx, c, d.Notice, fmt.Sprintf("%s:%s", d.Notice, step), d.CustomerReason)
}

// engine returns the configured engine, or else the policy's own timetable.
func (w *Worker) engine() dunning.Engine {
	if w.Engine == nil {
		return dunning.Timetable{}
	}
	return w.Engine
}

// dunningOf returns the charge's open dunning and the policy that it began with. It begins a
// dunning if none is open.
func (t *planTx) dunningOf(ctx context.Context, c *billing.Charge) (billing.Dunning, dunning.Policy, error) {
	d, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return d, dunning.Policy{}, err
	}
	if err == nil && d.Status == billing.DunningOpen {
		policy, err := pinned(ctx, t.Tx, d.Policy)
		d.DeadlineAt = dunning.EndOfDay(d.DeadlineAt, t.location())
		return d, policy, err
	}
	return t.beginDunning(ctx, c, d)
}

// pinned reads the policy that a dunning began with.
func pinned(ctx context.Context, r billing.DunningReader, hash string) (dunning.Policy, error) {
	kept, err := r.PinnedPolicy(ctx, hash)
	if err != nil {
		return dunning.Policy{}, err
	}
	return dunning.ReadPolicy(kept.Content)
}

// beginDunning pins the current version of the plan's policy and sets the deadline. before is an
// earlier dunning of the charge that has ended, if there was one: an operator had the charge tried
// again.
func (t *planTx) beginDunning(ctx context.Context, c *billing.Charge, before billing.Dunning) (billing.Dunning, dunning.Policy, error) {
	policy, ok := t.worker.Policies.Get(t.plan.Policy)
	if !ok {
		t.worker.Log.Warn().Str("plan", string(t.plan.ID)).Str("policy", t.plan.Policy).
			Msg("the plan's dunning policy is not configured any more; the default one is used")
		policy, _ = t.worker.Policies.Get(dunning.DefaultName)
	}
	content, hash, err := policy.Canonical()
	if err != nil {
		return before, policy, err
	}
	if err := t.PinPolicy(ctx, billing.PinnedPolicy{Hash: hash, Name: policy.Name, Content: content, CreatedAt: t.now}); err != nil {
		return before, policy, err
	}
	d := billing.Dunning{
		ChargeID: c.ID, Status: billing.DunningOpen, Policy: hash, BeganAt: t.now, Replacing: before.Replacing, Lease: before.Lease,
	}
	d.RemindAt, d.FinalAt, d.DeadlineAt = policy.Milestones(c.ID, t.now, t.location())
	d.ClaimAfter = d.Next()
	if before.ChargeID != "" {
		return d, policy, t.UpdateDunning(ctx, d)
	}
	return d, policy, t.InsertDunning(ctx, d)
}

// history collects the data for a decision, and the backup card that may be tried next.
func (t *planTx) history(ctx context.Context, c *billing.Charge, tr chargeFailure, follow billing.Dunning) (dunning.History, billing.Card, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return dunning.History{}, billing.Card{}, err
	}
	h := dunning.History{
		Charge: c.ID, Now: t.now, Location: t.location(), Kind: tr.what, Failure: tr.failure, Detail: tr.detail,
		PaymentMethod: tr.attempt.Params.PaymentMethod, Attempts: attempts, Deadline: follow.DeadlineAt,
		FinalSent: follow.FinalAt.IsZero(), OnBackup: follow.CardID != "",
	}
	if h.PaymentMethod != "" {
		card, err := t.CardByPaymentMethod(ctx, h.PaymentMethod)
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			return h, card, err
		}
		h.Brand = card.Brand
	}
	if h.CardDeclines, err = t.declinesOf(ctx, c, tr.attempt.Fingerprint); err != nil {
		return h, billing.Card{}, err
	}
	spare, err := t.backupCard(ctx, attempts)
	h.Backup = spare.ID != ""
	return h, spare, err
}

// backupCard returns the first of the customer's cards, in their order, that the charge was not
// tried with, if the customer agreed to that. Expired cards are not used: the customer is asked for
// a card instead.
func (t *planTx) backupCard(ctx context.Context, attempts []billing.Attempt) (billing.Card, error) {
	if !t.plan.BackupCards {
		return billing.Card{}, nil
	}
	cards, err := t.Cards(ctx, t.customer.ID)
	if err != nil {
		return billing.Card{}, err
	}
	tried := map[string]bool{}
	for _, a := range attempts {
		tried[a.Params.PaymentMethod], tried[a.Fingerprint] = true, true
	}
	for _, card := range billing.CardsInOrder(cards, t.plan.Account, t.now) {
		fresh := card.ID != t.plan.CardID && !tried[card.PaymentMethod] && !tried[t.worker.fingerprint(card)]
		if fresh && !card.Expired(t.now) {
			return card, nil
		}
	}
	return billing.Card{}, nil
}

// cardToTry returns the backup card that dunning chose for the charge, or else the plan's card.
func (t *planTx) cardToTry(ctx context.Context, c *billing.Charge) (billing.CardID, error) {
	if c.AttemptCount == 0 && c.Reason == "" {
		return t.plan.CardID, nil // the charge has no history yet
	}
	follow, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return "", err
	}
	if follow.CardID != "" {
		return follow.CardID, nil
	}
	return t.plan.CardID, nil
}

// fingerprint identifies the card's number, for counting its declines. It is the PaymentMethod if
// Stripe gave no fingerprint. In test mode all customers share a few card numbers, so declines are
// counted for each customer separately.
func (w *Worker) fingerprint(card billing.Card) string {
	switch {
	case card.Fingerprint == "":
		return card.PaymentMethod
	case !w.Livemode:
		return string(card.CustomerID) + ":" + card.Fingerprint
	}
	return card.Fingerprint
}
