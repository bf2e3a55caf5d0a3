package money

import (
	"fmt"
	"slices"
	"strings"
)

// Currency is an ISO 4217 code in lower case, as Stripe writes it.
type Currency string

// CurrencyOf reads a code in upper or lower case. Text that is not three letters long is kept, so
// that it is refused as it was written.
func CurrencyOf(code string) Currency {
	if len(code) == 3 {
		code = strings.ToLower(code)
	}
	return Currency(code)
}

// UnmarshalText reads a code in upper or lower case.
func (c *Currency) UnmarshalText(text []byte) error {
	*c = CurrencyOf(string(text))
	return nil
}

// currencyRule holds Stripe's rules for a currency. Zero values mean: two decimals, any amount, no
// known minimum.
type currencyRule struct {
	decimals int   // digits after the point in minor units
	step     int64 // every amount must be a multiple of it
	minimum  int64 // Stripe's minimum, when it is settled in the same currency
	maximum  int64 // Stripe's maximum
}

// maxAmount is Stripe's limit of eight digits, from
// docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
const maxAmount = 99_999_999

// rule returns Stripe's rules for the currency. Source: docs.stripe.com/currencies (zero-decimal,
// three-decimal, special cases, minimum and maximum amounts).
func (c Currency) rule() currencyRule {
	r := currencyRule{decimals: 2, step: 1, minimum: minimums[c], maximum: maxAmount}
	switch {
	case slices.Contains(zeroDecimal, c):
		r.decimals = 0
	case slices.Contains(threeDecimal, c):
		r.decimals, r.step = 3, 10 // the last digit must be 0
	case c == "isk" || c == "ugx":
		r.step = 100 // written with two decimals that must be 00
	}
	switch c {
	case "idr":
		r.maximum = 999_999_999_999
	case "inr":
		r.maximum = 999_999_999
	}
	r.minimum = max(r.minimum, r.step)
	return r
}

var (
	zeroDecimal  = []Currency{"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
	threeDecimal = []Currency{"bhd", "jod", "kwd", "omr", "tnd"}
	minimums     = map[Currency]int64{
		"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
		"gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
		"pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
	}
)

// known lists the currencies that Stripe can charge in, from
// docs.stripe.com/currencies#presentment-currencies.
var known = strings.Fields(`usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
 cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr
 ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mro mur mvr mwk mxn
 myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
 szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw`)

// Currencies lists every currency that Stripe can charge in.
func Currencies() []Currency {
	list := make([]Currency, len(known))
	for i, code := range known {
		list[i] = Currency(code)
	}
	return list
}

// Known reports whether Stripe can charge in the currency.
func (c Currency) Known() bool { return slices.Contains(known, string(c)) }

// code returns the currency in upper case, as people write it.
func (c Currency) code() string { return strings.ToUpper(string(c)) }

// Decimals returns the number of digits after the point: 2 for usd, 0 for jpy, 3 for kwd.
func (c Currency) Decimals() int { return c.rule().decimals }

// Remainder is the rule for the smallest units left over when a total is split into parts.
type Remainder string

const (
	// RemainderFirst adds all of them to the first part: the customer sees the odd cent in the
	// checkout.
	RemainderFirst Remainder = "first"
	// RemainderLast adds all of them to the last part.
	RemainderLast Remainder = "last"
	// RemainderSpread adds one to each of the first parts, so that no two parts differ by more than
	// one unit.
	RemainderSpread Remainder = "spread"
)

// Known reports whether r is one of the rules; empty means RemainderFirst.
func (r Remainder) Known() bool {
	return slices.Contains([]Remainder{"", RemainderFirst, RemainderLast, RemainderSpread}, r)
}

// Split splits total into parts that add up to it exactly, by RemainderFirst. See SplitBy.
func Split(total int64, parts int, c Currency) []int64 {
	return SplitBy(total, parts, c, RemainderFirst)
}

// SplitBy splits total into equal parts that add up to it exactly; the rule assigns the remainder.
// In currencies whose amounts must be multiples of 10 or 100, the parts are such multiples if the
// total is; otherwise one part takes the excess. parts must be at least 1.
func SplitBy(total int64, parts int, c Currency, rule Remainder) []int64 {
	step := c.rule().step
	each := total / step / int64(parts) * step
	amounts := make([]int64, parts)
	for i := range amounts {
		amounts[i] = each
	}
	left := total - each*int64(parts)
	if rule == RemainderLast {
		amounts[parts-1] += left
		return amounts
	}
	for i := 0; rule == RemainderSpread && left >= step && i < parts; i++ {
		amounts[i] += step
		left -= step
	}
	amounts[0] += left
	return amounts
}

// FormatAmount formats an amount of minor units for logs and terminals: 100001 usd is "1000.01
// USD".
func FormatAmount(amount int64, c Currency) string {
	code := c.code()
	d := c.Decimals()
	if d == 0 {
		return fmt.Sprintf("%d %s", amount, code)
	}
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	unit := int64(1)
	for range d {
		unit *= 10
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, amount/unit, d, amount%unit, code)
}
