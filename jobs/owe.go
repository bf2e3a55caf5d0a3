package jobs

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// draft begins a notice about the plan: who is told, and what is known of it. One about a charge
// names that too.
func (t *planTx) draft(kind billing.NoticeKind, step string) billing.Notice {
	n := billing.Notice{
		ID: billing.NewNoticeID(t.now), Kind: kind, PlanID: t.plan.ID, CustomerID: t.customer.ID,
		Step: step, Channel: billing.ChannelEmail, To: t.customer.Email, Status: billing.NoticePending, CreatedAt: t.now,
		WakeAt: t.now.Add(t.worker.Clock.Simulated(t.worker.Lease)),
		Data: billing.NoticeData{
			CustomerName: t.customer.Name, Locale: t.customer.Locale, TimeZone: t.customer.TimeZone, Reference: t.plan.Reference, Description: t.plan.Description(),
			Of: len(t.charges), Currency: t.plan.Currency,
		},
	}
	if t.plan.Kind == billing.KindRecurring {
		n.Data.Of = 0 // how many there will be is not known, or says nothing to the customer
	}
	if n.To == "" {
		n.Status, n.Reason, n.WakeAt = billing.NoticeFailed, "the customer has no e-mail address", time.Time{}
	}
	return n
}

// owe adds a notice to the outbox, with the plan's card, and a task that sends it. One that is owed
// already is not owed again.
func (t *planTx) owe(ctx context.Context, n billing.Notice) error {
	if t.plan.CardID != "" {
		card, err := t.Card(ctx, t.plan.CardID)
		if err != nil {
			return err
		}
		if n.Kind != billing.NoticeUpcomingCharge || t.paysAt(card, n.Data.DueAt) { // else another card is asked for
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
	if fresh && n.Status == billing.NoticePending && n.Reason == "" { // else the scheduler finds it at its time
		t.tasks = append(t.tasks, newTask(KindSendNotice, string(n.ID), n.Lease, time.Time{}))
	}
	return nil
}

// paysAt reports whether a card can be expected to pay a charge that falls due at a time.
func (t *planTx) paysAt(card billing.Card, dueAt time.Time) bool {
	expired := card.ExpiresAt(t.location())
	return card.Chargeable() && (expired.IsZero() || dueAt.Before(expired))
}

// following is the next charge that will be collected after one, if its date is sure: those of a
// plan that is not active yet may still move. A zero time means that there is none.
func (t *planTx) following(sequence int) (amount int64, due time.Time) {
	for _, c := range t.charges {
		if c.Sequence > sequence && c.Status == billing.ChargeScheduled && c.DueAt.After(t.now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// started owes the notice that confirms a plan that has begun.
func (t *planTx) started(ctx context.Context) error {
	begun := t.before.Status == billing.PlanAwaitingFirstPayment && t.plan.Status.Collects()
	if !begun || !t.worker.Rules.Confirm {
		return nil
	}
	n := t.draft(billing.NoticePlanStarted, "")
	n.Starts(t.plan, t.charges)
	return t.owe(ctx, n)
}

// completed owes the notice that everything is paid.
func (t *planTx) completed(ctx context.Context) error {
	n := t.draft(billing.NoticePlanCompleted, "")
	n.Completes(t.plan, t.charges)
	return t.owe(ctx, n)
}

// cardUpdated owes the notice that another card is charged from now on. cause is the payment or the
// set-up by which the customer gave it: however many plans use the card, the customer is told once.
func (t *planTx) cardUpdated(ctx context.Context, cause string) error {
	n := t.draft(billing.NoticeCardUpdated, string(billing.NoticeCardUpdated)+":"+string(t.plan.CardID)+":"+cause)
	n.Data.Following, n.Data.FollowingDue = t.following(0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.owe(ctx, n)
}
