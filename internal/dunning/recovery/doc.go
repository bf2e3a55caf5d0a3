// Package recovery asks what a retry policy is worth: a year of invented customers with paydays, bills and banks, collected
// from by the very code that decides in production, by fixed ladders, and by a retrier that sees the balances. The same
// seed gives the same year to each of them. What the model assumes is said in docs/recovery-report.md; it is made up, and
// only the comparison within it means something.
package recovery
