// Package terms defines what a merchant and a customer may agree on: the request for a plan, the
// checks of its fields, and the payment schedule that follows from it. It stores nothing.
package terms
