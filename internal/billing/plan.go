package billing

import (
	"time"

	"tranche/internal/money"
	"tranche/internal/schedule"
)

// PlanKind is the kind of agreement.
type PlanKind string

const (
	// KindInstallments splits a total into parts, the first paid at once.
	KindInstallments PlanKind = "installments"
	// KindDeposit takes a deposit at once and the balance on a date.
	KindDeposit PlanKind = "deposit"
	// KindRecurring charges the same amount repeatedly: until a date, a number of times, or until
	// it is canceled.
	KindRecurring PlanKind = "recurring"
	// KindDeferred takes one amount later, on a date or on request.
	KindDeferred PlanKind = "deferred"
)

// PlanStatus is the state of a plan. See transitions.go for the allowed transitions.
type PlanStatus string

const (
	// PlanAwaitingFirstPayment waits for the customer to pay the first charge in the merchant's
	// checkout.
	PlanAwaitingFirstPayment PlanStatus = "awaiting_first_payment"
	// PlanActive collects charges when they fall due.
	PlanActive PlanStatus = "active"
	// PlanPastDue has a charge that was declined and is not yet paid.
	PlanPastDue PlanStatus = "past_due"
	// PlanPaused collects nothing until it is resumed.
	PlanPaused PlanStatus = "paused"
	// PlanCompleted is paid in full.
	PlanCompleted PlanStatus = "completed"
	// PlanCanceled will collect nothing more.
	PlanCanceled PlanStatus = "canceled"
	// PlanDefaulted was given up as unpaid.
	PlanDefaulted PlanStatus = "defaulted"
)

// Collects reports whether a plan in this status collects charges when they fall due.
func (s PlanStatus) Collects() bool { return s == PlanActive || s == PlanPastDue }

// Over reports whether a plan in this status will charge nothing more.
func (s PlanStatus) Over() bool { return s == PlanCompleted || s == PlanCanceled }

// Plan is an agreement with a customer: the amounts to pay, and when.
type Plan struct {
	ID         PlanID
	Reference  string // the merchant's own name for the plan, such as an order number; unique
	CustomerID CustomerID
	CardID     CardID // the card that is charged; empty until one is saved
	Kind       PlanKind
	Status     PlanStatus
	Currency   money.Currency
	Total      int64 // minor units; always the sum of the charges that were not dropped: see SumOf

	// Terms is the request that created the plan, as canonical JSON: the record of the agreement,
	// and the reference for repeated requests.
	Terms []byte

	// Reason is why the plan is paused, canceled or defaulted, in plain words; empty otherwise.
	Reason      string
	Policy      string // name of the dunning policy; empty means the default one
	BackupCards bool   // the customer agreed that another saved card may be charged when this one can't be

	// SetupIntent is the SetupIntent (seti_…) that saves the card of a plan without a first
	// payment; empty if there is a first payment, or if a saved card was named.
	SetupIntent string
	// SetupRequest is the request that creates the SetupIntent. It is stored before it is sent, and
	// resent unchanged; zero if there is none.
	SetupRequest SetupRequest
	// Recurrence defines the charges after the last existing one; zero when all charges of the plan
	// exist.
	Recurrence schedule.Recurrence
	// Schedule defines how the plan's dates are counted; zero for a plan that was stored without
	// one: see ScheduleFor.
	Schedule schedule.Schedule
	// CatchUp is the rule for periods that an outage missed.
	CatchUp CatchUp
	// Account is the connected account (acct_…) that charges, customer and cards belong to; empty
	// for the platform's own.
	Account string
	// Connect holds the parameters of Stripe Connect for each payment.
	Connect Connect

	// ExpiresAt is when the plan is canceled if it is not active by then; zero if its terms set no
	// such time: see ExpiryAfter.
	ExpiresAt time.Time

	CreatedAt, UpdatedAt time.Time
	ActivatedAt          time.Time // when the first payment succeeded; zero before
	PausedAt             time.Time // when it was paused; zero when it is not
	Version              int64     // see Customer.Version
}

// SetupRequest holds what must not change when the request for a plan's SetupIntent is resent.
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

// Alone returns the request without its Stripe customer, under a key of its own.
func (r SetupRequest) Alone() SetupRequest { return SetupRequest{Key: r.Key + "-new"} }

// IsFor reports whether r is the request for the plan's next SetupIntent.
func (r SetupRequest) IsFor(p Plan) bool {
	next := NewSetupRequest(p.ID, p.SetupIntent, "")
	return r.Key == next.Key || r.Key == next.Alone().Key
}

// AwaitedCard reports whether a charge stands for the SetupIntent of its plan: it is the first
// charge, and the plan never had a card. When such a plan is canceled, the charge stays due until
// Stripe reports the SetupIntent as canceled.
func (p Plan) AwaitedCard(c Charge) bool {
	return p.SetupIntent != "" && p.ActivatedAt.IsZero() && c.Sequence == 1
}

// PlanStatuses lists every status of a plan.
func PlanStatuses() []PlanStatus {
	return []PlanStatus{
		PlanAwaitingFirstPayment, PlanActive, PlanPastDue, PlanPaused, PlanCompleted, PlanCanceled, PlanDefaulted,
	}
}

// ExpiryAfter returns when a plan that waits for its checkout is canceled: the time in its own
// terms, or days after it was created. Zero means never, as for 0 days.
func (p Plan) ExpiryAfter(days int) time.Time {
	if !p.ExpiresAt.IsZero() || days == 0 {
		return p.ExpiresAt
	}
	return p.CreatedAt.AddDate(0, 0, days)
}

// SumOf returns the sum of a plan's charges, which is Plan.Total. Dropped charges do not count.
func SumOf(charges []Charge) (sum int64) {
	for _, c := range charges {
		if !c.Dropped {
			sum += c.Amount
		}
	}
	return sum
}
