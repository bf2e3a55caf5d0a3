package jobs

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// draft begins a notice about the plan: who is told, and what is known of it. One about a charge names that too.
func (t *planTx) draft(kind billing.NoticeKind, step string) billing.Notice {
	n := billing.Notice{
		ID: billing.NewNoticeID(t.now), Kind: kind, PlanID: t.plan.ID, CustomerID: t.customer.ID,
		Step: step, Channel: billing.ChannelEmail, To: t.customer.Email, Status: billing.NoticePending, CreatedAt: t.now,
		WakeAt: t.now.Add(t.worker.Clock.Simulated(t.worker.Lease)),
		Data: billing.NoticeData{
			CustomerName: t.customer.Name, Locale: t.customer.Locale, TimeZone: t.customer.TimeZone, Reference: t.plan.Reference,
			Of: len(t.charges), Currency: t.plan.Currency,
		},
	}
	if t.plan.Kind == billing.KindRecurring {
		n.Data.Of = 0 // how many there will be is not known, or says nothing to the customer
	}
	n.MessageID = string(n.ID) + "@" + t.worker.MessageDomain
	if n.To == "" {
		n.Status, n.Reason, n.WakeAt = billing.NoticeFailed, "the customer has no e-mail address", time.Time{}
	}
	return n
}

// owe adds a notice to the outbox, with the plan's card, and a task that sends it. One that is owed already is not owed again.
func (t *planTx) owe(ctx context.Context, n billing.Notice) error {
	if t.plan.CardID != "" {
		card, err := t.Card(ctx, t.plan.CardID)
		if err != nil {
			return err
		}
		if n.Kind != billing.NoticeUpcomingCharge || card.Chargeable() { // else another one will be charged
			n.Data.CardBrand, n.Data.CardLast4, n.Data.CardExpiry = card.Brand, card.Last4, expiryOf(card)
		}
	}
	fresh, err := t.InsertNotice(ctx, n)
	if err != nil {
		return err
	}
	if fresh && n.Status == billing.NoticePending {
		t.tasks = append(t.tasks, newTask(KindSendNotice, string(n.ID), n.Lease, time.Time{}))
	}
	return nil
}

// following is the next charge that will be collected after one, if its date is sure: those of a plan that is not active
// yet may still move. A zero time means that there is none.
func (t *planTx) following(sequence int) (amount int64, due time.Time) {
	for _, c := range t.charges {
		if c.Sequence > sequence && c.Status == billing.ChargeScheduled && c.DueAt.After(t.now) {
			return c.Amount, c.DueAt
		}
	}
	return 0, time.Time{}
}

// completed owes the notice that everything is paid.
func (t *planTx) completed(ctx context.Context) error {
	n := t.draft(billing.NoticePlanCompleted, string(billing.NoticePlanCompleted)+":"+string(t.plan.ID))
	for _, c := range t.charges {
		if c.Status == billing.ChargeSucceeded || c.Status == billing.ChargeDisputed {
			n.Data.Amount += c.Amount
		}
		if c.DueAt.After(n.Data.DueAt) {
			n.Data.DueAt = c.DueAt
		}
	}
	return t.owe(ctx, n)
}

// cardUpdated owes the notice that another card is charged from now on. cause is the payment or the set-up by which the
// customer gave it: however many plans use the card, the customer is told once.
func (t *planTx) cardUpdated(ctx context.Context, cause string) error {
	n := t.draft(billing.NoticeCardUpdated, string(billing.NoticeCardUpdated)+":"+string(t.plan.CardID)+":"+cause)
	n.Data.Following, n.Data.FollowingDue = t.following(0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.owe(ctx, n)
}
