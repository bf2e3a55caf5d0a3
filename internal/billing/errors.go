package billing

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Errors that callers distinguish. Compare with errors.Is, because they arrive wrapped.
var (
	// ErrNotFound: the object does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the row was changed by another process since it was read.
	ErrConflict = errors.New("changed in the meantime")
	// ErrExists: an object with this unique key exists already.
	ErrExists = errors.New("exists already")
	// ErrUnavailable: a required service (database, queue, Stripe) can't be reached.
	ErrUnavailable = errors.New("service unavailable")
)

// FieldError describes the fault of one field of a request.
type FieldError struct {
	Field   string `json:"field"` // path as the sender wrote it, such as customer.email
	Message string `json:"message"`
}

// InvalidError is the refusal of an invalid request. It names every field at fault.
type InvalidError struct{ Fields []FieldError }

// Error lists the fields with their faults.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + ": " + f.Message
	}
	return "invalid request: " + strings.Join(parts, "; ")
}

// Add adds the fault of a field.
func (e *InvalidError) Add(field, format string, args ...any) {
	e.Fields = append(e.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// OrNil returns the error if it names a fault, otherwise nil.
func (e *InvalidError) OrNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// GatewayKind classifies failed calls to Stripe by what the caller must do next.
type GatewayKind string

const (
	// GatewayDeclined: the request was carried out and the card was declined. A retry needs a new
	// key.
	GatewayDeclined GatewayKind = "declined"
	// GatewayUnknown: no readable response (timeout, connection, 5xx). The request may have been
	// carried out. Retry with the same key.
	GatewayUnknown GatewayKind = "unknown"
	// GatewayLimited: rejected before it was processed (429, lock timeout). Retry later with the
	// same key.
	GatewayLimited GatewayKind = "limited"
	// GatewayInProgress: a request with this key is in flight (409). Retry later with the same key.
	GatewayInProgress GatewayKind = "in_progress"
	// GatewayParked: not sent, because Stripe does not respond or too many calls are waiting. Retry
	// later with the same key.
	GatewayParked GatewayKind = "parked"
	// GatewayUnauthorized: the API key is wrong or lacks a permission (401, 403). Nothing happened.
	// Retry the same request once that is fixed.
	GatewayUnauthorized GatewayKind = "unauthorized"
	// GatewayNotFound: the object does not exist (resource_missing).
	GatewayNotFound GatewayKind = "not_found"
	// GatewayWrongState: the PaymentIntent is in a state that forbids the call. Fetch it to decide.
	GatewayWrongState GatewayKind = "wrong_state"
	// GatewayRejected: the request itself is wrong (other 4xx). Nothing happened, and a retry will
	// fail too.
	GatewayRejected GatewayKind = "rejected"
)

// GatewayError is a failed call to Stripe. It holds no secret, so it is safe to log, store and
// wrap.
type GatewayError struct {
	Op         string // the call, such as "confirm PaymentIntent pi_1"
	Kind       GatewayKind
	HTTPStatus int // 0 without a response
	Type       string
	Param      string
	Failure    Failure
	Permission string // the permission that the restricted key lacks, such as "PaymentIntents: Write"; else empty
	RequestID  string
	Replayed   bool          // the response is the stored one of an earlier request under the same key
	RetryIn    time.Duration // of a parked call: the real time until it may be retried; 0 when unknown

	// PaymentIntent is the one in the error, when Stripe sent one. It often does not, so never rely
	// on it.
	PaymentIntent *PaymentIntent
	StripeCharge  string // ch_… of the failed charge, when Stripe sent one
}

// Error describes the call and why it failed. It never holds a secret.
func (e *GatewayError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: stripe: %s", e.Op, e.Kind)
	if e.Permission != "" {
		fmt.Fprintf(&b, ", the key lacks the permission %s", e.Permission)
	}
	for _, s := range []string{e.Failure.Code, e.Failure.DeclineCode, e.Failure.Message} {
		if s != "" {
			b.WriteString(", " + s)
		}
	}
	if e.HTTPStatus != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.HTTPStatus)
		if e.RequestID != "" {
			b.WriteString(", " + e.RequestID)
		}
		b.WriteString(")")
	}
	return b.String()
}

// Is makes errors.Is(err, ErrNotFound) and errors.Is(err, ErrUnavailable) true for the matching
// kinds.
func (e *GatewayError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Kind == GatewayNotFound
	case ErrUnavailable:
		return e.Kind == GatewayUnknown || e.Kind == GatewayLimited || e.Kind == GatewayInProgress || e.Kind == GatewayParked
	}
	return false
}

// Resend reports whether the same request must be sent again under the same key.
func (e *GatewayError) Resend() bool {
	switch e.Kind {
	case GatewayUnknown, GatewayLimited, GatewayInProgress, GatewayParked, GatewayUnauthorized:
		return true
	}
	return false
}

// NotOffered reports whether the server does not serve a path: the key lacks the permission, or a
// proxy or a stand-in for Stripe does not know the path. The body of such a response is often not
// Stripe's. A wrong key (401) does not count.
func NotOffered(err error) bool {
	var ge *GatewayError
	if !errors.As(err, &ge) {
		return false
	}
	switch ge.HTTPStatus {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// Finished reports whether the key of a request is used up although the outcome is unknown: Stripe
// failed while it carried out the request, and returns the same response under its key for a day.
// The caller looks for the object that the request may have created, and continues under a new key
// if there is none. Source: docs.stripe.com/api/idempotent_requests ("regardless of whether it
// succeeds or fails").
func (e *GatewayError) Finished() bool {
	return e.Kind == GatewayUnknown && e.Replayed && e.HTTPStatus >= 500
}
