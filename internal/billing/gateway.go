package billing

import (
	"context"
	"time"

	"tranche/internal/money"
)

// IntentStatus is the status of a PaymentIntent or SetupIntent, in Stripe's words.
type IntentStatus string

const (
	// IntentRequiresPaymentMethod has no card, or the card was declined.
	IntentRequiresPaymentMethod IntentStatus = "requires_payment_method"
	// IntentRequiresConfirmation has a card and was not confirmed.
	IntentRequiresConfirmation IntentStatus = "requires_confirmation"
	// IntentRequiresAction waits for the customer to authenticate.
	IntentRequiresAction IntentStatus = "requires_action"
	// IntentProcessing was accepted; the result is not known yet.
	IntentProcessing IntentStatus = "processing"
	// IntentRequiresCapture is authorized and not captured. Tranche never requests it.
	IntentRequiresCapture IntentStatus = "requires_capture"
	// IntentSucceeded took the money. It is final: a refund does not change it.
	IntentSucceeded IntentStatus = "succeeded"
	// IntentCanceled is final.
	IntentCanceled IntentStatus = "canceled"
)

// PaymentIntent is what Tranche reads of a Stripe PaymentIntent.
type PaymentIntent struct {
	ID             string
	Status         IntentStatus
	Amount         int64
	AmountReceived int64
	Currency       money.Currency
	Customer       string // cus_…; may be empty
	PaymentMethod  string // pm_…; empty after a decline
	ReceiptEmail   string
	ClientSecret   Secret
	LatestCharge   string // ch_…; may be empty
	// SetupFutureUsage is off_session or on_session if the next confirmation will save its card;
	// otherwise empty.
	SetupFutureUsage string
	Metadata         map[string]string
	CreatedAt        time.Time
	Livemode         bool

	// LastError is why the last attempt failed; nil when it did not, or when Stripe cleared the
	// error.
	LastError              *Failure
	LastErrorPaymentMethod string // the card it failed on
	CancellationReason     string

	RequestID string // of the call that fetched it
}

// CanceledByStripe reports whether Stripe canceled the PaymentIntent on its own, such as after too
// many confirmations. A merchant who cancels it in the dashboard gives another reason or none.
// Source: docs.stripe.com/api/payment_intents/object, cancellation_reason.
func (p PaymentIntent) CanceledByStripe() bool {
	return p.Status == IntentCanceled && (p.CancellationReason == "automatic" || p.CancellationReason == "expired")
}

// SetupIntent is what Tranche reads of a Stripe SetupIntent.
type SetupIntent struct {
	ID            string
	Status        IntentStatus
	Customer      string
	PaymentMethod string
	ClientSecret  Secret
	Metadata      map[string]string
	CreatedAt     time.Time
}

// SetupParams are the parameters of a new SetupIntent, which saves a card for later charges without
// a payment.
type SetupParams struct {
	Customer    string // cus_… that gets the card; may be empty
	Description string
	Metadata    map[string]string
}

// PaymentMethod is what Tranche reads of a Stripe PaymentMethod.
type PaymentMethod struct {
	ID          string
	Type        string // card, …
	Customer    string // cus_… it is attached to; empty when it is not
	Brand       string
	Last4       string
	ExpMonth    int
	ExpYear     int
	Fingerprint string
	Email       string // of the billing details; may be empty
	Name        string
	CreatedAt   time.Time // zero when Stripe did not say
}

// CustomerParams are the parameters of a new Stripe customer. The card is attached in the same
// call.
type CustomerParams struct {
	PaymentMethod string
	Email         string
	Name          string
	Metadata      map[string]string
}

