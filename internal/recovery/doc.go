// Package recovery is what a customer may do about a payment without logging in: see it, pay it,
// pay ahead, give another card or take one back. It holds the links that let them in, and works
// through the interfaces of billing. Handlers show it; what a payment changes is recorded by the
// jobs that handle Stripe's events.
package recovery
