// Package billing is the domain of Tranche: what a customer owes, when, and what became of it.
//
// It holds the types, the states and their transitions, money and calendar arithmetic, the kinds of
// error, and the interfaces in which the other packages meet: Store, Gateway, Queue and Mailer. It
// imports nothing but the standard library, reads no clock (now is a parameter) and does no I/O.
//
// Money is an integer number of minor units (cents) and an ISO 4217 currency. Times are UTC.
package billing
