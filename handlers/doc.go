// Package handlers holds every HTTP surface: Stripe's webhook, the merchant's API, the recovery
// page and health. Each has its own type, the API one for each noun, and Server joins them.
package handlers
