package recovery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// SaveCard makes a SetupIntent, by which the customer gives another card without paying. Its event makes the card the one
// that is charged, and has what waits for a card tried again. Errors: ErrGone, ErrNoConsent, *billing.GatewayError,
// billing.ErrUnavailable.
func (d *Desk) SaveCard(ctx context.Context, token string, e *Evidence) (Handover, error) {
	v, err := d.Visit(ctx, token)
	if err != nil {
		return Handover{}, err
	}
	if e == nil {
		return Handover{}, ErrNoConsent
	}
	if !v.ChangeCard {
		return Handover{Branch: v.Branch}, nil
	}
	ctx = billing.OnAccount(ctx, v.Plan.Account)
	consent := e.consent(v, "", "", d.Now())
	// The key is this request's own: a SetupIntent takes no money, and one that nobody uses does no harm.
	si, err := d.Gateway.CreateSetupIntent(ctx, "setup-"+string(consent.ID), billing.SetupParams{
		Customer: v.StripeCustomer, Description: v.Plan.Reference,
		Metadata: map[string]string{billing.MetaCustomer: v.Customer.Reference, billing.MetaPlan: string(v.Plan.ID)},
	})
	if err != nil {
		return Handover{}, err
	}
	consent.Intent = si.ID
	if err := d.Store.Update(ctx, func(tx billing.Tx) error { return tx.InsertConsent(ctx, consent) }); err != nil {
		return Handover{}, err
	}
	return Handover{Branch: BranchPay, ClientSecret: si.ClientSecret}, nil
}

// RemoveCard takes the saved card back: from now on it is not charged for this plan or another of the customer's, and it is
// removed from the customer at Stripe. A charge that is under way is not stopped by it. It returns the card; an error after
// the card was withdrawn here comes with it: it is not charged any more, and Stripe is asked again to detach it.
// Errors: ErrGone, ErrNotYours when there is no card, *billing.GatewayError, billing.ErrUnavailable.
func (d *Desk) RemoveCard(ctx context.Context, token string) (billing.Card, error) {
	v, err := d.Visit(ctx, token)
	if err != nil {
		return billing.Card{}, err
	}
	if v.Card == nil {
		return billing.Card{}, fmt.Errorf("no saved card: %w", ErrNotYours)
	}
	if err := d.withdraw(ctx, v); err != nil {
		return billing.Card{}, err
	}
	return *v.Card, d.Gateway.DetachPaymentMethod(billing.OnAccount(ctx, v.Card.Account), "detach-"+v.Card.PaymentMethod, v.Card.PaymentMethod)
}

// withdraw marks the card under the lock of every plan that it is charged for: a worker's last look comes before or after.
func (d *Desk) withdraw(ctx context.Context, v Visit) error {
	now := d.Now().Truncate(time.Millisecond)
	return d.Store.Update(ctx, func(tx billing.Tx) error {
		plans, err := plansWith(ctx, tx, *v.Card)
		if err != nil {
			return err
		}
		entries := make([]billing.AuditEntry, 0, len(plans))
		for _, id := range plans {
			if _, err := tx.LockPlan(ctx, id); err != nil {
				return err
			}
			entries = append(entries, billing.AuditEntry{
				At: now, Actor: billing.ActorCustomer, Action: "card.removed", PlanID: id, CustomerID: v.Customer.ID,
				Message: fmt.Sprintf("the customer removed the %s card ending %s on the recovery page", v.Card.Brand, v.Card.Last4),
				Next:    "it is not charged any more; what falls due asks the customer for a card",
			})
		}
		card, err := tx.Card(ctx, v.Card.ID)
		if err != nil {
			return err
		}
		if card.Status != billing.CardActive {
			return nil
		}
		card.Status, card.UpdatedAt, card.RemovedAt, card.DetachAt = billing.CardRevoked, now, now, now
		if err := tx.UpdateCard(ctx, card); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, entries...)
	})
}

// plansWith lists the customer's plans that charge a card, in the order in which everybody locks them.
func plansWith(ctx context.Context, tx billing.Tx, card billing.Card) ([]billing.PlanID, error) {
	plans, err := tx.Plans(ctx, billing.PlanFilter{Customer: card.CustomerID})
	if err != nil {
		return nil, err
	}
	var ids []billing.PlanID
	for _, p := range plans {
		if p.CardID == card.ID {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
