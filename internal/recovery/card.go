package recovery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// SaveCard makes a SetupIntent, by which the customer gives another card without paying. Its event
// makes the card the one that is charged, and has what waits for a card tried again. Errors:
// ErrGone, ErrNoConsent, ErrLocked, *billing.GatewayError, billing.ErrUnavailable.
func (d *Desk) SaveCard(ctx context.Context, token string, e *Evidence) (Handover, error) {
	ctx, v, err := d.enter(ctx, token)
	if err != nil {
		return Handover{}, err
	}
	if e == nil {
		return Handover{}, ErrNoConsent
	}
	if !v.ChangeCard {
		return Handover{Branch: v.Branch}, nil
	}
	if err := d.locked(ctx, v, e.Address); err != nil {
		return Handover{}, err
	}
	ctx = billing.OnAccount(ctx, v.Plan.Account)
	if v.Branch == BranchSetup {
		return d.giveFirstCard(ctx, v, e)
	}
	consent := e.consent(v, "", "", d.Now())
	si, err := d.makeSetup(ctx, v, consent.ID)
	if err != nil {
		return Handover{}, err
	}
	consent.Intent = si.ID
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		if err := v.noteHandout(ctx, tx, billing.CardTrySetup, si.ID, e.Address, consent.AcceptedAt); err != nil {
			return err
		}
		return tx.InsertConsent(ctx, consent)
	})
	if err != nil {
		return Handover{}, err
	}
	return Handover{Branch: BranchPay, ClientSecret: si.ClientSecret}, nil
}

// makeSetup makes the SetupIntent of a consent. The key is this request's own: a SetupIntent takes
// no money, and an unused SetupIntent does no harm. Where Stripe does not know the customer, it is
// made without one.
func (d *Desk) makeSetup(ctx context.Context, v Visit, consent billing.ConsentID) (billing.SetupIntent, error) {
	create := func(key, customer string) (billing.SetupIntent, error) {
		return d.Gateway.CreateSetupIntent(ctx, key, billing.SetupParams{
			Customer: customer, Description: v.Plan.Reference,
			Metadata: map[string]string{billing.MetaCustomer: v.Customer.Reference, billing.MetaPlan: string(v.Plan.ID)},
		})
	}
	si, err := create("setup-"+string(consent), v.StripeCustomer)
	left, failed := d.leaveUnknown(ctx, v, v.StripeCustomer, err)
	if failed != nil {
		return si, failed
	}
	if left {
		return create("setup-"+string(consent)+"-new", "")
	}
	return si, err
}

// giveFirstCard hands out the plan's own SetupIntent, by which the plan gets the card that it waits
// for. Its event activates the plan. The plan is looked at again under its lock: a plan that was
// canceled meanwhile takes no card.
func (d *Desk) giveFirstCard(ctx context.Context, v Visit, e *Evidence) (Handover, error) {
	si, err := d.Gateway.SetupIntent(ctx, v.Plan.SetupIntent)
	if err != nil {
		return Handover{}, err
	}
	if si.Status == billing.IntentSucceeded || si.Status == billing.IntentProcessing || si.Status == billing.IntentCanceled {
		return Handover{Branch: BranchProcessing}, nil // its event says what follows
	}
	out, consent := Handover{}, e.consent(v, v.Charge.ID, si.ID, d.Now())
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		out = Handover{Branch: BranchProcessing}
		plan, err := tx.LockPlan(ctx, v.Plan.ID)
		if err != nil || plan.Status != billing.PlanAwaitingFirstPayment || plan.SetupIntent != si.ID {
			return err
		}
		if err := v.noteHandout(ctx, tx, billing.CardTrySetup, si.ID, e.Address, consent.AcceptedAt); err != nil {
			return err
		}
		out = Handover{Branch: BranchSetup, ClientSecret: si.ClientSecret}
		return tx.InsertConsent(ctx, consent)
	})
	if err != nil {
		return Handover{}, err
	}
	return out, nil
}

// RemoveCard takes the saved card back: from now on it is not charged for this plan or another of
// the customer's, and it is removed from the customer at Stripe. A charge that is under way is not
// stopped by it. It returns the card; an error after the card was withdrawn here comes with it: it
// is not charged any more, and Stripe is asked again to detach it. Errors: ErrGone, ErrNotYours
// when there is no card, *billing.GatewayError, billing.ErrUnavailable.
func (d *Desk) RemoveCard(ctx context.Context, token string) (billing.Card, error) {
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

// withdraw marks the card under the lock of every plan that it is charged for: a worker's last look
// comes before or after.
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
				At: now, Action: "card.removed", PlanID: id, CustomerID: v.Customer.ID,
				Message: fmt.Sprintf("the customer removed the %s on the recovery page", v.Card.Label()),
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

// plansWith lists the customer's plans that charge a card, in the order in which everybody locks
// them.
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
