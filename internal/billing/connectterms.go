package billing

import (
	"regexp"

	"tranche/internal/money"
)

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

// checkConnect checks that Stripe accepts the combination of parameters:
// docs.stripe.com/connect/destination-charges and direct-charges.
func (d drafter) checkConnect(draft Draft) {
	if d.Account != "" && !IsAccount(d.Account) {
		d.bad.add("account", "%q is not the id of a connected account (acct_…)", d.Account)
	}
	if d.Connect == nil {
		return
	}
	d.checkConnectFields(*d.Connect)
	d.checkShares(*d.Connect, draft)
}

func (d drafter) checkConnectFields(c Connect) {
	for _, f := range []struct{ field, account string }{
		{"connect.on_behalf_of", c.OnBehalfOf}, {"connect.transfer_destination", c.TransferDestination},
	} {
		if f.account != "" && !IsAccount(f.account) {
			d.bad.add(f.field, "%q is not the id of a connected account (acct_…)", f.account)
		}
	}
	if c.ApplicationFeePercent != "" {
		if _, err := money.ParsePercent(c.ApplicationFeePercent); err != nil {
			d.bad.add("connect.application_fee_percent", "%s", err)
		}
	}
	if field, problem := c.contradiction(d.Account); problem != "" {
		d.bad.add(field, "%s", problem)
	}
}

// takesFee reports whether the platform keeps a fee from each charge.
func (c Connect) takesFee() bool { return c.ApplicationFee != 0 || c.ApplicationFeePercent != "" }

// leaves reports whether the payment is made on behalf of another account, or transferred to one.
func (c Connect) leaves() bool {
	return c.TransferDestination != "" || c.TransferAmount != 0 || c.OnBehalfOf != ""
}

// contradiction returns the field with which Stripe would refuse the parameters, and the reason, or
// "". With account set, the connected account owns the payments.
func (c Connect) contradiction(account string) (field, problem string) {
	if account != "" && c.leaves() {
		return "connect", "only an application fee goes with account: the connected account owns the payment, and nothing is transferred"
	}
	switch fee := c.takesFee(); {
	case c.ApplicationFee < 0 || c.TransferAmount < 0:
		return "connect", "an amount is less than 0"
	case c.ApplicationFee != 0 && c.ApplicationFeePercent != "":
		return "connect.application_fee", "is given together with application_fee_percent; leave one of them out"
	case account+c.TransferDestination == "" && (fee || c.TransferAmount != 0):
		return "connect.transfer_destination", "is missing: an application fee and a transfer amount need a connected account"
	case fee && c.TransferAmount != 0:
		return "connect.transfer_amount", "does not go with an application fee: the amount that is not transferred stays with you"
	}
	return "", ""
}

// checkShares checks that every charge is greater than the fee and the transfer taken from it.
func (d drafter) checkShares(c Connect, draft Draft) {
	if !d.clean() {
		return
	}
	for i, charge := range draft.Charges {
		if problem := c.Problem(charge.Amount, d.Currency); problem != "" {
			d.bad.add(charge.field, "charge %d%s %s", i+1, ofAll(draft), problem)
		}
	}
	if r := draft.Recurrence; !r.IsZero() {
		if problem := c.Problem(r.Amount, d.Currency); problem != "" {
			d.bad.add("amount", "%s", problem)
		}
	}
}

// Connected adds the parameters of Stripe Connect for a payment that is to be created.
func (p PaymentParams) Connected(c Connect) PaymentParams {
	p.OnBehalfOf, p.TransferDestination, p.TransferAmount = c.OnBehalfOf, c.TransferDestination, c.TransferAmount
	p.ApplicationFee = c.Fee(p.Amount, p.Currency)
	return p
}
