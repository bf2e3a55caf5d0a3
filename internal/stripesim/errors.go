package stripesim

import (
	"fmt"
	"strings"
)

// apiError is an error response of the API.
type apiError struct {
	status int
	body   object
	header map[string]string
	// unsaved marks responses that are not stored under an idempotency key.
	unsaved bool
}

func newError(status int, kind, code, message string) *apiError {
	body := object{"type": kind, "message": message}
	if code != "" {
		body["code"] = code
		body["doc_url"] = docURL(code)
	}
	return &apiError{status: status, body: body}
}

func docURL(code string) string {
	return "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
}

func invalid(code, message string) *apiError {
	return newError(400, "invalid_request_error", code, message)
}

func (e *apiError) on(param string) *apiError {
	e.body["param"] = param
	return e
}

func (e *apiError) with(name string, value any) *apiError {
	e.body[name] = value
	return e
}

func (e *apiError) notSaved() *apiError {
	e.unsaved = true
	return e
}

func (e *apiError) withHeader(name, value string) *apiError {
	if e.header == nil {
		e.header = map[string]string{}
	}
	e.header[name] = value
	return e
}

// missing is the error for an unknown id: 404 when the id is the address, 400
// when another object's parameter refers to it.
func missing(status int, what, id, param string) *apiError {
	return newError(status, "invalid_request_error", "resource_missing",
		fmt.Sprintf("No such %s: '%s'", what, id)).on(param)
}

func unexpectedState(message string, intentField string, intent object) *apiError {
	code := intentField + "_unexpected_state"
	return invalid(code, message).with(intentField, intent)
}

func rateLimited() *apiError {
	return newError(429, "invalid_request_error", "rate_limit",
		"Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.").
		withHeader("Stripe-Rate-Limited-Reason", "endpoint-rate").notSaved()
}

func lockTimeout() *apiError {
	return newError(429, "invalid_request_error", "lock_timeout",
		"This object cannot be accessed right now because another API request or Stripe process is currently accessing it. "+
			"If you see this error intermittently, retry the request. If you see this error frequently and are making multiple "+
			"concurrent requests to a single object, make your requests serially or at a lower rate. "+
			"For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.").notSaved()
}

func serverError() *apiError {
	return newError(500, "api_error", "",
		"An unknown error occurred. If you have any questions, we can help at https://support.stripe.com/.")
}

func unknownRoute(method, path string) *apiError {
	return newError(404, "invalid_request_error", "",
		fmt.Sprintf("Unrecognized request URL (%s: %s). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
			method, path)).notSaved()
}
