package stripegw

import (
	"context"
	"errors"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"tranche/internal/billing"
)

const (
	intentsPath = "/v1/payment_intents"
	intentPath  = "/v1/payment_intents/%s"

	// pageSize is the maximum number of objects on a page of Stripe's lists. Source:
	// docs.stripe.com/api/pagination.
	pageSize = 100
	// maxPages bounds a search through one customer's PaymentIntents: 20,000 of them.
	maxPages = 200
)

// CreatePaymentIntent creates a PaymentIntent for a card; with OffSession it is confirmed in the
// same call. Errors: *billing.GatewayError.
func (g *Gateway) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	c := call{op: "create PaymentIntent", path: intentsPath, params: createParams(p)}
	return g.changeIntent(ctx, key, c)
}

// createParams sets the payment method types, because Stripe's API of 2023-10-16 otherwise enables
// automatic payment methods, which need a return_url. Source: docs.stripe.com/changelog/2023-08-16.
func createParams(p billing.PaymentParams) *stripe.PaymentIntentParams {
	params := &stripe.PaymentIntentParams{
		Amount:             stripe.Int64(p.Amount),
		Currency:           stripe.String(string(p.Currency)),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Customer:           optional(p.Customer),
		PaymentMethod:      optional(p.PaymentMethod),
		Description:        optional(p.Description),
		Metadata:           p.Metadata,
	}
	connectParams(params, p)
	if p.OffSession {
		params.OffSession = stripe.Bool(true)
		params.Confirm = stripe.Bool(true)
	}
	if p.SaveCard {
		params.SetupFutureUsage = stripe.String(string(stripe.PaymentIntentSetupFutureUsageOffSession))
	}
	return params
}

// connectParams sets the parameters of Stripe Connect. Source:
// docs.stripe.com/connect/destination-charges.
func connectParams(params *stripe.PaymentIntentParams, p billing.PaymentParams) {
	params.OnBehalfOf = optional(p.OnBehalfOf)
	if p.ApplicationFee > 0 {
		params.ApplicationFeeAmount = stripe.Int64(p.ApplicationFee)
	}
	if p.TransferDestination == "" {
		return
	}
	params.TransferData = &stripe.PaymentIntentTransferDataParams{Destination: stripe.String(p.TransferDestination)}
	if p.TransferAmount > 0 {
		params.TransferData.Amount = stripe.Int64(p.TransferAmount)
	}
}

// ConfirmPaymentIntent confirms p.PaymentIntent with p.PaymentMethod, off-session. The card is
// always named, because Stripe removes it from the PaymentIntent at each decline. With ClearSetup,
// the same call clears setup_future_usage. Errors: *billing.GatewayError.
func (g *Gateway) ConfirmPaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	op := "confirm PaymentIntent " + p.PaymentIntent
	if err := wantID(op, "PaymentIntent", p.PaymentIntent); err != nil {
		return billing.PaymentIntent{}, err
	}
	params := &stripe.PaymentIntentConfirmParams{
		PaymentMethod: optional(p.PaymentMethod),
		OffSession:    stripe.Bool(true),
	}
	if p.ClearSetup {
		params.SetupFutureUsage = stripe.String("")
	}
	return g.changeIntent(ctx, key, call{op: op, path: stripe.FormatURLPath(intentPath+"/confirm", p.PaymentIntent), params: params})
}

// CancelPaymentIntent cancels a PaymentIntent. Errors: *billing.GatewayError, with
// GatewayWrongState if it has succeeded or is canceled already.
func (g *Gateway) CancelPaymentIntent(ctx context.Context, key, id string) (billing.PaymentIntent, error) {
	op := "cancel PaymentIntent " + id
	if err := wantID(op, "PaymentIntent", id); err != nil {
		return billing.PaymentIntent{}, err
	}
	return g.changeIntent(ctx, key, call{
		op:     op,
		path:   stripe.FormatURLPath(intentPath+"/cancel", id),
		params: &stripe.PaymentIntentCancelParams{},
	})
}

