// Package outbox sends the rows that changes of plans leave to be sent: notices to customers by
// mail, each once and only while it is still true, and messages to the merchant's webhook
// endpoints. It also enqueues the notices that are sent ahead of a date: of a charge, of a card's
// expiry, of an open checkout.
package outbox
