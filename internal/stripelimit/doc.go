// Package stripelimit keeps the calls to Stripe within Stripe's rate limits. All processes that
// share a Redis share one token bucket for reads and one for writes. A 429 from Stripe halves the
// bucket's rate at once; the rate then recovers slowly.
package stripelimit
