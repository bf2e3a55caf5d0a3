package jobs

import (
	"context"
	"maps"
	"slices"

	"tranche/internal/billing"
)

// eventKind says how the events about one kind of object are handled.
type eventKind struct {
	// names reads what the event names; its body is trusted with ids only.
	names func(e billing.Event) subject
	// fetch asks Stripe for the object and for what it names; nil where the handler needs neither.
	fetch func(w *Worker, ctx context.Context, s subject) (subject, error)
	// handle brings our record in line with what the event reports.
	handle func(w *Worker, ctx context.Context, e billing.Event, about subject) (verdict, error)
}

// eventKinds is the one list of the types of event that are used.
func eventKinds() map[string]eventKind {
	ofPayment := func(e billing.Event) subject { return subject{payment: e.PaymentIntent()} }
	ofSetup := func(e billing.Event) subject { return subject{setup: e.ObjectID} }
	payments := eventKind{
		names: func(e billing.Event) subject { return subject{payment: e.ObjectID} },
		fetch: (*Worker).fetchPayment, handle: (*Worker).handlePaymentIntent,
	}
	cards := eventKind{
		names: func(e billing.Event) subject { return subject{card: e.ObjectID} },
		fetch: (*Worker).fetchCard, handle: (*Worker).handlePaymentMethod,
	}
	refunds := eventKind{
		names: func(e billing.Event) subject {
			return subject{payment: e.PaymentIntent(), refund: billing.StripeRefund{ID: e.ObjectID}}
		},
		fetch: (*Worker).fetchRefund, handle: (*Worker).handleRefund,
	}
	reversals := eventKind{names: ofPayment, handle: (*Worker).handleReversal}
	return map[string]eventKind{
		"payment_intent.succeeded":             payments,
		"payment_intent.payment_failed":        payments,
		"payment_intent.requires_action":       payments,
		"payment_intent.canceled":              payments,
		"payment_intent.processing":            payments,
		"setup_intent.succeeded":               {names: ofSetup, fetch: (*Worker).fetchSetup, handle: (*Worker).handleSetupIntent},
		"setup_intent.setup_failed":            {names: ofSetup, handle: (*Worker).handleSetupFailed},
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
		"radar.early_fraud_warning.created":    {names: ofPayment, handle: (*Worker).handleFraudWarning},
		"customer.deleted":                     {names: func(e billing.Event) subject { return subject{customer: e.ObjectID} }, handle: (*Worker).handleCustomerDeleted},
	}
}

// EventTypes lists the types of Stripe's events that are handled, in order. All others are ignored,
// so nobody needs to ask Stripe for them.
func EventTypes() []string { return slices.Sorted(maps.Keys(eventKinds())) }
