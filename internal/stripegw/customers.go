package stripegw

import (
	"context"
	"errors"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

const (
	customersPath     = "/v1/customers"
	customerPath      = "/v1/customers/%s"
	paymentMethodPath = "/v1/payment_methods/%s"
	setupIntentPath   = "/v1/setup_intents/%s"
)

// SetupIntent fetches a SetupIntent. Errors: *billing.GatewayError, with GatewayNotFound when it
// does not exist.
func (g *Gateway) SetupIntent(ctx context.Context, id string) (billing.SetupIntent, error) {
	op := "get SetupIntent " + id
	if err := wantID(op, "SetupIntent", id); err != nil {
		return billing.SetupIntent{}, err
	}
	var w wireSetupIntent
	c := call{op: op, path: stripe.FormatURLPath(setupIntentPath, id), params: &stripe.SetupIntentParams{}}
	if _, err := g.get(ctx, c, &w); err != nil {
		return billing.SetupIntent{}, err
	}
	return setupIntent(&w), nil
}

// PaymentMethod fetches a PaymentMethod. Errors: *billing.GatewayError, with GatewayNotFound when
// it does not exist.
func (g *Gateway) PaymentMethod(ctx context.Context, id string) (billing.PaymentMethod, error) {
	op := "get PaymentMethod " + id
	if err := wantID(op, "PaymentMethod", id); err != nil {
		return billing.PaymentMethod{}, err
	}
	var w wirePaymentMethod
	c := call{op: op, path: stripe.FormatURLPath(paymentMethodPath, id), params: &stripe.PaymentMethodParams{}}
	if _, err := g.get(ctx, c, &w); err != nil {
		return billing.PaymentMethod{}, err
	}
	return paymentMethod(&w), nil
}

// AttachPaymentMethod attaches a PaymentMethod to a Stripe customer. Errors: *billing.GatewayError,
// with GatewayDeclined when the issuer declines the card already at this point.
func (g *Gateway) AttachPaymentMethod(ctx context.Context, key, id, customer string) (billing.PaymentMethod, error) {
	op := "attach PaymentMethod " + id
	if err := wantID(op, "PaymentMethod", id); err != nil {
		return billing.PaymentMethod{}, err
	}
	var w wirePaymentMethod
	c := call{
		op:     op,
		path:   stripe.FormatURLPath(paymentMethodPath+"/attach", id),
		params: &stripe.PaymentMethodAttachParams{Customer: stripe.String(customer)},
	}
	if _, err := g.post(ctx, key, c, &w); err != nil {
		return billing.PaymentMethod{}, err
	}
	return paymentMethod(&w), nil
}

// CreateCustomer creates a Stripe customer, attaches the card in the same call, and returns the
// customer's id. Errors: *billing.GatewayError.
func (g *Gateway) CreateCustomer(ctx context.Context, key string, p billing.CustomerParams) (string, error) {
	var w wireCustomer
	c := call{
		op:   "create customer",
		path: customersPath,
		params: &stripe.CustomerParams{
			PaymentMethod: optional(p.PaymentMethod),
			Email:         optional(p.Email),
			Name:          optional(p.Name),
			Metadata:      p.Metadata,
		},
	}
	if _, err := g.post(ctx, key, c, &w); err != nil {
		return "", err
	}
	return w.ID, nil
}

// UpdateCustomer sets e-mail address and name; empty values remove them at Stripe. Errors:
// *billing.GatewayError, with GatewayNotFound when the customer does not exist.
func (g *Gateway) UpdateCustomer(ctx context.Context, key, id string, p billing.CustomerParams) error {
	op := "update customer " + id
	if err := wantID(op, "customer", id); err != nil {
		return err
	}
	var w wireCustomer
	c := call{
		op: op, path: stripe.FormatURLPath(customerPath, id),
		params: &stripe.CustomerParams{Email: stripe.String(p.Email), Name: stripe.String(p.Name)},
	}
	_, err := g.post(ctx, key, c, &w)
	return err
}

// CustomerExists reports whether the Stripe customer exists and was not deleted. Stripe still
// returns a deleted customer, with deleted=true. Errors: *billing.GatewayError, never
// GatewayNotFound.
func (g *Gateway) CustomerExists(ctx context.Context, id string) (bool, error) {
	op := "get customer " + id
	if err := wantID(op, "customer", id); err != nil {
		return false, err
	}
	var w wireCustomer
	c := call{op: op, path: stripe.FormatURLPath(customerPath, id), params: &stripe.CustomerParams{}}
	_, err := g.get(ctx, c, &w)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return !w.Deleted, nil
}
