package billing

import (
	"context"
	"errors"
	"slices"
	"time"
)

// accountKey is the context's key for the connected account that is acted for.
type accountKey struct{}

// OnAccount has every call to Stripe that is made with the context act for a connected account (acct_…), as its header
// Stripe-Account says; empty means the platform's own, whatever ctx said before. It goes with the context because whoever
// acts for a plan does nothing for another in between: a call that forgot it would look for the payment in the wrong account.
// Source: docs.stripe.com/connect/authentication.
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

// NoAccess says whether Stripe gave a connected account's data to nobody: its owner took the platform's access back, or there
// is no such account. That is about the account alone, and no reason to stop work on others. For the platform's own (empty)
// it is the key that is wrong, and NoAccess is false.
func NoAccess(err error, account string) bool {
	var ge *GatewayError
	return account != "" && errors.As(err, &ge) && ge.Kind == GatewayUnauthorized
}

// StripeCustomerIn is the Stripe customer (cus_…) that the customer is in an account, and that takes new cards there; empty where
// there is none yet. In a connected account it is known by the cards that are saved there: the newest says it.
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

// ForgetStripeCustomer has a card in a connected account, whose Stripe customer was deleted, name it no more: the next card makes a
// new one. A card of the platform's own stays as it is, where the customer says who they are at Stripe.
func ForgetStripeCustomer(ctx context.Context, tx Tx, id CardID, now time.Time) error {
	card, err := tx.Card(ctx, id)
	if err != nil || card.Account == "" || card.StripeCustomer == "" {
		return err
	}
	card.StripeCustomer, card.UpdatedAt = "", now
	return tx.UpdateCard(ctx, card)
}
