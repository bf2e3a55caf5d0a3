package billing

import "time"

// ChargeStatus is the state of a charge. See transitions.go for what may follow what.
type ChargeStatus string

const (
	// ChargeScheduled waits for its due time.
	ChargeScheduled ChargeStatus = "scheduled"
	// ChargeCollecting has an attempt under way, or one whose outcome is not known yet.
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
	// ChargeRefunded was paid and given back in full.
	ChargeRefunded ChargeStatus = "refunded"
	// ChargeDisputed was paid and is disputed by the cardholder.
	ChargeDisputed ChargeStatus = "disputed"
)

// Charge is one amount due at one time. It has one PaymentIntent for life, so Stripe itself refuses
// to be paid for it twice.
type Charge struct {
	ID         ChargeID
	PlanID     PlanID
	CustomerID CustomerID
	Sequence   int   // 1 is the first payment
	Amount     int64 // minor units, more than 0
	Currency   Currency
	DueAt      time.Time // zero: it waits for the merchant's word
	Status     ChargeStatus

	// NextAttemptAt is when the charge is next tried without the customer; zero when nothing is
	// planned.
	NextAttemptAt time.Time
	// WakeAt is when the scheduler looks at the row next: NextAttemptAt, or the end of a lease
	// while somebody works on it. Zero exactly when NextAttemptAt is.
	WakeAt time.Time
	// Lease counts how often the row was claimed. A task carries the lease it was made for; an
	// older one is stale.
	Lease int64

	PaymentIntent string // pi_…; empty until the first attempt reached Stripe
	AttemptCount  int    // attempts so far
	DeclineCode   string // of the last decline, or its code where Stripe gave no decline code
	Reason        string // in plain words, why the charge waits or ended; empty when there is nothing to explain

	// Checkout: the customer pays it in the merchant's checkout. It is the first payment of a plan
	// that has one.
	Checkout bool
	// PaidOutside: the merchant said that it was paid, and no money came through Stripe.
	PaidOutside bool
	// Dropped: it was taken out of the plan by a change, and its amount is in the plan's total no more.
	Dropped bool

	AmountRefunded int64 // minor units given back of what was paid
	// DisputeStatus is what Stripe says of the last dispute about the payment, such as
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
