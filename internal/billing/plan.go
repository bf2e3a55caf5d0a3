package billing

import "time"

// PlanKind says what sort of agreement a plan is.
type PlanKind string

const (
	// KindInstallments splits a total into parts, the first paid at once.
	KindInstallments PlanKind = "installments"
	// KindDeposit takes a deposit at once and the balance on a date.
	KindDeposit PlanKind = "deposit"
	// KindRecurring charges the same amount again and again: until a date, a number of times, or
	// until it is canceled.
	KindRecurring PlanKind = "recurring"
	// KindDeferred takes one amount later, on a date or on the merchant's word.
	KindDeferred PlanKind = "deferred"
)

// PlanStatus is the state of a plan. See transitions.go for what may follow what.
type PlanStatus string

const (
	// PlanAwaitingFirstPayment waits for the customer to pay the first charge in the merchant's
	// checkout.
	PlanAwaitingFirstPayment PlanStatus = "awaiting_first_payment"
	// PlanActive charges what falls due.
	PlanActive PlanStatus = "active"
	// PlanPastDue has a charge that was declined and is not yet paid.
	PlanPastDue PlanStatus = "past_due"
	// PlanPaused charges nothing until it is resumed.
	PlanPaused PlanStatus = "paused"
	// PlanCompleted is paid in full.
	PlanCompleted PlanStatus = "completed"
	// PlanCanceled will charge nothing more.
	PlanCanceled PlanStatus = "canceled"
	// PlanDefaulted was given up as unpaid.
	PlanDefaulted PlanStatus = "defaulted"
)

// Collects says whether a plan in this status charges what falls due.
func (s PlanStatus) Collects() bool { return s == PlanActive || s == PlanPastDue }

// Plan is what a customer agreed to pay, and when.
type Plan struct {
	ID         PlanID
	Reference  string // the merchant's own name for the plan, such as an order number; unique
	CustomerID CustomerID
	CardID     CardID // the card that is charged; empty until one is saved
	Kind       PlanKind
	Status     PlanStatus
	Currency   Currency
	Total      int64 // minor units; always the sum of the charges' amounts, but for those that were dropped: see SumOf

	// Terms is the request that made the plan, as canonical JSON: the record of what was agreed,
	// and what a repeated request is compared with.
	Terms []byte

	// Reason says in plain words why the plan is paused, canceled or defaulted; empty otherwise.
	Reason      string
	Policy      string // name of the dunning policy; empty means the default one
	BackupCards bool   // the customer agreed that another saved card may be charged when this one can't be

	// SetupIntent is the SetupIntent (seti_…) by which the customer gives the card of a plan
	// without a first payment; empty where there is one, or where a saved card was named.
	SetupIntent string
	// SetupRequest is the request that makes the SetupIntent. It is stored before it is sent, and sent
	// again as it is stored; zero where there is none.
	SetupRequest SetupRequest
	// Recurrence is how the charges go on after the last one there is; zero when the plan has all
	// of its charges.
	Recurrence Recurrence
	// Schedule is how the plan's dates are counted; zero for a plan that was stored without one:
	// see ScheduleFor.
	Schedule Schedule
	// CatchUp is what becomes of periods that an outage missed.
	CatchUp CatchUp
	// Account is the connected account (acct_…) that charges, customer and cards belong to; empty
	// for the platform's own.
	Account string
	// Connect is what Stripe Connect is told with each payment.
	Connect Connect

	// ExpiresAt is when the plan is canceled, where it is not active by then; zero where its terms
	// set no such time: see ExpiryAfter.
	ExpiresAt time.Time

	CreatedAt, UpdatedAt time.Time
	ActivatedAt          time.Time // when the first payment succeeded; zero before
	PausedAt             time.Time // since when it is paused; zero when it is not
	Version              int64     // see Customer.Version
}

// SetupRequest is what must not change when the request for a plan's SetupIntent is sent again.
type SetupRequest struct {
	Key      string // the idempotency key; empty means that no request is stored
	Customer string // the Stripe customer (cus_…) that the card is attached to; may be empty
}

// NewSetupRequest returns the request for the first SetupIntent of a plan, or for the one that
// replaces a canceled SetupIntent. customer is the Stripe customer (cus_…); may be empty.
func NewSetupRequest(plan PlanID, canceled, customer string) SetupRequest {
	key := "setup-" + string(plan)
	if canceled != "" {
		key += "-" + canceled
	}
	return SetupRequest{Key: key, Customer: customer}
}

// AwaitedCard says whether a charge stands for the SetupIntent of its plan: it is the first, and
// the plan never had its card. When such a plan is canceled the charge stays due until the
// SetupIntent is seen canceled at Stripe.
func (p Plan) AwaitedCard(c Charge) bool {
	return p.SetupIntent != "" && p.ActivatedAt.IsZero() && c.Sequence == 1
}

// PlanStatuses lists every status of a plan.
func PlanStatuses() []PlanStatus {
	return []PlanStatus{
		PlanAwaitingFirstPayment, PlanActive, PlanPastDue, PlanPaused, PlanCompleted, PlanCanceled, PlanDefaulted,
	}
}
