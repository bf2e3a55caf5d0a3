package stripeevents

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// fraudWarned is the reason for pausing a plan after a warning.
const fraudWarned = "the card's issuer warned of fraud"

// handleFraudWarning handles an early fraud warning: the issuer suspects that the cardholder did
// not agree to a payment, which usually ends in a dispute. It pauses the plan and the customer's
// other plans that charge the card, so that no further payment is affected. Whether the payment is
// refunded is the merchant's decision. Each plan is paused in its own transaction: if only some
// were written, the event is handled again and pauses the rest. Stripe often sends the warning
// within a second of the payment, so the payment is recorded first. Source:
// docs.stripe.com/disputes/measuring, "Early fraud warnings".
func (h *Handler) handleFraudWarning(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	if about.payment == "" {
		return ignored("it names no PaymentIntent"), nil
	}
	return h.followPayment(ctx, e, about.payment, func(ctx context.Context, f found) error {
		row := f.charge
		others, err := onSameCard(ctx, h.Store, row, f.payment.PaymentMethod)
		if err != nil {
			return err
		}
		for _, other := range others {
			if err := h.Do(ctx, other, func(t *planwork.Tx) error { t.Pause(fraudWarned + " about a payment of another plan"); return nil }); err != nil {
				return err
			}
		}
		return h.Do(ctx, row.PlanID, func(t *planwork.Tx) error { return fraudWarning(t, e, row.ID) })
	})
}

// fraudWarning records the warning for the charge and pauses the plan.
func fraudWarning(t *planwork.Tx, e billing.Event, id billing.ChargeID) error {
	c, err := t.Charge(id)
	if err != nil {
		return err
	}
	t.AuditBy(c, billing.ActorStripe, "charge.fraud_warned", fmt.Sprintf("charge %d of %s: %s (%s)", c.Sequence,
		money.FormatAmount(c.Amount, c.Currency), fraudWarned, e.ObjectID), "refund it before it is disputed, or resume the plan")
	t.Pause(fraudWarned)
	return nil
}

// onSameCard lists the customer's other plans, in the event's account, that charge the card that
// paid or the card of the charge's plan. Cards with the same number count as the same card.
func onSameCard(ctx context.Context, store billing.Store, row billing.Charge, paidWith string) ([]billing.PlanID, error) {
	plan, err := store.Plan(ctx, row.PlanID)
	if err != nil {
		return nil, err
	}
	cards, err := store.Cards(ctx, row.CustomerID)
	if err != nil {
		return nil, err
	}
	same := sameNumbers(cards, func(c billing.Card) bool { return c.ID == plan.CardID || c.PaymentMethod == paidWith })
	var ids []billing.PlanID
	for p, err := range billing.EachPlan(ctx, store, billing.PlanFilter{Customer: row.CustomerID}) {
		if err != nil {
			return nil, err
		}
		if p.ID != plan.ID && p.Account == plan.Account && same[p.CardID] && p.Status.Collects() {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// sameNumbers returns the selected cards and all cards with the number of a selected card.
func sameNumbers(cards []billing.Card, selected func(billing.Card) bool) map[billing.CardID]bool {
	numbers := map[string]bool{}
	for _, c := range cards {
		if selected(c) && c.Fingerprint != "" {
			numbers[c.Fingerprint] = true
		}
	}
	same := map[billing.CardID]bool{}
	for _, c := range cards {
		same[c.ID] = selected(c) || numbers[c.Fingerprint]
	}
	return same
}
