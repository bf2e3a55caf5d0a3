package stripegw

import (
	"context"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"tranche/internal/billing"
)

// Payment fetches a PaymentIntent with its refunds and disputes. The charge does not show whether a
// dispute was won, so the newest dispute is fetched if there was any. Errors:
// *billing.GatewayError, with GatewayNotFound when the PaymentIntent does not exist.
func (g *Gateway) Payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	p, err := g.payment(ctx, id)
	if err != nil || !p.Disputed {
		return p, err
	}
	p.Dispute, err = g.newestDispute(ctx, id)
	return p, err
}

func (g *Gateway) payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	op := "get PaymentIntent " + id
	if err := wantID(op, "PaymentIntent", id); err != nil {
		return billing.RecordedPayment{}, err
	}
	params := &stripe.PaymentIntentParams{}
	params.AddExpand("latest_charge")
	var w wirePaymentIntent
	a, err := g.get(ctx, call{op: op, path: stripe.FormatURLPath(intentPath, id), params: params, charge: true}, &w)
	if err != nil {
		return billing.RecordedPayment{}, err
	}
	return g.recordedPayment(&w, a.requestID), nil
}

// newestDispute returns the status of the dispute that was opened last; Stripe lists disputes
// newest first. It is empty if Stripe lists none.
func (g *Gateway) newestDispute(ctx context.Context, paymentIntent string) (billing.DisputeStatus, error) {
	values := &form.Values{}
	values.Add("payment_intent", paymentIntent)
	values.Add("limit", "1")
	var list wireDisputeList
	if _, err := g.getPage(ctx, call{op: "list disputes of " + paymentIntent, path: "/v1/disputes"}, values, &list); err != nil {
		return "", err
	}
	if len(list.Data) == 0 {
		return "", nil
	}
	return billing.DisputeStatus(list.Data[0].Status), nil
}

type wireDisputeList struct {
	stripe.APIResource
	Object string `json:"object"`
	Data   []struct {
		Status string `json:"status"`
	} `json:"data"`
}

func (l *wireDisputeList) fault() string {
	if l.Object != "" && l.Object != "list" || l.Data == nil {
		return "the answer is not a list"
	}
	return ""
}
