// Package view is the JSON of the API, which commands print with --json and the demo's report holds
// too. Amounts are minor units; times are RFC 3339 in UTC, or null. It reads no database.
package view
