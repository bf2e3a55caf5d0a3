package stripegw

import (
	"context"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"tranche/internal/billing"
)

// Payments reads the PaymentIntents created from from to to (exclusive), newest first, each with
// its latest charge, which needs no extra call. Errors: *billing.GatewayError, or fn's own.
func (r *Record) Payments(ctx context.Context, from, to time.Time, fn func(page []billing.RecordedPayment) error) error {
	op := "list PaymentIntents"
	params := &stripe.PaymentIntentListParams{
		CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Unix()},
	}
	return r.pages(ctx, op, func(ctx context.Context, after string) (string, error) {
		page, more, err := r.paymentPage(ctx, op, params, after)
		if err != nil {
			return "", err
		}
		if err := fn(page); err != nil || !more || len(page) == 0 {
			return "", err
		}
		last := page[len(page)-1]
		if !last.CreatedAt.IsZero() && last.CreatedAt.Before(from.Truncate(time.Second)) {
			return "", nil // a server that ignores created[gte]: all others are older
		}
		return last.ID, nil
	})
}

func (r *Record) paymentPage(ctx context.Context, op string, params *stripe.PaymentIntentListParams, after string) ([]billing.RecordedPayment, bool, error) {
	values := &form.Values{}
	form.AppendTo(values, params)
	values.Add("limit", fmt.Sprint(pageSize))
	values.Add("expand[]", "data.latest_charge")
	if after != "" {
		values.Add("starting_after", after)
	}
	var list wirePaymentIntentList
	var a *answer
	err := r.patiently(ctx, func() (err error) {
		list = wirePaymentIntentList{}
		a, err = r.gateway.getPage(ctx, call{op: op, path: intentsPath, charge: true}, values, &list)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	page := make([]billing.RecordedPayment, len(list.Data))
	for i, w := range list.Data {
		page[i] = r.gateway.recordedPayment(w, a.requestID)
	}
	return page, list.HasMore, nil
}

// Payment reads one PaymentIntent with its latest charge. Errors: *billing.GatewayError, with
// GatewayNotFound when it does not exist.
func (r *Record) Payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	var p billing.RecordedPayment
	err := r.patiently(ctx, func() (err error) {
		p, err = r.gateway.payment(ctx, id)
		return err
	})
	return p, err
}