func (g *Gateway) changeIntent(ctx context.Context, key string, c call) (billing.PaymentIntent, error) {
	var w wirePaymentIntent
	a, err := g.post(ctx, key, c, &w)
	if err != nil {
		return billing.PaymentIntent{}, err
	}
	return g.paymentIntent(&w, a.requestID), nil
}

// PaymentIntent fetches a PaymentIntent. Errors: *billing.GatewayError, with GatewayNotFound when
// it does not exist.
func (g *Gateway) PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error) {
	op := "get PaymentIntent " + id
	if err := wantID(op, "PaymentIntent", id); err != nil {
		return billing.PaymentIntent{}, err
	}
	var w wirePaymentIntent
	c := call{op: op, path: stripe.FormatURLPath(intentPath, id), params: &stripe.PaymentIntentParams{}}
	a, err := g.get(ctx, c, &w)
	if err != nil {
		return billing.PaymentIntent{}, err
	}
	return g.paymentIntent(&w, a.requestID), nil
}

// FindPaymentIntent returns the newest PaymentIntent of a Stripe customer that matches, of those
// created at or after since. A zero since means all. Errors: *billing.GatewayError, with
// GatewayNotFound when none matches, and only after the last page was read.
func (g *Gateway) FindPaymentIntent(
	ctx context.Context, customer string, since time.Time, match func(billing.PaymentIntent) bool,
) (billing.PaymentIntent, error) {
	op := "find PaymentIntent of " + customer
	if err := wantID(op, "customer", customer); err != nil {
		return billing.PaymentIntent{}, err
	}
	params := &stripe.PaymentIntentListParams{Customer: stripe.String(customer)}
	params.Limit = stripe.Int64(pageSize)
	if !since.IsZero() {
		params.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	}
	iter := g.listIntents(ctx, op, params)
	for iter.Next() {
		if p, ok := iter.Current().(*listed); ok && match(p.intent) {
			return p.intent, nil
		}
	}
	if err := iter.Err(); err != nil {
		return billing.PaymentIntent{}, notTheAnswer(err)
	}
	return billing.PaymentIntent{}, &billing.GatewayError{Op: op, Kind: billing.GatewayNotFound}
}

// notTheAnswer distinguishes "no such customer" from "no such PaymentIntent": a customer whose
// payments can't be listed may have paid nevertheless.
func notTheAnswer(err error) error {
	var ge *billing.GatewayError
	if errors.As(err, &ge) && ge.Kind == billing.GatewayNotFound {
		other := *ge
		other.Kind = billing.GatewayRejected
		return &other
	}
	return err
}

// listed is an entry of a list. stripe-go's iterator reads the cursor of the next page from its ID
// field.
type listed struct {
	ID     string
	intent billing.PaymentIntent
}

// listIntents reads a list page by page. If the list never ends, it returns an error instead of
// "not found".
func (g *Gateway) listIntents(ctx context.Context, op string, params *stripe.PaymentIntentListParams) *stripe.Iter {
	pages := 0
	return stripe.GetIter(params, func(_ *stripe.Params, v *form.Values) ([]any, stripe.ListContainer, error) {
		var list wirePaymentIntentList
		if pages++; pages > maxPages {
			return nil, &list, unreadable(op, &answer{}, "the list does not end")
		}
		a, err := g.getPage(ctx, call{op: op, path: intentsPath}, v, &list)
		if err != nil {
			return nil, &wirePaymentIntentList{}, err
		}
		entries := make([]any, len(list.Data))
		for i, w := range list.Data {
			entries[i] = &listed{ID: w.ID, intent: g.paymentIntent(w, a.requestID)}
		}
		return entries, &list, nil
	})
}

// optional omits an empty parameter, because Stripe reads an empty value as "unset it".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
