package billing

import (
	"context"
	"errors"
	"slices"
)

// accountKey is the context's key for the connected account.
type accountKey struct{}

// OnAccount returns a context with which every call to Stripe acts for a connected account
// (acct_…), by the header Stripe-Account. Empty means the platform's own account, regardless of
// ctx. The account is kept in the context because work on one plan never touches another account in
// between, and a call that missed it would look for the payment in the wrong account. Source:
// docs.stripe.com/connect/authentication.
func OnAccount(ctx context.Context, account string) context.Context {
	if AccountOf(ctx) == account {
		return ctx
	}
	return context.WithValue(ctx, accountKey{}, account)
}

// AccountOf returns the connected account that the context acts for; empty for the platform's own.
func AccountOf(ctx context.Context) string {
	account, _ := ctx.Value(accountKey{}).(string)
	return account
}

// NoAccess reports whether Stripe refused access to a connected account: its owner revoked the
// platform's access, or the account does not exist. Such an error concerns one account, so work on
// other accounts continues. NoAccess is false for the platform's own account (empty), and when the
// key lacks a permission: then the key is the cause.
func NoAccess(err error, account string) bool {
	var ge *GatewayError
	return account != "" && errors.As(err, &ge) && ge.Kind == GatewayUnauthorized && ge.Permission == ""
}

// EachAccount calls do for the platform's own account and then for each connected account. Accounts
// that Stripe refuses access to are skipped and returned. Errors: the first error of do.
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

// StripeCustomerIn returns the Stripe customer (cus_…) that new cards of a customer are attached to
// in an account; empty if there is none yet. In a connected account, it is the Stripe customer of
// the newest card saved there. Errors: ErrUnavailable.
func StripeCustomerIn(ctx context.Context, r Reader, c Customer, account string) (string, error) {
	if account == "" || c.ID == "" {
		return c.StripeCustomerIn(account, nil), nil
	}
	cards, err := r.Cards(ctx, c.ID)
	return c.StripeCustomerIn(account, cards), err
}

// StripeCustomerIn does the same with the customer's cards, oldest first.
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
