package jobs

import (
	"context"
	"maps"
	"slices"

	"tranche/internal/billing"
)

// eventHandler brings our record in line with what an event tells of.
type eventHandler func(w *Worker, ctx context.Context, e billing.Event) (verdict, error)

// eventHandlers is the one list of the types of event that are used.
func eventHandlers() map[string]eventHandler {
	return map[string]eventHandler{
		"payment_intent.succeeded":             (*Worker).handlePaymentIntent,
		"payment_intent.payment_failed":        (*Worker).handlePaymentIntent,
		"payment_intent.requires_action":       (*Worker).handlePaymentIntent,
		"payment_intent.canceled":              (*Worker).handlePaymentIntent,
		"payment_intent.processing":            (*Worker).handlePaymentIntent,
		"setup_intent.succeeded":               (*Worker).handleSetupIntent,
		"setup_intent.setup_failed":            (*Worker).handleSetupFailed,
		"payment_method.attached":              (*Worker).handlePaymentMethod,
		"payment_method.detached":              (*Worker).handlePaymentMethod,
		"payment_method.updated":               (*Worker).handlePaymentMethod,
		"payment_method.automatically_updated": (*Worker).handlePaymentMethod,
		"charge.refunded":                      (*Worker).handleReversal,
		"charge.refund.updated":                (*Worker).handleRefund,
		"refund.created":                       (*Worker).handleRefund,
		"refund.updated":                       (*Worker).handleRefund,
		"refund.failed":                        (*Worker).handleRefund,
		"charge.dispute.created":               (*Worker).handleReversal,
		"charge.dispute.updated":               (*Worker).handleReversal,
		"charge.dispute.closed":                (*Worker).handleReversal,
		"charge.dispute.funds_withdrawn":       (*Worker).handleReversal,
		"charge.dispute.funds_reinstated":      (*Worker).handleReversal,
		"radar.early_fraud_warning.created":    (*Worker).handleFraudWarning,
		"customer.deleted":                     (*Worker).handleCustomerDeleted,
	}
}

// EventTypes lists the types of Stripe's events that are handled, in order. All others are ignored,
// so nobody needs to ask Stripe for them.
func EventTypes() []string { return slices.Sorted(maps.Keys(eventHandlers())) }
