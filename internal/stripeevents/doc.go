// Package stripeevents handles the events that Stripe sends by webhook, one file for each family of
// events and one table of all types.
//
// The event's body is not trusted: the object that it names is fetched from Stripe again, and only
// forward transitions are applied. Duplicate, late and shuffled events therefore do no harm.
package stripeevents
