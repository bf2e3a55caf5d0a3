// Package simulation compares retry policies on a simulated year of invented customers with
// paydays, bills and banks. Their failed charges are collected by the production code, by fixed
// schedules, and by a retrier that sees the balances. The same seed gives each retrier the same
// year. docs/recovery-report.md lists the assumptions; they are invented, so only the comparison is
// meaningful.
package simulation
