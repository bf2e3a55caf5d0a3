package planning

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/stripecustomer"
	"tranche/internal/terms"
)

// stripeCustomer returns the customer's Stripe customer in the plan's account: the one that the
// merchant names, or the stored one. gone is the stored one, if the merchant names another and
// Stripe does not have the stored one. Errors: *billing.InvalidError if the named one does not
// exist, or if the customer has another one.
func (p *Planner) stripeCustomer(ctx context.Context, t terms.Terms, c billing.Customer) (found, gone string, err error) {
	known, err := billing.StripeCustomerIn(ctx, p.Store, c, t.Account)
	named := t.Customer.StripeCustomer
	if err != nil || named == "" || named == known {
		return known, "", err
	}
	if known != "" {
		there, err := p.exists(ctx, known)
		if err != nil {
			return "", "", err
		}
		if there {
			return "", "", badStripeCustomer("is %s, but the customer is %s at Stripe", named, known)
		}
	}
	there, err := p.exists(ctx, named)
	if err == nil && !there {
		err = noStripeCustomer(named)
	}
	return named, known, err
}

// stripeCustomerOf returns the Stripe customer that the stored plan's card is attached to. In a
// connected account, a Stripe customer that the merchant named is found only in the terms until its
// first card is saved.
func stripeCustomerOf(ctx context.Context, r billing.Reader, plan billing.Plan, t terms.Terms) (string, error) {
	customer, err := r.Customer(ctx, plan.CustomerID)
	if err != nil {
		return "", err
	}
	known, err := billing.StripeCustomerIn(ctx, r, customer, plan.Account)
	if err != nil || known != "" || plan.Account == "" {
		return known, err
	}
	return t.Customer.StripeCustomer, nil
}

// leaveUnknown removes the Stripe customer that a refused call named from the plan's customer, if
// Stripe does not have it, and reports whether the call can be repeated without it. The error is
// the reason why it can't, or the refusal. For a new plan whose terms name the Stripe customer, the
// terms are at fault.
func (p *Planner) leaveUnknown(ctx context.Context, plan billing.Plan, t terms.Terms, named string, isNew bool, refusal error) (bool, error) {
	at := stripecustomer.Named{Customer: plan.CustomerID, StripeCustomer: named, Account: plan.Account}
	left, err := p.unknown().LeaveRefused(ctx, at, refusal)
	if err != nil {
		return false, err
	}
	if left && isNew && t.Customer.StripeCustomer == named {
		return false, noStripeCustomer(named)
	}
	return left, refusal
}

// unknown is the rule for Stripe customers that Stripe does not have.
func (p *Planner) unknown() stripecustomer.Unknown {
	return stripecustomer.Unknown{Store: p.Store, Gateway: p.Gateway, Now: p.Now, OwnAccount: p.OwnAccount}
}

func (p *Planner) exists(ctx context.Context, stripeCustomer string) (bool, error) {
	exists, err := p.Gateway.CustomerExists(ctx, stripeCustomer)
	if err != nil {
		return false, fmt.Errorf("look for Stripe customer %s: %w", stripeCustomer, err)
	}
	return exists, nil
}

// noStripeCustomer returns the fault of terms that name a Stripe customer that does not exist.
func noStripeCustomer(named string) error {
	return badStripeCustomer("Stripe has no customer %s", named)
}

func badStripeCustomer(format string, args ...any) error {
	return &billing.InvalidError{Fields: []billing.FieldError{{Field: "customer.stripe_customer", Message: fmt.Sprintf(format, args...)}}}
}
