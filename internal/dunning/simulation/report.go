package simulation

import (
	"fmt"
	"io"

	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

// The year of the report: neither used to tune the policy nor used by the tests.
const (
	FirstSeed = 11
	Years     = 1
)

// Standard returns the options of the report.
func Standard(seed uint64) Options { return Options{Customers: 1000, Days: 365, Seed: seed} }

// DefaultPolicy returns the policy that the report measures.
func DefaultPolicy() dunning.Policy {
	return dunning.DefaultPolicy(calendar.LocalTime{Hour: chargeHour})
}

// Compare simulates the same year with each retrier.
func Compare(o Options) []Result {
	p, world := DefaultPolicy(), newWorld(o)
	var results []Result
	for _, r := range []Retrier{EveryDays(3, 4, p), EveryDays(2, 7, p), Ours(p), Ours(early(p)), AllKnowing(p)} {
		results = append(results, run(o, world, r))
	}
	return results
}

// early returns the policy with its retries at the hour at which charges fall due, before salaries
// that arrive at noon.
func early(p dunning.Policy) dunning.Policy {
	p.Name = "default, at 09:00"
	p.Funds.Times = nil
	return p
}

// Sum adds up the results of several years, by retrier.
func Sum(years [][]Result) []Result {
	var sums []Result
	for _, year := range years {
		for i, r := range year {
			if i == len(sums) {
				sums = append(sums, Result{Name: r.Name})
			}
			s := &sums[i]
			s.Charges += r.Charges
			s.Failed += r.Failed
			s.Recovered += r.Recovered
			s.Retries += r.Retries
			s.Notices += r.Notices
			s.Customers += r.Customers
		}
	}
	return sums
}

// Markdown writes results as a table.
func Markdown(w io.Writer, results []Result) {
	fmt.Fprintln(w, "| retrier | charges | failed at first | recovered | share | retries | retries per recovery | notices per customer with a failure |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %.1f %% | %d | %.2f | %.2f |\n", r.Name, r.Charges, r.Failed, r.Recovered, 100*r.Share(), r.Retries,
			r.RetriesPerRecovery(), r.NoticesPerCustomer())
	}
}
