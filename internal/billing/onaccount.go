package billing

import (
	"context"
	"errors"
	"slices"
)

// accountKey is the context's key for the connected account that is acted for.
type accountKey struct{}

// OnAccount has every call to Stripe that is made with the context act for a connected account
// (acct_…), as its header Stripe-Account says; empty means the platform's own, whatever ctx said
// before. It goes with the context because whoever acts for a plan does nothing for another in
// between: a call that forgot it would look for the payment in the wrong account. Source:
// docs.stripe.com/connect/authentication.
func OnAccount(ctx context.Context, account string) context.Context {
	if AccountOf(ctx) == account {
		return ctx
	}
	return context.WithValue(ctx, accountKey{}, account)
}

// AccountOf is the connected account that the context acts for; empty for the platform's own.
func AccountOf(ctx context.Context) string {
	account, _ := ctx.Value(accountKey{}).(string)
	return account
}

// NoAccess says whether Stripe gave a connected account's data to nobody: its owner took the
// platform's access back, or there is no such account. That is about the account alone, and no
// reason to stop work on others. For the platform's own (empty), and where a permission is missing,
// it is the key that is wrong, and NoAccess is false.
func NoAccess(err error, account string) bool {
	var ge *GatewayError
	return account != "" && errors.As(err, &ge) && ge.Kind == GatewayUnauthorized && ge.Permission == ""
}

// EachAccount does something in the platform's own account and then in each connected one. Those
// that Stripe gives no access to are passed over and returned. Errors: the first of do's own.
func EachAccount(ctx context.Context, connected []string, do func(ctx context.Context) error) (refused []string, err error) {
	for _, account := range append([]string{""}, connected...) {
		err := do(OnAccount(ctx, account))
		if NoAccess(err, account) {
			refused = append(refused, account)
			continue
		}
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// StripeCustomerIn is the Stripe customer (cus_…) that a customer is in an account, and that takes
// new cards there; empty where there is none yet. In a connected account it is known by the cards
// that are saved there: the newest says it. Errors: ErrUnavailable.
func StripeCustomerIn(ctx context.Context, r Reader, c Customer, account string) (string, error) {
	if account == "" || c.ID == "" {
		return c.StripeCustomerIn(account, nil), nil
	}
	cards, err := r.Cards(ctx, c.ID)
	return c.StripeCustomerIn(account, cards), err
}

// StripeCustomerIn is the same, where the customer's cards are at hand, oldest first.
func (c Customer) StripeCustomerIn(account string, cards []Card) string {
	if account == "" {
		return c.StripeCustomer
	}
	for _, card := range slices.Backward(cards) { // oldest first
		if card.CustomerID == c.ID && card.Account == account && card.StripeCustomer != "" {
			return card.StripeCustomer
		}
	}
	return ""
}
