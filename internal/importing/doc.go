// Package importing takes over live plans from elsewhere, with the Stripe customers and cards they have. A line of the file is a plan: it
// is checked, with every fault named, before anything is written. docs/import.md says what a line may hold.
package importing
