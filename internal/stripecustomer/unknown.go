package stripecustomer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// ErrElsewhere means that Stripe has neither the customer nor the customer's card: the key may
// belong to another account. Nothing is changed.
var ErrElsewhere = fmt.Errorf("the key's Stripe account has neither the customer nor the card: it may be another account: %w", billing.ErrUnavailable)

// Unknown is the rule for a stored Stripe customer that does not exist at Stripe: an import
// named a wrong one, or it was deleted and no event arrived. The id is removed from the customer,
// and the next card creates a new Stripe customer.
type Unknown struct {
	Store   billing.Store
	Gateway billing.Gateway
	Now     func() time.Time
	// OwnAccount asks Stripe again which account the key belongs to, and reports whether it is the
	// database's account. nil means that this is not known.
	OwnAccount func(ctx context.Context) bool
}

// Named is a customer with the Stripe customer that the database or a request names for it.
type Named struct {
	Customer       billing.CustomerID
	StripeCustomer string         // cus_…; may be empty
	Account        string         // acct_…; empty for the platform's own
	Plan           billing.PlanID // the plan at hand; may be empty
}

// LeaveRefused calls Leave if a call to Stripe that names the Stripe customer failed with refusal
// because an object is missing. Otherwise it makes no call and returns false.
func (u Unknown) LeaveRefused(ctx context.Context, n Named, refusal error) (bool, error) {
	if n.StripeCustomer == "" || !errors.Is(refusal, billing.ErrNotFound) {
		return false, nil
	}
	return u.Leave(ctx, n)
}

// Leave removes the Stripe customer from the customer if Stripe does not have it, and reports
// whether that is so. Errors: ErrElsewhere, *GatewayError, ErrUnavailable.
func (u Unknown) Leave(ctx context.Context, n Named) (bool, error) {
	ctx = billing.OnAccount(ctx, n.Account)
	if exists, err := u.Gateway.CustomerExists(ctx, n.StripeCustomer); err != nil || exists {
		return false, err
	}
	if err := u.cardIsHere(ctx, n); err != nil {
		return false, err
	}
	now := u.Now().Truncate(time.Millisecond)
	return true, u.Store.Update(ctx, func(tx billing.Tx) error { return n.leave(ctx, tx, now) })
}

// leave removes the Stripe customer and adds the audit entry, once.
func (n Named) leave(ctx context.Context, tx billing.Tx, now time.Time) error {
	if n.Plan != "" {
		if _, err := tx.LockPlan(ctx, n.Plan); err != nil {
			return err
		}
	}
	customer, err := tx.Customer(ctx, n.Customer)
	if err != nil {
		return err
	}
	cards, err := tx.Cards(ctx, n.Customer)
	if err != nil {
		return err
	}
	open := func(c billing.Card) bool { return n.has(c) && c.Status != billing.CardDetached }
	if customer.StripeCustomerIn(n.Account, cards) != n.StripeCustomer && !slices.ContainsFunc(cards, open) {
		return nil
	}
	if err := Leave(ctx, tx, customer, n.Account, n.StripeCustomer, now); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "customer.stripe_customer_gone", PlanID: n.Plan, CustomerID: customer.ID,
		Message: "Stripe has no customer " + n.StripeCustomer, Next: "the next card creates a new one",
	})
}

// has reports whether a card is attached to the Stripe customer.
func (n Named) has(c billing.Card) bool {
	return c.StripeCustomer == n.StripeCustomer && c.Account == n.Account
}

// cardIsHere returns ErrElsewhere if Stripe does not have the missing customer's cards either. The
// PaymentMethods of a deleted customer can still be fetched, so the key may belong to another
// account, unless Stripe confirms the account.
func (u Unknown) cardIsHere(ctx context.Context, n Named) error {
	cards, err := u.Store.Cards(ctx, n.Customer)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(cards, n.has)
	if i < 0 {
		return nil
	}
	_, err = u.Gateway.PaymentMethod(ctx, cards[i].PaymentMethod)
	if !errors.Is(err, billing.ErrNotFound) {
		return err
	}
	if u.OwnAccount == nil || !u.OwnAccount(ctx) {
		return ErrElsewhere
	}
	return nil
}
