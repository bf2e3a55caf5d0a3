package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// Erasure is the result of removing a customer's personal data.
type Erasure struct {
	Customer billing.Customer
	Erased   billing.Erased
	Message  string
}

// ErasePersonalData removes a customer's personal data for good and keeps the ledger:
// docs/erasure.md lists both. Errors: *RefusedError while a plan may still collect, a card may
// still be charged, or an attempt or refund is in flight at Stripe; billing.ErrNotFound,
// billing.ErrUnavailable.
func (o *Operator) ErasePersonalData(ctx context.Context, id billing.CustomerID) (Erasure, error) {
	var done Erasure
	err := o.update(ctx, func(tx billing.Tx, now time.Time) error {
		e, err := erasure(ctx, tx, id, now)
		if err != nil {
			return err
		}
		done.Customer = e.Customer
		if done.Erased, err = tx.EraseCustomer(ctx, e); err != nil {
			return err
		}
		done.Message = fmt.Sprintf("the personal data of customer %s is removed, with that in %d plans, %d notices and %d events; the ledger stays",
			id, done.Erased.Plans, done.Erased.Notices, done.Erased.Events)
		return tx.InsertAudit(ctx, billing.AuditEntry{At: now, Action: "customer.erased", CustomerID: id, Message: done.Message})
	})
	return done, err
}

// erasure collects what is to be removed, and refuses if something forbids it.
func erasure(ctx context.Context, tx billing.Tx, id billing.CustomerID, now time.Time) (billing.Erasure, error) {
	c, err := tx.Customer(ctx, id)
	if err != nil {
		return billing.Erasure{}, err
	}
	refused := func(why string, args ...any) error {
		return &RefusedError{What: "customer " + string(id) + " is not erased", Why: fmt.Sprintf(why, args...)}
	}
	if !c.ErasedAt.IsZero() {
		return billing.Erasure{}, refused("it was erased on %s", c.ErasedAt.Format(time.DateOnly))
	}
	e := billing.Erasure{Customer: c.Erase(now), Words: c.Words(), At: now}
	e.AddObject(c.StripeCustomer)
	if err := eraseCards(ctx, tx, &e, refused); err != nil {
		return e, err
	}
	for p, err := range billing.EachPlan(ctx, tx, billing.PlanFilter{Customer: id}) {
		if err == nil {
			err = erasePlan(ctx, tx, &e, p.ID, refused)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// eraseCards adds the customer's cards, and refuses if one may still be charged: it would stay
// saved at Stripe.
func eraseCards(ctx context.Context, tx billing.Tx, e *billing.Erasure, refused func(string, ...any) error) error {
	cards, err := tx.Cards(ctx, e.Customer.ID)
	if err != nil {
		return err
	}
	for _, card := range cards {
		if card.Status == billing.CardActive {
			return refused("the %s card ending %s can still be charged: remove it first (tranche card remove %s)", card.Brand, card.Last4, card.ID)
		}
		e.AddObject(card.PaymentMethod)
		e.AddObject(card.StripeCustomer)
	}
	return nil
}

// erasePlan adds a plan that has ended, and the Stripe objects of its charges.
func erasePlan(ctx context.Context, tx billing.Tx, e *billing.Erasure, id billing.PlanID, refused func(string, ...any) error) error {
	p, err := tx.LockPlan(ctx, id)
	if err != nil {
		return err
	}
	if p.Status != billing.PlanCompleted && p.Status != billing.PlanCanceled && p.Status != billing.PlanDefaulted {
		return refused("plan %s is %s: cancel it first", p.Reference, p.Status)
	}
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return err
	}
	ids := make([]billing.ChargeID, len(charges))
	for i, ch := range charges {
		ids[i] = ch.ID
		if ch.Status == billing.ChargeCollecting || !ch.NextAttemptAt.IsZero() {
			return refused("charge %d of plan %s is under way at Stripe: try again in a minute", ch.Sequence, p.Reference)
		}
		e.AddPayment(ch.PaymentIntent)
	}
	attempts, err := tx.Attempts(ctx, ids...)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		if a.Outcome.Open() {
			return refused("an attempt at a charge of plan %s is under way: try again in a minute", p.Reference)
		}
		e.AddPayment(a.PaymentIntent)
		e.AddObject(a.StripeCharge)
	}
	e.AddObject(p.SetupIntent)
	erased, err := terms.ErasePlan(p, e.Customer, e.Words)
	e.Plans = append(e.Plans, erased)
	return err
}
