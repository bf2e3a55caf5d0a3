// Package handlers holds every HTTP surface: Stripe's webhook, the merchant's API and health.
package handlers
