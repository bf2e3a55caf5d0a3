// Package stripeevents handles Stripe's events from the inbox, however they arrived: one file for
// each family of events, and one table of all types (types.go). Events of another mode or account
// change nothing (admit.go).
//
// The event's body is not trusted: the object that it names is fetched from Stripe again, and only
// forward transitions are applied. Duplicate, late and shuffled events therefore do no harm.
package stripeevents