// Gateway is the part of Stripe that Tranche uses. Every error is a *GatewayError. Calls that
// change something take an idempotency key, which the caller commits before the call.
type Gateway interface {
	// CreatePaymentIntent creates a PaymentIntent; with OffSession it is confirmed in the same
	// call.
	CreatePaymentIntent(ctx context.Context, key string, p PaymentParams) (PaymentIntent, error)
	// ConfirmPaymentIntent confirms p.PaymentIntent with p.PaymentMethod, off-session.
	ConfirmPaymentIntent(ctx context.Context, key string, p PaymentParams) (PaymentIntent, error)
	// CancelPaymentIntent cancels a PaymentIntent that has not succeeded.
	CancelPaymentIntent(ctx context.Context, key, id string) (PaymentIntent, error)
	// CreateRefund refunds all that is left of a payment. Errors: GatewayRejected when nothing is
	// left.
	CreateRefund(ctx context.Context, key string, p RefundParams) (StripeRefund, error)
	// Refund fetches a refund. Errors: GatewayNotFound.
	Refund(ctx context.Context, id string) (StripeRefund, error)
	// PaymentIntent fetches a PaymentIntent. Errors: GatewayNotFound.
	PaymentIntent(ctx context.Context, id string) (PaymentIntent, error)
	// Payment fetches a PaymentIntent with its refunds and disputes. Errors: GatewayNotFound.
	Payment(ctx context.Context, id string) (RecordedPayment, error)
	// FindPaymentIntent returns the newest PaymentIntent of a Stripe customer that matches, of
	// those created at or after since. It lists PaymentIntents and never searches, because Stripe's
	// search lags behind. Errors: GatewayNotFound.
	FindPaymentIntent(ctx context.Context, customer string, since time.Time, match func(PaymentIntent) bool) (PaymentIntent, error)

	// CreateSetupIntent creates a SetupIntent for a card that the customer is about to enter. It
	// takes no money.
	CreateSetupIntent(ctx context.Context, key string, p SetupParams) (SetupIntent, error)
	// SetupIntent fetches a SetupIntent. Errors: GatewayNotFound.
	SetupIntent(ctx context.Context, id string) (SetupIntent, error)
	// CancelSetupIntent cancels a SetupIntent that has not succeeded.
	CancelSetupIntent(ctx context.Context, key, id string) (SetupIntent, error)
	// PaymentMethod fetches a PaymentMethod. Errors: GatewayNotFound.
	PaymentMethod(ctx context.Context, id string) (PaymentMethod, error)
	// AttachPaymentMethod attaches a PaymentMethod to a Stripe customer.
	AttachPaymentMethod(ctx context.Context, key, id, customer string) (PaymentMethod, error)
	// DetachPaymentMethod detaches a PaymentMethod from its customer, for good. It is no error if
	// the PaymentMethod is detached already or does not exist any more.
	DetachPaymentMethod(ctx context.Context, key, id string) error
	// CreateCustomer creates a Stripe customer, attaches the card, and returns the customer's id.
	CreateCustomer(ctx context.Context, key string, p CustomerParams) (string, error)
	// UpdateCustomer sets the e-mail address and name of a Stripe customer; empty values remove
	// them. Errors: GatewayNotFound for a customer that does not exist or was deleted.
	UpdateCustomer(ctx context.Context, key, id string, p CustomerParams) error
	// CustomerExists reports whether the Stripe customer exists and was not deleted.
	CustomerExists(ctx context.Context, id string) (bool, error)
}

// Secret is a string that must not be printed, logged or stored: a PaymentIntent's client secret.
// It formats as "[secret]" everywhere. Only Reveal reads it, which makes every use easy to find.
type Secret string

// Reveal returns the secret itself. Give it only to the customer it belongs to.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret from %v, %s and loggers.
func (s Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Bucket identifies a rate limit for calls to Stripe. Reads and writes have separate limits, so
// that many look-ups delay no charge.
type Bucket string

const (
	// ReadBucket limits calls that fetch (GET).
	ReadBucket Bucket = "read"
	// WriteBucket limits calls that change something (POST, DELETE).
	WriteBucket Bucket = "write"
)

// Limiter keeps the calls of all processes together within Stripe's rate limits. It is safe for
// concurrent use.
type Limiter interface {
	// Wait blocks until one call may be made. Errors: ErrUnavailable if the wait is too long; ctx's
	// own.
	Wait(ctx context.Context, bucket Bucket) error
	// Throttled records a 429 from Stripe, which slows down all processes.
	Throttled(ctx context.Context, bucket Bucket)
}

// sendCheckKey is the context's key for the check before a request is sent.
type sendCheckKey struct{}

// BeforeSending returns a context whose requests call check again immediately before they are sent:
// after the wait for a connection, before the last byte. If check fails, the request is not carried
// out.
func BeforeSending(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, sendCheckKey{}, check)
}

// SendCheck returns the check that BeforeSending set; nil when there is none.
func SendCheck(ctx context.Context) func() error {
	check, _ := ctx.Value(sendCheckKey{}).(func() error)
	return check
}
