// Package importing imports live plans from another system, with their Stripe customers and cards.
// Each line of the file is a plan. All faults of a line are reported before anything is written.
// docs/import.md describes the lines.
package importing
