package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrElsewhere means that Stripe has neither the customer nor the customer's card: the key may
// belong to another account. Nothing is changed.
var ErrElsewhere = fmt.Errorf("the key's Stripe account has neither the customer nor the card: it may be another account: %w", ErrUnavailable)

// UnknownCustomer is the rule for a stored Stripe customer that does not exist at Stripe: an import
// named a wrong one, or it was deleted and no event arrived. The id is removed from the customer,
// and the next card creates a new Stripe customer.
type UnknownCustomer struct {
	Store   Store
	Gateway Gateway
	Now     func() time.Time
	// OwnAccount asks Stripe again which account the key belongs to, and reports whether it is the
	// database's account. nil means that this is not known.
	OwnAccount func(ctx context.Context) bool
}

// NamedCustomer is a customer with the Stripe customer that the database or a request names for it.
type NamedCustomer struct {
	Customer       CustomerID
	StripeCustomer string // cus_…; may be empty
	Account        string // acct_…; empty for the platform's own
	Plan           PlanID // the plan at hand; may be empty
}

// LeaveRefused calls Leave if a call to Stripe that names the Stripe customer failed with refusal
// because an object is missing. Otherwise it makes no call and returns false.
func (u UnknownCustomer) LeaveRefused(ctx context.Context, n NamedCustomer, refusal error) (bool, error) {
	if n.StripeCustomer == "" || !errors.Is(refusal, ErrNotFound) {
		return false, nil
	}
	return u.Leave(ctx, n)
}

// Leave removes the Stripe customer from the customer if Stripe does not have it, and reports
// whether that is so. Errors: ErrElsewhere, *GatewayError, ErrUnavailable.
func (u UnknownCustomer) Leave(ctx context.Context, n NamedCustomer) (bool, error) {
	ctx = OnAccount(ctx, n.Account)
	if exists, err := u.Gateway.CustomerExists(ctx, n.StripeCustomer); err != nil || exists {
		return false, err
	}
	if err := u.cardIsHere(ctx, n); err != nil {
		return false, err
	}
	now := u.Now().Truncate(time.Millisecond)
	return true, u.Store.Update(ctx, func(tx Tx) error { return n.leave(ctx, tx, now) })
}

// leave removes the Stripe customer and adds the audit entry, once.
func (n NamedCustomer) leave(ctx context.Context, tx Tx, now time.Time) error {
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
	open := func(c Card) bool { return n.has(c) && c.Status != CardDetached }
	if customer.StripeCustomerIn(n.Account, cards) != n.StripeCustomer && !slices.ContainsFunc(cards, open) {
		return nil
	}
	if err := LeaveStripeCustomer(ctx, tx, customer, n.Account, n.StripeCustomer, now); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, AuditEntry{
		At: now, Actor: ActorStripe, Action: "customer.stripe_customer_gone", PlanID: n.Plan, CustomerID: customer.ID,
		Message: "Stripe has no customer " + n.StripeCustomer, Next: "the next card creates a new one",
	})
}

// has reports whether a card is attached to the Stripe customer.
func (n NamedCustomer) has(c Card) bool {
	return c.StripeCustomer == n.StripeCustomer && c.Account == n.Account
}

// cardIsHere returns ErrElsewhere if Stripe does not have the missing customer's cards either. The
// PaymentMethods of a deleted customer can still be fetched, so the key may belong to another
// account, unless Stripe confirms the account.
func (u UnknownCustomer) cardIsHere(ctx context.Context, n NamedCustomer) error {
	cards, err := u.Store.Cards(ctx, n.Customer)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(cards, n.has)
	if i < 0 {
		return nil
	}
	_, err = u.Gateway.PaymentMethod(ctx, cards[i].PaymentMethod)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if u.OwnAccount == nil || !u.OwnAccount(ctx) {
		return ErrElsewhere
	}
	return nil
}
