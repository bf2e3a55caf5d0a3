package billing

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Errors that a caller decides by. Compare with errors.Is: they arrive wrapped.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the row was changed by somebody else since it was read.
	ErrConflict = errors.New("changed by somebody else")
	// ErrExists: an object with this unique key exists already.
	ErrExists = errors.New("exists already")
	// ErrUnavailable: a service that is needed (database, queue, Stripe) can't be reached now.
	ErrUnavailable = errors.New("service unavailable")
)

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string `json:"field"` // path as the sender wrote it, such as customer.email
	Message string `json:"message"`
}

// InvalidError is a request that can't be taken as it stands; it names every field at fault.
type InvalidError struct{ Fields []FieldError }

// Error lists the fields and what is wrong with each.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + ": " + f.Message
	}
	return "invalid request: " + strings.Join(parts, "; ")
}

// add notes a fault. It is used by the validators of this package.
func (e *InvalidError) add(field, format string, args ...any) {
	e.Fields = append(e.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// orNil returns the error when it names a fault, else nil.
func (e *InvalidError) orNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// GatewayKind sorts what can go wrong in a call to Stripe by what to do next.
type GatewayKind string

const (
	// GatewayDeclined: the request was carried out and the card was refused. Trying again takes a
	// new key.
	GatewayDeclined GatewayKind = "declined"
	// GatewayUnknown: no readable answer (timeout, connection, 5xx). It may have been carried out:
	// same key again.
	GatewayUnknown GatewayKind = "unknown"
	// GatewayLimited: turned away before it was looked at (429, lock timeout). Same key again, later.
	GatewayLimited GatewayKind = "limited"
	// GatewayInProgress: a request with this key is being carried out (409). Same key again, later.
	GatewayInProgress GatewayKind = "in_progress"
	// GatewayParked: not sent at all, because Stripe is not answering or too many calls wait. Same
	// key again, later.
	GatewayParked GatewayKind = "parked"
	// GatewayUnauthorized: the key is wrong or lacks a permission (401, 403). Nothing happened. The
	// same request again, once that is fixed.
	GatewayUnauthorized GatewayKind = "unauthorized"
	// GatewayNotFound: the object does not exist (resource_missing).
	GatewayNotFound GatewayKind = "not_found"
	// GatewayWrongState: the PaymentIntent is in a state that forbids the call. Fetch it and look.
	GatewayWrongState GatewayKind = "wrong_state"
	// GatewayRejected: the request itself is wrong (other 4xx). Nothing happened; the same again
	// will not help.
	GatewayRejected GatewayKind = "rejected"
)

// GatewayError is a failed call to Stripe, without its secrets: it is safe to log, store and wrap.
type GatewayError struct {
	Op         string // what was being done, such as "confirm PaymentIntent pi_1"
	Kind       GatewayKind
	HTTPStatus int // 0 when there was no answer
	Type       string
	Param      string
	Failure    Failure
	Permission string // that the restricted key lacks for this call, such as "PaymentIntents: Write"; else empty
	RequestID  string
	Replayed   bool          // Stripe's stored answer to an earlier request under the same key
	RetryIn    time.Duration // of a parked call: the real time after which it may be tried again; 0 when nobody knows

	// PaymentIntent is the one in the error, when Stripe sent one. It often does not: never rely on it.
	PaymentIntent *PaymentIntent
	StripeCharge  string // ch_… of the failed charge, when Stripe sent one
}

// Error says what was being done and why it failed; it never holds a secret.
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

// Is makes errors.Is(err, ErrNotFound) and errors.Is(err, ErrUnavailable) hold for the kinds that
// mean it.
func (e *GatewayError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Kind == GatewayNotFound
	case ErrUnavailable:
		return e.Kind == GatewayUnknown || e.Kind == GatewayLimited || e.Kind == GatewayInProgress || e.Kind == GatewayParked
	}
	return false
}

// Resend says whether the same request is to be sent again under the same key.
func (e *GatewayError) Resend() bool {
	switch e.Kind {
	case GatewayUnknown, GatewayLimited, GatewayInProgress, GatewayParked, GatewayUnauthorized:
		return true
	}
	return false
}

// NotOffered reports whether a server refuses to answer for a path: the key lacks the permission,
// or a server that stands in for Stripe, or a proxy before it, does not know the path. The body of
// such an answer is often not Stripe's. A wrong key (401) is something else.
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
// failed in carrying the request out, and answers the same under its key for a day. The caller
// looks at once for what the request made, and goes on under a new key where it finds nothing.
// Source: docs.stripe.com/api/idempotent_requests ("regardless of whether it succeeds or fails").
func (e *GatewayError) Finished() bool {
	return e.Kind == GatewayUnknown && e.Replayed && e.HTTPStatus >= 500
}
