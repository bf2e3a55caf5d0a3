package planwork

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/task"
)

// cardNeeded enqueues the notice that asks for a card, once for the payment that left the plan
// without one.
func cardNeeded(ctx context.Context, t *Tx) error {
	if t.askForCard == "" || t.Plan.CardID != "" || !t.Plan.Status.Collects() {
		return nil
	}
	n := t.Draft(billing.NoticeCardNeeded, string(billing.NoticeCardNeeded)+":"+string(t.Plan.ID)+":"+t.askForCard)
	n.Data.Following, n.Data.FollowingDue = following(t, 0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.EnqueueNotice(ctx, n)
}

// Draft returns a new notice about the plan, with its recipient and the known data. The caller of a
// notice about a charge adds the charge.
func (t *Tx) Draft(kind billing.NoticeKind, step string) billing.Notice {
	n := billing.NewNotice(kind, step, t.Plan, t.Customer, t.Now)
	n.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(t.Work.Lease)) // until then, the task has it
	n.Data.Of = len(t.Charges)
	if t.Plan.Kind == billing.KindRecurring {
		n.Data.Of = 0 // the number of charges is not known, or is of no use to the customer
	}
	if n.To == "" {
		n.Status, n.Reason, n.ClaimAfter = billing.NoticeFailed, "the customer has no e-mail address", time.Time{}
	}
	return n
}

// EnqueueNotice adds a notice to the outbox, with the plan's card, and a task that sends the
// notice. A notice with the same key is added only once.
func (t *Tx) EnqueueNotice(ctx context.Context, n billing.Notice) error {
	if t.Plan.CardID != "" {
		card, err := t.Card(ctx, t.Plan.CardID)
		if err != nil {
			return err
		}
		if n.Kind != billing.NoticeUpcomingCharge || paysAt(t, card, n.Data.DueAt) { // else the notice asks for another card
			n.Data.CardBrand, n.Data.CardLast4, n.Data.CardExpiry = card.Brand, card.Last4, expiryOf(card)
		}
	}
	if err := gatherFirst(ctx, t, &n); err != nil {
		return err
	}
	n.MessageID = n.MailID(t.Work.MessageDomain)
	fresh, err := t.InsertNotice(ctx, n)
	if err != nil {
		return err
	}
	if fresh && n.Status == billing.NoticePending && n.Reason == "" { // otherwise the scheduler claims it at its time
		t.EnqueueAfter(task.New(task.KindSendNotice, string(n.ID), n.Lease))
	}
	return nil
}

// paysAt reports whether a card can be expected to pay a charge that falls due at a time.
func paysAt(t *Tx, card billing.Card, dueAt time.Time) bool {
	expired := card.ExpiresAt(t.Location())
	return card.Chargeable() && (expired.IsZero() || dueAt.Before(expired))
}

// following returns the next charge that will be collected after the given one, if its date is
// final: the dates of a plan that is not active yet may still move. A zero time means that no such
// charge exists.
func following(t *Tx, sequence int) (amount int64, due time.Time) {
	for _, c := range t.Charges {
		if c.Sequence > sequence && c.Status == billing.ChargeScheduled && c.DueAt.After(t.Now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// started enqueues the notice that confirms a plan that has begun.
func started(ctx context.Context, t *Tx) error {
	begun := t.Before.Status == billing.PlanAwaitingFirstPayment && t.Plan.Status.Collects()
	if !begun || !t.Work.Rules.Confirm {
		return nil
	}
	n := t.Draft(billing.NoticePlanStarted, "")
	n.Starts(t.Plan, t.Charges)
	return t.EnqueueNotice(ctx, n)
}

// completed enqueues the notice that everything is paid.
func completed(ctx context.Context, t *Tx) error {
	n := t.Draft(billing.NoticePlanCompleted, "")
	n.Completes(t.Plan, t.Charges)
	return t.EnqueueNotice(ctx, n)
}

// cardUpdated enqueues the notice that another card is charged from now on. cause is the payment or
// the setup with which the customer gave the card. The customer gets one notice for it, even if
// several plans use the card.
func cardUpdated(ctx context.Context, t *Tx, cause string) error {
	n := t.Draft(billing.NoticeCardUpdated, string(billing.NoticeCardUpdated)+":"+string(t.Plan.CardID)+":"+cause)
	n.Data.Following, n.Data.FollowingDue = following(t, 0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.EnqueueNotice(ctx, n)
}

// expiryOf formats a card's expiry month as it is printed on the card: 08/27.
func expiryOf(card billing.Card) string {
	if card.ExpMonth == 0 {
		return ""
	}
	return fmt.Sprintf("%02d/%02d", card.ExpMonth, card.ExpYear%100)
}
