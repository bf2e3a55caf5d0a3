package testbench

import (
	"context"
	"sync"

	"tranche/internal/billing"
)

// Gateway lets a test intervene between the bench and Stripe.
type Gateway struct {
	billing.Gateway
	// Before runs before a PaymentIntent is created or confirmed.
	Before func()
	// After may change the answer that the caller gets.
	After func(billing.PaymentIntent, error) (billing.PaymentIntent, error)
	// Calls counts creations and confirmations.
	Calls int
	// InsteadOfCreate replaces the call that creates a PaymentIntent for a customer in the browser;
	// create makes it.
	InsteadOfCreate func(ctx context.Context, create func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error)
	// BeforeCancel runs before a PaymentIntent is canceled.
	BeforeCancel func()
	// DetachFails is the answer to the request to detach a card, in place of Stripe's.
	DetachFails error

	mu sync.Mutex
}

// CreatePaymentIntent passes the call on.
func (g *Gateway) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	create := func() (billing.PaymentIntent, error) { return g.Gateway.CreatePaymentIntent(ctx, key, p) }
	if g.InsteadOfCreate != nil && !p.OffSession {
		return g.InsteadOfCreate(ctx, create)
	}
	return g.through(create)
}

// ConfirmPaymentIntent passes the call on.
func (g *Gateway) ConfirmPaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	return g.through(func() (billing.PaymentIntent, error) { return g.Gateway.ConfirmPaymentIntent(ctx, key, p) })
}

// CancelPaymentIntent passes the call on.
func (g *Gateway) CancelPaymentIntent(ctx context.Context, key, id string) (billing.PaymentIntent, error) {
	if g.BeforeCancel != nil {
		g.BeforeCancel()
	}
	return g.Gateway.CancelPaymentIntent(ctx, key, id)
}

// DetachPaymentMethod passes the call on, unless it is to fail.
func (g *Gateway) DetachPaymentMethod(ctx context.Context, key, id string) error {
	if g.DetachFails != nil {
		return g.DetachFails
	}
	return g.Gateway.DetachPaymentMethod(ctx, key, id)
}

func (g *Gateway) through(call func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
	g.mu.Lock()
	g.Calls++
	g.mu.Unlock()
	if g.Before != nil {
		g.Before()
	}
	pi, err := call()
	if g.After != nil {
		return g.After(pi, err)
	}
	return pi, err
}
