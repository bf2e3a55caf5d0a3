package billing

import "time"

// MaxCharges is the highest number of charges of a plan, including charges that were added later.
const MaxCharges = 500 // more than a year of daily charges

// MaxDueYears is how many years from now a charge may fall due at the latest.
const MaxDueYears = 10

// LatestDue returns the latest time at which a charge may fall due.
func LatestDue(now time.Time) time.Time { return now.AddDate(MaxDueYears, 0, 0) }

// SumOf returns the sum of a plan's charges, which is Plan.Total. Dropped charges do not count.
func SumOf(charges []Charge) (sum int64) {
	for _, c := range charges {
		if !c.Dropped {
			sum += c.Amount
		}
	}
	return sum
}
