package stripegw

import (
	"context"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
	"tranche/internal/money"
)

const refundsPath = "/v1/refunds"

// CreateRefund refunds all that is left of a payment. No amount is sent, so no call can refund more
// than that. Source: docs.stripe.com/api/refunds/create. Errors: *billing.GatewayError, with
// GatewayRejected when nothing is left or the payment is disputed.
func (g *Gateway) CreateRefund(ctx context.Context, key string, p billing.RefundParams) (billing.StripeRefund, error) {
	op := "refund PaymentIntent " + p.PaymentIntent
	if err := wantID(op, "PaymentIntent", p.PaymentIntent); err != nil {
		return billing.StripeRefund{}, err
	}
	var w wireRefund
	params := &stripe.RefundParams{PaymentIntent: stripe.String(p.PaymentIntent), Metadata: p.Metadata}
	if p.ReverseTransfer {
		params.ReverseTransfer = stripe.Bool(true)
	}
	if p.RefundFee {
		params.RefundApplicationFee = stripe.Bool(true)
	}
	if _, err := g.post(ctx, key, call{op: op, path: refundsPath, params: params}, &w); err != nil {
		return billing.StripeRefund{}, err
	}
	return w.refund(), nil
}

// Refund fetches a refund. Source: docs.stripe.com/api/refunds/retrieve. Errors:
// *billing.GatewayError.
func (g *Gateway) Refund(ctx context.Context, id string) (billing.StripeRefund, error) {
	op := "get refund " + id
	if err := wantID(op, "refund", id); err != nil {
		return billing.StripeRefund{}, err
	}
	var w wireRefund
	c := call{op: op, path: stripe.FormatURLPath(refundsPath+"/%s", id), params: &stripe.RefundParams{}}
	if _, err := g.get(ctx, c, &w); err != nil {
		return billing.StripeRefund{}, err
	}
	return w.refund(), nil
}

type wireRefund struct {
	header
	Status        string `json:"status"`
	Amount        number `json:"amount"`
	Currency      string `json:"currency"`
	PaymentIntent ref    `json:"payment_intent"`
	FailureReason string `json:"failure_reason"`
	Metadata      texts  `json:"metadata"`
}

func (r *wireRefund) refund() billing.StripeRefund {
	return billing.StripeRefund{
		ID: r.ID, Status: r.Status, Amount: int64(r.Amount), Currency: money.CurrencyOf(r.Currency), PaymentIntent: string(r.PaymentIntent),
		Failure: r.FailureReason, Metadata: r.Metadata,
	}
}

func (r *wireRefund) fault() string { return r.faultAs("refund") }
