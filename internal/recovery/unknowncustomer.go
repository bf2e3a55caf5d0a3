package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// errElsewhere means that Stripe has neither the customer nor the customer's card: the key may
// belong to another account. Nothing is changed.
var errElsewhere = fmt.Errorf("the key's Stripe account has neither the customer nor the card: it may be another account: %w", billing.ErrUnavailable)

// leaveUnknown removes the Stripe customer that Stripe reported as missing from our customer: an
// import named one that never existed, or it was deleted and no event arrived. It returns false if
// Stripe has that customer, or if none was named. Errors: errElsewhere, *billing.GatewayError,
// billing.ErrUnavailable.
func (d *Desk) leaveUnknown(ctx context.Context, v Visit, named string, refusal error) (bool, error) {
	if named == "" || !errors.Is(refusal, billing.ErrNotFound) {
		return false, nil
	}
	if exists, err := d.Gateway.CustomerExists(ctx, named); err != nil || exists {
		return false, err
	}
	if err := d.cardIsHere(ctx, v, named); err != nil {
		return false, err
	}
	now := d.Now().Truncate(time.Millisecond)
	return true, d.Store.Update(ctx, func(tx billing.Tx) error {
		if _, err := tx.LockPlan(ctx, v.Plan.ID); err != nil {
			return err
		}
		customer, err := tx.Customer(ctx, v.Customer.ID)
		if err != nil {
			return err
		}
		if err := billing.LeaveStripeCustomer(ctx, tx, customer, v.Plan.Account, named, now); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Action: "customer.updated", PlanID: v.Plan.ID, CustomerID: customer.ID,
			Message: "Stripe has no customer " + named, Next: "the next card makes a new one",
		})
	})
}

// cardIsHere returns errElsewhere if Stripe has none of the missing customer's cards either. A
// deleted customer's PaymentMethods can still be fetched, so the key may belong to another account,
// unless Stripe confirms the account.
func (d *Desk) cardIsHere(ctx context.Context, v Visit, named string) error {
	cards, err := d.Store.Cards(ctx, v.Customer.ID)
	if err != nil {
		return err
	}
	for _, c := range cards {
		if c.StripeCustomer != named || c.Account != v.Plan.Account {
			continue
		}
		_, err := d.Gateway.PaymentMethod(ctx, c.PaymentMethod)
		if errors.Is(err, billing.ErrNotFound) && (d.OwnAccount == nil || !d.OwnAccount(ctx)) {
			return errElsewhere
		}
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			return err
		}
		return nil
	}
	return nil
}
