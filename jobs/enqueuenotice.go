package jobs

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// draft returns a new notice about the plan, with its recipient and the known data. The caller of a
// notice about a charge adds the charge.
func (t *planTx) draft(kind billing.NoticeKind, step string) billing.Notice {
	n := billing.Notice{
		ID: billing.NewNoticeID(t.now), Kind: kind, PlanID: t.plan.ID, CustomerID: t.customer.ID,
		Step: step, Channel: billing.ChannelEmail, To: t.customer.Email, Status: billing.NoticePending, CreatedAt: t.now,
		ClaimAfter: t.now.Add(t.worker.Clock.Simulated(t.worker.Lease)),
		Data: billing.NoticeData{
			CustomerName: t.customer.Name, Locale: t.customer.Locale, TimeZone: t.customer.TimeZone, Reference: t.plan.Reference, Description: t.plan.Description(),
			Of: len(t.charges), Currency: t.plan.Currency,
		},
	}
	if t.plan.Kind == billing.KindRecurring {
		n.Data.Of = 0 // the number of charges is not known, or is of no use to the customer
	}
	if n.To == "" {
		n.Status, n.Reason, n.ClaimAfter = billing.NoticeFailed, "the customer has no e-mail address", time.Time{}
	}
	return n
}

// enqueueNotice adds a notice to the outbox, with the plan's card, and a task that sends the
// notice. A notice with the same key is added only once.
func (t *planTx) enqueueNotice(ctx context.Context, n billing.Notice) error {
	if t.plan.CardID != "" {
		card, err := t.Card(ctx, t.plan.CardID)
		if err != nil {
			return err
		}
		if n.Kind != billing.NoticeUpcomingCharge || t.paysAt(card, n.Data.DueAt) { // else the notice asks for another card
			n.Data.CardBrand, n.Data.CardLast4, n.Data.CardExpiry = card.Brand, card.Last4, expiryOf(card)
		}
	}
	if err := t.gatherFirst(ctx, &n); err != nil {
		return err
	}
	n.MessageID = n.MailID(t.worker.MessageDomain)
	fresh, err := t.InsertNotice(ctx, n)
	if err != nil {
		return err
	}
	if fresh && n.Status == billing.NoticePending && n.Reason == "" { // otherwise the scheduler claims it at its time
		t.enqueueAfter(newTask(KindSendNotice, string(n.ID), n.Lease, time.Time{}))
	}
	return nil
}

// paysAt reports whether a card can be expected to pay a charge that falls due at a time.
func (t *planTx) paysAt(card billing.Card, dueAt time.Time) bool {
	expired := card.ExpiresAt(t.location())
	return card.Chargeable() && (expired.IsZero() || dueAt.Before(expired))
}

// following returns the next charge that will be collected after the given one, if its date is
// final: the dates of a plan that is not active yet may still move. A zero time means that no such
// charge exists.
func (t *planTx) following(sequence int) (amount int64, due time.Time) {
	for _, c := range t.charges {
		if c.Sequence > sequence && c.Status == billing.ChargeScheduled && c.DueAt.After(t.now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// started enqueues the notice that confirms a plan that has begun.
func (t *planTx) started(ctx context.Context) error {
	begun := t.before.Status == billing.PlanAwaitingFirstPayment && t.plan.Status.Collects()
	if !begun || !t.worker.Rules.Confirm {
		return nil
	}
	n := t.draft(billing.NoticePlanStarted, "")
	n.Starts(t.plan, t.charges)
	return t.enqueueNotice(ctx, n)
}

// completed enqueues the notice that everything is paid.
func (t *planTx) completed(ctx context.Context) error {
	n := t.draft(billing.NoticePlanCompleted, "")
	n.Completes(t.plan, t.charges)
	return t.enqueueNotice(ctx, n)
}

// cardUpdated enqueues the notice that another card is charged from now on. cause is the payment or
// the setup with which the customer gave the card. The customer gets one notice for it, even if
// several plans use the card.
func (t *planTx) cardUpdated(ctx context.Context, cause string) error {
	n := t.draft(billing.NoticeCardUpdated, string(billing.NoticeCardUpdated)+":"+string(t.plan.CardID)+":"+cause)
	n.Data.Following, n.Data.FollowingDue = t.following(0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.enqueueNotice(ctx, n)
}
