// Package message defines the messages to the merchant's endpoints: which changes they report, and
// their JSON.
package message
