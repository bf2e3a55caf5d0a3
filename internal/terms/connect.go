package terms

import (
	"tranche/internal/billing"
	"tranche/internal/money"
)

// checkConnect checks that Stripe accepts the combination of parameters:
// docs.stripe.com/connect/destination-charges and direct-charges.
func (d drafter) checkConnect(draft Draft) {
	if d.Account != "" && !billing.IsAccount(d.Account) {
		d.bad.Add("account", "%q is not the id of a connected account (acct_…)", d.Account)
	}
	if d.Connect == nil {
		return
	}
	d.checkConnectFields(*d.Connect)
	d.checkShares(*d.Connect, draft)
}

func (d drafter) checkConnectFields(c billing.Connect) {
	for _, f := range []struct{ field, account string }{
		{"connect.on_behalf_of", c.OnBehalfOf}, {"connect.transfer_destination", c.TransferDestination},
	} {
		if f.account != "" && !billing.IsAccount(f.account) {
			d.bad.Add(f.field, "%q is not the id of a connected account (acct_…)", f.account)
		}
	}
	if c.ApplicationFeePercent != "" {
		if _, err := money.ParsePercent(c.ApplicationFeePercent); err != nil {
			d.bad.Add("connect.application_fee_percent", "%s", err)
		}
	}
	if field, problem := contradiction(c, d.Account); problem != "" {
		d.bad.Add(field, "%s", problem)
	}
}

// takesFee reports whether the platform keeps a fee from each charge.
func takesFee(c billing.Connect) bool { return c.ApplicationFee != 0 || c.ApplicationFeePercent != "" }

// leaves reports whether the payment is made on behalf of another account, or transferred to one.
func leaves(c billing.Connect) bool {
	return c.TransferDestination != "" || c.TransferAmount != 0 || c.OnBehalfOf != ""
}

// contradiction returns the field with which Stripe would refuse the parameters, and the reason, or
// "". With account set, the connected account owns the payments.
func contradiction(c billing.Connect, account string) (field, problem string) {
	if account != "" && leaves(c) {
		return "connect", "only an application fee goes with account: the connected account owns the payment, and nothing is transferred"
	}
	switch fee := takesFee(c); {
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
func (d drafter) checkShares(c billing.Connect, draft Draft) {
	if !d.clean() {
		return
	}
	for i, charge := range draft.Charges {
		if problem := c.Problem(charge.Amount, d.Currency); problem != "" {
			d.bad.Add(charge.field, "charge %d%s %s", i+1, ofAll(draft), problem)
		}
	}
	if r := draft.Recurrence; !r.IsZero() {
		if problem := c.Problem(r.Amount, d.Currency); problem != "" {
			d.bad.Add("amount", "%s", problem)
		}
	}
}
