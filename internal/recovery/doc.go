// Package recovery implements what a customer may do about a payment without logging in: see it,
// pay it, pay early, add another card or remove one. It makes the links that give access, and works
// through the interfaces of billing. Handlers render the pages; the jobs that handle Stripe's
// events record what a payment changes.
package recovery
