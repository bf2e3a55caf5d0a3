// Package billing is the domain of Tranche: what customers owe, when it falls due, and how it is
// paid.
//
// It holds the types, the states and their transitions, the kinds of error, and the interfaces
// between the other packages: Store, Gateway, Queue and Mailer. It imports the standard library,
// and packages that know no plan: calendar, money, schedule and timezone. It reads no clock (now is
// a parameter) and does no I/O.
//
// Money is an integer number of minor units (cents) and an ISO 4217 currency. Times are UTC.
package billing
