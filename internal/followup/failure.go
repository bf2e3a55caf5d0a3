package followup

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/planwork"
)

// Failure is why a charge was not paid: a failed attempt, or a reason for making none.
type Failure struct {
	Kind    dunning.FailureKind
	Failure billing.Failure // Stripe's code and message; zero if no attempt was made
	Detail  string          // see dunning.History
	Attempt billing.Attempt // zero if none was made
	Cause   string          // stored as the charge's decline code
	Step    string          // distinguishes this failure's notice from the charge's others
}

// AfterFailure lets dunning decide what follows a failure of the charge, and carries the decision
// out: the charge's next status and attempt, the notice to the customer, and the time of the next
// step. It begins a dunning if none is open. The caller has recorded the attempt. Errors: the
// transaction's.
func AfterFailure(ctx context.Context, t *planwork.Tx, c *billing.Charge, f Failure) error {
	follow, policy, err := OpenDunning(ctx, t, c)
	if err != nil {
		return err
	}
	h, spare, err := history(ctx, t, c, f, follow)
	if err != nil {
		return err
	}
	if h.Ours() {
		follow = dunning.Held(follow, t.Now)
	} else {
		follow = dunning.Released(follow, t.Now, t.Location())
	}
	h.Deadline = follow.DeadlineAt
	d := dunning.Decide(t.Work.Engine, policy, h)
	if d.UseBackup {
		follow.CardID = spare.ID
	}
	if err := applyDecision(ctx, t, c, d, f.Cause); err != nil {
		return err
	}
	if wasAsked(t, c, f.Cause) {
		d.Notice = ""
	}
	if err := enqueueFailureNotice(ctx, t, c, d, f.Step); err != nil {
		return err
	}
	follow.ClaimAfter = nextStep(t, follow)
	return t.UpdateDunning(ctx, follow)
}

// enqueueFailureNotice enqueues the notice of a failure, if the decision has one. step
// distinguishes it from the charge's other notices.
func enqueueFailureNotice(ctx context.Context, t *planwork.Tx, c *billing.Charge, d dunning.Decision, step string) error {
	if d.Notice == "" {
		return nil
	}
	return t.Notify(ctx, c, d.Notice, fmt.Sprintf("%s:%s", d.Notice, step), d.CustomerReason)
}

// history collects the data for a decision, and the backup card that may be tried next.
func history(ctx context.Context, t *planwork.Tx, c *billing.Charge, f Failure, follow billing.Dunning) (dunning.History, billing.Card, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return dunning.History{}, billing.Card{}, err
	}
	h := dunning.History{
		Charge: c.ID, Now: t.Now, Location: t.Location(), Kind: f.Kind, Failure: f.Failure, Detail: f.Detail,
		PaymentMethod: f.Attempt.Params.PaymentMethod, Attempts: attempts, Deadline: follow.DeadlineAt,
		FinalSent: follow.FinalAt.IsZero(), OnBackup: follow.CardID != "",
	}
	if h.PaymentMethod != "" {
		card, err := t.CardByPaymentMethod(ctx, h.PaymentMethod)
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			return h, card, err
		}
		h.Brand = card.Brand
	}
	if h.CardDeclines, err = CountedDeclines(ctx, t, c, f.Attempt.Fingerprint); err != nil {
		return h, billing.Card{}, err
	}
	spare, err := backupCard(ctx, t, attempts)
	h.Backup = spare.ID != ""
	return h, spare, err
}

// backupCard returns the first of the customer's cards, in their order, that the charge was not
// tried with, if the customer agreed to that. Expired cards are not used: the customer is asked for
// a card instead.
func backupCard(ctx context.Context, t *planwork.Tx, attempts []billing.Attempt) (billing.Card, error) {
	if !t.Plan.BackupCards {
		return billing.Card{}, nil
	}
	cards, err := t.Cards(ctx, t.Customer.ID)
	if err != nil {
		return billing.Card{}, err
	}
	tried := map[string]bool{}
	for _, a := range attempts {
		tried[a.Params.PaymentMethod], tried[a.Fingerprint] = true, true
	}
	for _, card := range billing.CardsInOrder(cards, t.Plan.Account, t.Now) {
		fresh := card.ID != t.Plan.CardID && !tried[card.PaymentMethod] && !tried[t.Work.Fingerprint(card)]
		if fresh && !card.Expired(t.Now) {
			return card, nil
		}
	}
	return billing.Card{}, nil
}

// CardToTry returns the backup card that dunning chose for the charge, or else the plan's card.
func CardToTry(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.CardID, error) {
	if c.AttemptCount == 0 && c.Reason == "" {
		return t.Plan.CardID, nil // the charge has no history yet
	}
	follow, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return "", err
	}
	if follow.CardID != "" {
		return follow.CardID, nil
	}
	return t.Plan.CardID, nil
}
