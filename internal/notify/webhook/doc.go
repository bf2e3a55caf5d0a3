// Package webhook posts messages to the merchant's endpoints. Messages are signed by Standard
// Webhooks (github.com/standard-webhooks/standard-webhooks) and go only to addresses on the
// Internet unless others are allowed. Secrets are sealed in the database. The jobs decide when a
// message is sent or retried.
package webhook
