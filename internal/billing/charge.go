package billing

import (
	"time"

	"tranche/internal/money"
)

// ChargeStatus is the state of a charge. See transitions.go for the allowed transitions.
type ChargeStatus string

const (
	// ChargeScheduled waits for its due time.
	ChargeScheduled ChargeStatus = "scheduled"
	// ChargeCollecting has an attempt in flight, or one of unknown outcome.
	ChargeCollecting ChargeStatus = "collecting"
	// ChargeRetrying was declined and will be tried again at NextAttemptAt.
	ChargeRetrying ChargeStatus = "retrying"
	// ChargeRequiresAction waits for the customer to authenticate.
	ChargeRequiresAction ChargeStatus = "requires_action"
	// ChargeRequiresPaymentMethod waits for the customer to pay with a (new) card.
	ChargeRequiresPaymentMethod ChargeStatus = "requires_payment_method"
	// ChargeSucceeded is paid.
	ChargeSucceeded ChargeStatus = "succeeded"
	// ChargeFailed was given up after declines; the customer may still pay it.
	ChargeFailed ChargeStatus = "failed"
	// ChargeCanceled will not be collected.
	ChargeCanceled ChargeStatus = "canceled"
	// ChargeRefunded was paid and refunded in full.
	ChargeRefunded ChargeStatus = "refunded"
	// ChargeDisputed was paid and is disputed by the cardholder.
	ChargeDisputed ChargeStatus = "disputed"
)

// Charge is one amount due at one time. At any time, it has at most one PaymentIntent that can be
// paid, so that Stripe itself refuses a second payment.
type Charge struct {
	ID         ChargeID
	PlanID     PlanID
	CustomerID CustomerID
	Sequence   int   // 1 is the first payment
	Amount     int64 // minor units, more than 0
	Currency   money.Currency
	DueAt      time.Time // zero: due on request
	Status     ChargeStatus

	// NextAttemptAt is when the charge is next tried off-session; zero when no attempt is planned.
	NextAttemptAt time.Time
	// ClaimAfter is when the scheduler may claim the row next: NextAttemptAt, or the end of a lease
	// while a worker has the charge. Zero exactly when NextAttemptAt is.
	ClaimAfter time.Time
	// Lease counts the claims of the row. A task carries the lease that it was made for; a task
	// with an older lease is stale.
	Lease int64

	PaymentIntent string // pi_…; empty until the first attempt reached Stripe
	AttemptCount  int    // attempts so far
	DeclineCode   string // of the last decline, or its code where Stripe gave no decline code
	Reason        string // in plain words, why the charge waits or ended; empty when there is nothing to explain

	// Checkout: the customer pays it in the merchant's checkout. It is the first payment of a plan
	// that has one.
	Checkout bool
	// PaidOutside: the merchant reported a payment outside Stripe.
	PaidOutside bool
	// Dropped: a change removed the charge from the plan, and the plan's total no longer includes
	// it.
	Dropped bool

	AmountRefunded int64 // minor units
	// DisputeStatus is the status at Stripe of the last dispute about the payment, such as
	// needs_response, won or lost; empty when there was none.
	DisputeStatus DisputeStatus

	PaidAt               time.Time // zero until paid
	CreatedAt, UpdatedAt time.Time
	Version              int64 // see Customer.Version
}

// Claim is a due charge handed to one scheduler, for one lease.
type Claim struct {
	ChargeID ChargeID
	Lease    int64
	Status   ChargeStatus // when it was claimed
}
