package stripegw

import (
	"encoding/json"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// paymentIntent converts a PaymentIntent from Stripe's format.
func (g *Gateway) paymentIntent(w *wirePaymentIntent, requestID string) billing.PaymentIntent {
	charge := w.latest()
	p := billing.PaymentIntent{
		ID:                 w.ID,
		Status:             billing.IntentStatus(w.Status),
		Amount:             int64(w.Amount),
		AmountReceived:     int64(w.AmountReceived),
		Currency:           money.CurrencyOf(w.Currency),
		Customer:           string(w.Customer),
		PaymentMethod:      string(w.PaymentMethod),
		ReceiptEmail:       w.ReceiptEmail,
		ClientSecret:       billing.Secret(w.ClientSecret),
		LatestCharge:       charge.id,
		SetupFutureUsage:   w.SetupFutureUsage,
		Metadata:           w.Metadata,
		CreatedAt:          unixTime(w.Created),
		Livemode:           w.Livemode,
		CancellationReason: w.CancellationReason,
		RequestID:          requestID,
	}
	if p.PaymentMethod == "" && p.Status == billing.IntentSucceeded {
		p.PaymentMethod = charge.paymentMethod
	}
	if e := w.LastPaymentError; e != nil {
		f := g.failureOf(e)
		f.Blocked = charge.blocked
		p.LastError, p.LastErrorPaymentMethod = &f, string(e.PaymentMethod)
	}
	return p
}

// recordedPayment converts a PaymentIntent and drops the client secret, which no comparison needs.
func (g *Gateway) recordedPayment(w *wirePaymentIntent, requestID string) billing.RecordedPayment {
	charge := w.latest()
	p := billing.RecordedPayment{
		PaymentIntent: g.paymentIntent(w, requestID), AmountRefunded: charge.amountRefunded, Disputed: charge.disputed,
	}
	p.ClientSecret = ""
	return p
}

// errorIntent reads the PaymentIntent in an error; nil when there is none, or none that can be
// read. It drops the fields that must not reach logs with the error: the client secret and the
// customer's address.
func (g *Gateway) errorIntent(e *wireError, requestID string) *billing.PaymentIntent {
	if len(e.PaymentIntent) == 0 {
		return nil
	}
	var w wirePaymentIntent
	if err := json.Unmarshal(e.PaymentIntent, &w); err != nil || w.fault() != "" {
		return nil // the result may be nil
	}
	p := g.paymentIntent(&w, requestID)
	p.ClientSecret, p.ReceiptEmail = "", ""
	return &p
}

// failureOf returns the codes and the cleaned message of an error.
func (g *Gateway) failureOf(e *wireError) billing.Failure {
	return billing.Failure{
		Code:               e.Code,
		DeclineCode:        e.DeclineCode,
		AdviceCode:         e.AdviceCode,
		NetworkAdviceCode:  e.NetworkAdviceCode,
		NetworkDeclineCode: e.NetworkDeclineCode,
		Message:            g.cleaned(e.Message),
	}
}

// unixTime converts Stripe's seconds; 0 is the zero time.
func unixTime(s seconds) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

func setupIntent(w *wireSetupIntent) billing.SetupIntent {
	return billing.SetupIntent{
		ID:            w.ID,
		Status:        billing.IntentStatus(w.Status),
		Customer:      string(w.Customer),
		PaymentMethod: string(w.PaymentMethod),
		ClientSecret:  billing.Secret(w.ClientSecret),
		Metadata:      w.Metadata,
		CreatedAt:     unixTime(w.Created),
	}
}

func paymentMethod(w *wirePaymentMethod) billing.PaymentMethod {
	return billing.PaymentMethod{
		ID:          w.ID,
		Type:        w.Type,
		Customer:    string(w.Customer),
		Brand:       w.Card.Brand,
		Last4:       w.Card.Last4,
		ExpMonth:    int(w.Card.ExpMonth),
		ExpYear:     int(w.Card.ExpYear),
		Fingerprint: w.Card.Fingerprint,
		Email:       w.BillingDetails.Email,
		Name:        w.BillingDetails.Name,
		CreatedAt:   unixTime(w.Created),
	}
}
