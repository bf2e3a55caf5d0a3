package stripegw

import (
	"context"
	"errors"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

const setupIntentsPath = "/v1/setup_intents"

// CreateSetupIntent creates a SetupIntent for off-session use, for cards only: without
// payment_method_types, Stripe would enable automatic payment methods, as for PaymentIntents.
// Errors: *billing.GatewayError, with GatewayNotFound when the customer was deleted.
func (g *Gateway) CreateSetupIntent(ctx context.Context, key string, p billing.SetupParams) (billing.SetupIntent, error) {
	var w wireSetupIntent
	c := call{op: "create SetupIntent", path: setupIntentsPath, params: &stripe.SetupIntentParams{
		Customer:           optional(p.Customer),
		Description:        optional(p.Description),
		Metadata:           p.Metadata,
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Usage:              stripe.String(string(stripe.SetupIntentUsageOffSession)),
	}}
	if _, err := g.post(ctx, key, c, &w); err != nil {
		return billing.SetupIntent{}, err
	}
	return setupIntent(&w), nil
}

// CancelSetupIntent cancels a SetupIntent. Errors: *billing.GatewayError, with GatewayWrongState if
// it has succeeded or is canceled already.
func (g *Gateway) CancelSetupIntent(ctx context.Context, key, id string) (billing.SetupIntent, error) {
	op := "cancel SetupIntent " + id
	if err := wantID(op, "SetupIntent", id); err != nil {
		return billing.SetupIntent{}, err
	}
	var w wireSetupIntent
	c := call{op: op, path: stripe.FormatURLPath(setupIntentPath+"/cancel", id), params: &stripe.SetupIntentCancelParams{}}
	if _, err := g.post(ctx, key, c, &w); err != nil {
		return billing.SetupIntent{}, err
	}
	return setupIntent(&w), nil
}

// DetachPaymentMethod detaches a PaymentMethod from its customer. Errors: *billing.GatewayError.
func (g *Gateway) DetachPaymentMethod(ctx context.Context, key, id string) error {
	op := "detach PaymentMethod " + id
	if err := wantID(op, "PaymentMethod", id); err != nil {
		return err
	}
	var w wirePaymentMethod
	c := call{
		op:     op,
		path:   stripe.FormatURLPath(paymentMethodPath+"/detach", id),
		params: &stripe.PaymentMethodDetachParams{},
	}
	_, err := g.post(ctx, key, c, &w)
	if errors.Is(err, billing.ErrNotFound) || alreadyDetached(err) {
		return nil
	}
	return err
}

// alreadyDetached recognizes Stripe's error for a PaymentMethod without a customer by its text,
// because it has no code: "The payment method you provided is not attached to a customer so
// detachment is impossible.".
func alreadyDetached(err error) bool {
	var ge *billing.GatewayError
	return errors.As(err, &ge) && ge.Kind == billing.GatewayRejected && strings.Contains(ge.Failure.Message, "not attached to a customer")
}
