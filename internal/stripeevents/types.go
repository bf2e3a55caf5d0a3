package stripeevents

import (
	"maps"
	"slices"

	"tranche/internal/billing"
)

// eventKinds is the only list of the event types that are used.
func eventKinds() map[string]eventKind {
	ofPayment := func(e billing.Event) subject { return subject{payment: e.PaymentIntent()} }
	ofSetup := func(e billing.Event) subject { return subject{setup: e.ObjectID} }
	payments := paymentKind()
	cards := eventKind{
		names: func(e billing.Event) subject { return subject{card: e.ObjectID} },
		fetch: (*Handler).fetchCard, handle: (*Handler).handlePaymentMethod,
	}
	refunds := eventKind{
		names: func(e billing.Event) subject {
			return subject{payment: e.PaymentIntent(), refund: billing.StripeRefund{ID: e.ObjectID}}
		},
		fetch: (*Handler).fetchRefund, handle: (*Handler).handleRefund,
	}
	reversals := eventKind{names: ofPayment, handle: (*Handler).handleReversal}
	return map[string]eventKind{
		"payment_intent.succeeded":             payments,
		"payment_intent.payment_failed":        payments,
		"payment_intent.requires_action":       payments,
		"payment_intent.canceled":              payments,
		"payment_intent.processing":            payments,
		"setup_intent.succeeded":               {names: ofSetup, fetch: (*Handler).fetchSetup, handle: (*Handler).handleSetupIntent},
		"setup_intent.setup_failed":            {names: ofSetup, handle: (*Handler).handleSetupFailed},
		"payment_method.attached":              cards,
		"payment_method.detached":              cards,
		"payment_method.updated":               cards,
		"payment_method.automatically_updated": cards,
		"charge.refunded":                      reversals,
		"charge.refund.updated":                refunds,
		"refund.created":                       refunds,
		"refund.updated":                       refunds,
		"refund.failed":                        refunds,
		"charge.dispute.created":               reversals,
		"charge.dispute.updated":               reversals,
		"charge.dispute.closed":                reversals,
		"charge.dispute.funds_withdrawn":       reversals,
		"charge.dispute.funds_reinstated":      reversals,
		"radar.early_fraud_warning.created":    {names: ofPayment, handle: (*Handler).handleFraudWarning},
		"customer.deleted":                     {names: func(e billing.Event) subject { return subject{customer: e.ObjectID} }, handle: (*Handler).handleCustomerDeleted},
	}
}

// Types lists the types of Stripe events that are handled, sorted. All others are ignored, so
// an endpoint at Stripe does not need to subscribe to them.
func Types() []string { return slices.Sorted(maps.Keys(eventKinds())) }
