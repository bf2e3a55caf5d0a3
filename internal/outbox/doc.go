// Package outbox sends what plans have to say: notices to customers by mail, each once and only
// while it is still true, and messages to the merchant's webhook endpoints.
package outbox
