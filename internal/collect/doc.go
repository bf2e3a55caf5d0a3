// Package collect charges saved cards off-session, each charge exactly once.
//
// A charge is checked under its plan's lock, its attempt is committed, and only then is Stripe
// called, under an idempotency key that follows from the attempt. The outcome is recorded in a
// second transaction. An attempt whose outcome is unknown, or whose charge may have been paid
// already, is never followed by a new one: it is sent again under the same key, or looked up at
// Stripe. This prevents a double charge after every failure in between.
package collect
