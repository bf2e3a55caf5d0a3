package billing

import (
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
