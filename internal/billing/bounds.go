package billing

import "time"

// MaxCharges is the most charges a plan has, however it came to them.
const MaxCharges = maxParts

// LatestDue is how late a charge may fall due, seen from now.
func LatestDue(now time.Time) time.Time { return now.AddDate(maxDueYears, 0, 0) }

// SumOf is what a plan's charges add up to: Plan.Total. Charges that were dropped don't count.
func SumOf(charges []Charge) (sum int64) {
	for _, c := range charges {
		if !c.Dropped {
			sum += c.Amount
		}
	}
	return sum
}
