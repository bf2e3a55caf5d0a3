// Package followup carries out what dunning decided about an unpaid charge: the retry, the request
// to the customer, the reminder, the final notice, and the end of the plan at the deadline.
//
// The decisions themselves are pure functions in package dunning.
package followup
