// Package stripecustomer handles Stripe customers that do not exist at Stripe (any more): it
// removes them from their customers and detaches the cards that they held.
package stripecustomer
