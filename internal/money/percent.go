package money

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// Percent is a share of an amount, in hundredths of a percent: 12.5 % is 1250.
type Percent int64

var percentShape = regexp.MustCompile(`^\d{1,3}(\.\d{1,2})?$`)

// ParsePercent parses "20", "12.5" or "2.25": more than 0, at most 100, with up to two decimals.
func ParsePercent(s string) (Percent, error) {
	bad := fmt.Errorf("%q is not a share like \"20\" or \"12.5\", of more than 0 and at most 100 per cent", s)
	if !percentShape.MatchString(s) {
		return 0, bad
	}
	whole, part, _ := strings.Cut(s, ".")
	var p Percent
	if _, err := fmt.Sscanf(whole+(part + "00")[:2], "%d", &p); err != nil || p <= 0 || p > 100_00 {
		return 0, bad
	}
	return p, nil
}

// Of returns the share of an amount, rounded half up to an amount that Stripe accepts in the
// currency.
func (p Percent) Of(amount int64, c Currency) int64 {
	step := big.NewInt(c.rule().step)
	unit := new(big.Int).Mul(big.NewInt(100_00), step)
	n := new(big.Int).Mul(big.NewInt(amount), big.NewInt(int64(p)))
	n.Add(n, new(big.Int).Rsh(unit, 1)) // half a unit: unit is even
	return n.Div(n, unit).Mul(n, step).Int64()
}
