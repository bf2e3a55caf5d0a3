package recovery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// SaveCard creates a SetupIntent, so that the customer can add another card without paying. The
// handler of its event makes the card the plan's card, and makes charges due that wait for a card.
// Errors: ErrGone, ErrNoConsent, ErrLocked, *billing.GatewayError, billing.ErrUnavailable.
func (d *Service) SaveCard(ctx context.Context, token string, e *Evidence) (Confirmation, error) {
	ctx, v, err := d.enter(ctx, token)
	if err != nil {
		return Confirmation{}, err
	}
	if e == nil {
		return Confirmation{}, ErrNoConsent
	}
	if !v.ChangeCard {
		return Confirmation{State: v.State}, nil
	}
	if err := d.locked(ctx, v, e.Address); err != nil {
		return Confirmation{}, err
	}
	ctx = billing.OnAccount(ctx, v.Plan.Account)
	if v.State == StateSetup {
		return d.giveFirstCard(ctx, v, e)
	}
	consent := e.consent(v, "", "", d.Now())
	si, err := d.makeSetup(ctx, v, consent.ID)
	if err != nil {
		return Confirmation{}, err
	}
	consent.Intent = si.ID
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		if err := v.noteHandout(ctx, tx, billing.CardTrySetup, si.ID, e.Address, consent.AcceptedAt); err != nil {
			return err
		}
		return tx.InsertConsent(ctx, consent)
	})
	if err != nil {
		return Confirmation{}, err
	}
	return Confirmation{State: StatePay, ClientSecret: si.ClientSecret}, nil
}

// makeSetup creates the SetupIntent of a consent. Each request has an idempotency key of its own: a
// SetupIntent takes no money, and an unused one does no harm. If Stripe does not know the customer,
// the SetupIntent is created without a customer.
func (d *Service) makeSetup(ctx context.Context, v Page, consent billing.ConsentID) (billing.SetupIntent, error) {
	create := func(key, customer string) (billing.SetupIntent, error) {
		return d.Gateway.CreateSetupIntent(ctx, key, billing.SetupParams{
			Customer: customer, Description: v.Plan.Reference,
			Metadata: map[string]string{billing.MetaCustomer: v.Customer.Reference, billing.MetaPlan: string(v.Plan.ID)},
		})
	}
	si, err := create("setup-"+string(consent), v.StripeCustomer)
	left, failed := d.unknown().LeaveRefused(ctx, v.named(v.StripeCustomer), err)
	if failed != nil {
		return si, failed
	}
	if left {
		return create("setup-"+string(consent)+"-new", "")
	}
	return si, err
}

// giveFirstCard hands out the plan's own SetupIntent, which saves the card that the plan waits for.
// The handler of its event activates the plan. The plan is checked again under its lock: a plan
// that was canceled meanwhile accepts no card.
func (d *Service) giveFirstCard(ctx context.Context, v Page, e *Evidence) (Confirmation, error) {
	si, err := d.Gateway.SetupIntent(ctx, v.Plan.SetupIntent)
	if err != nil {
		return Confirmation{}, err
	}
	if si.Status == billing.IntentSucceeded || si.Status == billing.IntentProcessing || si.Status == billing.IntentCanceled {
		return Confirmation{State: StateProcessing}, nil // the handler of its event does the rest
	}
	out, consent := Confirmation{}, e.consent(v, v.Charge.ID, si.ID, d.Now())
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		out = Confirmation{State: StateProcessing}
		plan, err := tx.LockPlan(ctx, v.Plan.ID)
		if err != nil || plan.Status != billing.PlanAwaitingFirstPayment || plan.SetupIntent != si.ID {
			return err
		}
		if err := v.noteHandout(ctx, tx, billing.CardTrySetup, si.ID, e.Address, consent.AcceptedAt); err != nil {
			return err
		}
		out = Confirmation{State: StateSetup, ClientSecret: si.ClientSecret}
		return tx.InsertConsent(ctx, consent)
	})
	if err != nil {
		return Confirmation{}, err
	}
	return out, nil
}

// RemoveCard removes the saved card: it is no longer charged for any of the customer's plans, and
// is detached from the customer at Stripe. An attempt that is in flight is not stopped. It returns
// the card, even with an error from Stripe: the card is not charged any more, and a worker asks
// Stripe again to detach it. Errors: ErrGone, ErrNotYours if there is no card,
// *billing.GatewayError, billing.ErrUnavailable.
func (d *Service) RemoveCard(ctx context.Context, token string) (billing.Card, error) {
	ctx, v, err := d.enter(ctx, token)
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

// withdraw marks the card as revoked under the locks of all plans that charge it: a worker's last
// check comes before or after, not in between.
func (d *Service) withdraw(ctx context.Context, v Page) error {
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
				At: now, Action: "card.removed", PlanID: id, CustomerID: v.Customer.ID,
				Message: fmt.Sprintf("the customer removed the %s on the recovery page", v.Card.Label()),
				Next:    "it is not charged any more; the next charge asks the customer for a card",
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

// plansWith lists the customer's plans that charge a card, in lock order.
func plansWith(ctx context.Context, tx billing.Tx, card billing.Card) ([]billing.PlanID, error) {
	var ids []billing.PlanID
	for p, err := range billing.EachPlan(ctx, tx, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return nil, err
		}
		if p.CardID == card.ID {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
