package billing

import (
	"context"
	"errors"
	"regexp"

	"tranche/internal/money"
)

// Connect holds the parameters of Stripe Connect for each payment of a plan. Amounts are minor
// units, per charge. Source: docs.stripe.com/connect/charges.
type Connect struct {
	OnBehalfOf            string `json:"on_behalf_of,omitempty"`            // acct_… whose name and country the payment is in
	ApplicationFee        int64  `json:"application_fee,omitempty"`         // kept by the platform of each charge
	ApplicationFeePercent string `json:"application_fee_percent,omitempty"` // the same as a share, such as "2.5"
	TransferDestination   string `json:"transfer_destination,omitempty"`    // acct_… that the money goes to
	TransferAmount        int64  `json:"transfer_amount,omitempty"`         // of each charge; 0 means all of it
}

var accountShape = regexp.MustCompile(`^acct_\w{1,64}$`)

// IsAccount reports whether s can be the id of a connected account (acct_…). It is sent as a
// header.
func IsAccount(s string) bool { return accountShape.MatchString(s) }

// IsZero reports whether the plan does not use Stripe Connect.
func (c Connect) IsZero() bool { return c == Connect{} }

// Fee returns the platform's application fee for a charge; 0 for none. A percentage is rounded half
// up: see Percent.Of.
func (c Connect) Fee(amount int64, currency money.Currency) int64 {
	if c.ApplicationFeePercent == "" {
		return c.ApplicationFee
	}
	share, err := money.ParsePercent(c.ApplicationFeePercent)
	if err != nil {
		return 0 // terms were checked
	}
	return share.Of(amount, currency)
}

// Problem explains why a charge of this amount can't be made with these parameters, or "".
func (c Connect) Problem(amount int64, currency money.Currency) string {
	switch {
	case c.Fee(amount, currency) >= amount && c.Fee(amount, currency) > 0:
		return "is " + money.FormatAmount(amount, currency) + ", and the application fee takes " + money.FormatAmount(c.Fee(amount, currency), currency) + " of it"
	case c.TransferAmount > amount:
		return "is " + money.FormatAmount(amount, currency) + ", and " + money.FormatAmount(c.TransferAmount, currency) + " of it is to be transferred"
	}
	return ""
}

// Connected adds the parameters of Stripe Connect for a payment that is to be created.
func (p PaymentParams) Connected(c Connect) PaymentParams {
	p.OnBehalfOf, p.TransferDestination, p.TransferAmount = c.OnBehalfOf, c.TransferDestination, c.TransferAmount
	p.ApplicationFee = c.Fee(p.Amount, p.Currency)
	return p
}

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
