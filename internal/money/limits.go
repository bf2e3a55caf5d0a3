package money

import "fmt"

// Limit is the minimum and maximum amount of one charge, in minor units. 0 means Stripe's own
// limit.
type Limit struct{ Minimum, Maximum int64 }

// Limits are the merchant's own limits by currency, which replace Stripe's. Stripe's minimum
// depends on the currency that the account is paid out in, which Tranche can't know:
// docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
type Limits map[Currency]Limit

// Problem explains why an amount can't be charged in the currency, or returns "".
func (l Limits) Problem(c Currency, amount int64) string {
	r, own := c.rule(), l[c]
	least, most, who := r.minimum, r.maximum, "at Stripe"
	if own.Minimum > 0 {
		least = max(own.Minimum, r.step)
	}
	if own.Maximum > 0 {
		most = own.Maximum
	}
	if own != (Limit{}) {
		who = "in the settings"
	}
	switch {
	case amount < least:
		return fmt.Sprintf("is %s; the minimum %s is %s", FormatAmount(amount, c), who, FormatAmount(least, c))
	case amount > most:
		return fmt.Sprintf("is %s; the maximum %s is %s", FormatAmount(amount, c), who, FormatAmount(most, c))
	case amount%r.step != 0:
		return fmt.Sprintf("is %d; it must be a multiple of %d in %s", amount, r.step, c.code())
	}
	return ""
}

// AmountProblem explains why Stripe refuses an amount in the currency, or returns "".
func (c Currency) AmountProblem(amount int64) string { return Limits(nil).Problem(c, amount) }
