package stripegw

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

// failure converts the failure of a call into a *billing.GatewayError. err is stripe-go's; its text
// is never used.
func (g *Gateway) failure(op string, a *answer, err error) *billing.GatewayError {
	if !a.begun && !isHangUp(err) {
		return &billing.GatewayError{Op: op, Kind: billing.GatewayRejected, Failure: billing.Failure{Message: "not sent: " + requestText(err)}}
	}
	if !a.whole {
		return unreadable(op, a, transportText(err))
	}
	body := errorIn(a)
	if body == nil {
		return strangeAnswer(op, a)
	}
	e := &billing.GatewayError{
		Op:            op,
		Kind:          kindOf(a.status, body),
		HTTPStatus:    a.status,
		Type:          body.Type,
		Param:         body.Param,
		Failure:       g.failureOf(body),
		RequestID:     a.requestID,
		Replayed:      a.replayed,
		PaymentIntent: g.errorIntent(body, a.requestID),
		StripeCharge:  string(body.Charge),
	}
	if pi := e.PaymentIntent; pi != nil && pi.LastError != nil {
		e.Failure.Blocked = pi.LastError.Blocked
	}
	return e
}

// isHangUp reports whether a call ended because its caller canceled it or its time ran out.
func isHangUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// requestText returns why a request could not be built. The error's own text may quote the URL.
func requestText(err error) string {
	if errors.Is(err, errNotHeader) {
		return errNotHeader.Error()
	}
	return "the request can't be built"
}

// errorIn reads Stripe's error from a response; nil when it holds none.
func errorIn(a *answer) *wireError {
	var body struct {
		Error *wireError `json:"error"`
	}
	if a.status < 400 || json.Unmarshal(a.body, &body) != nil {
		return nil
	}
	return body.Error
}

// strangeAnswer returns the error for a response that is not Stripe's, such as a proxy's page. Only
// a 429 is clear without a body.
func strangeAnswer(op string, a *answer) *billing.GatewayError {
	e := unreadable(op, a, "the answer can't be read")
	if a.status == http.StatusTooManyRequests {
		e.Kind = billing.GatewayLimited
	}
	return e
}

// unreadable returns the error of a call whose outcome is unknown, with the cause.
func unreadable(op string, a *answer, why string) *billing.GatewayError {
	return &billing.GatewayError{
		Op:         op,
		Kind:       billing.GatewayUnknown,
		HTTPStatus: a.status,
		RequestID:  a.requestID,
		Replayed:   a.replayed,
		Failure:    billing.Failure{Message: why},
	}
}

// kindOf classifies Stripe's error by what the caller must do next. The order matters: a server
// error shows nothing about the card, even with a card error in its body, and a card error is a
// finished request with any other status. Source: docs.stripe.com/error-low-level,
// docs.stripe.com/error-codes.
func kindOf(status int, e *wireError) billing.GatewayKind {
	code := stripe.ErrorCode(e.Code)
	switch {
	case status >= http.StatusInternalServerError:
		return billing.GatewayUnknown
	case code == stripe.ErrorCodeIdempotencyKeyInUse:
		return billing.GatewayInProgress
	case isWrongState(code):
		return billing.GatewayWrongState
	case e.Type == string(stripe.ErrorTypeCard), e.DeclineCode != "", isDecline(code):
		return billing.GatewayDeclined
	case isLimit(code):
		return billing.GatewayLimited
	case code == stripe.ErrorCodeResourceMissing:
		return billing.GatewayNotFound
	}
	return kindOfStatus(status)
}

// kindOfStatus classifies an error by its status if its code is not decisive.
func kindOfStatus(status int) billing.GatewayKind {
	switch status {
	case http.StatusPaymentRequired:
		return billing.GatewayDeclined
	case http.StatusTooManyRequests:
		return billing.GatewayLimited
	case http.StatusConflict:
		return billing.GatewayInProgress
	case http.StatusUnauthorized, http.StatusForbidden:
		return billing.GatewayUnauthorized
	case http.StatusNotFound:
		return billing.GatewayNotFound
	}
	return billing.GatewayRejected
}

// isWrongState reports whether the code means that the state of a PaymentIntent or SetupIntent
// forbids the call.
func isWrongState(code stripe.ErrorCode) bool {
	return code == stripe.ErrorCodePaymentIntentUnexpectedState ||
		code == stripe.ErrorCodeSetupIntentUnexpectedState ||
		code == stripe.ErrorCodeIntentInvalidState
}

// isDecline reports whether the code is a card's decline. Type and status are ignored, because some
// servers with Stripe's API use others than card_error and 402.
func isDecline(code stripe.ErrorCode) bool {
	return code == stripe.ErrorCodeCardDeclined ||
		code == stripe.ErrorCodeAuthenticationRequired ||
		code == stripe.ErrorCodeInsufficientFunds ||
		code == stripe.ErrorCodeExpiredCard
}

// isLimit reports whether the request was rejected before it was processed.
func isLimit(code stripe.ErrorCode) bool {
	return code == stripe.ErrorCodeLockTimeout || code == stripe.ErrorCodeRateLimit
}
