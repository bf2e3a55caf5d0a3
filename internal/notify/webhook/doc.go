// Package webhook posts messages to the merchant's endpoints: signed as Standard Webhooks says
// (github.com/standard-webhooks/standard-webhooks), to addresses on the Internet only unless that is allowed, and with
// secrets that lie sealed in the database. When a message is sent, and when again, is for jobs to say.
package webhook
