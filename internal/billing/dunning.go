package billing

import (
	"context"
	"time"
)

// DunningStatus is the state of a dunning.
type DunningStatus string

const (
	// DunningOpen follows a charge that is owed.
	DunningOpen DunningStatus = "open"
	// DunningClosed has come to its end: the charge is paid or given up, or its plan is over.
	DunningClosed DunningStatus = "closed"
)

// Dunning is what follows a charge from its first failure to its end. It is named by the charge.
type Dunning struct {
	ChargeID ChargeID
	Status   DunningStatus
	Policy   string // hash of the policy as it was when the dunning began, so that a change of it disturbs nothing
	BeganAt  time.Time

	RemindAt   time.Time // when the customer is reminded, if it waits for the customer; zero once done or when not planned
	FinalAt    time.Time // when the final notice goes out; zero once done
	DeadlineAt time.Time // the end of the customer's last day to pay

	// HeldAt is when the last failure became the merchant's to fix: the times above stand still from
	// then on. Zero while the charge waits for the customer, or for time.
	HeldAt time.Time

	// Replacing is the PaymentIntent (pi_…) that Tranche is about to cancel in order to make a new
	// one; empty otherwise. It is written before Stripe is called, so that the cancellation is not
	// taken for the merchant's.
	Replacing string
	// CardID is the card that the charge is tried with where it is not the plan's: a backup card.
	CardID CardID

	// WakeAt is when the scheduler looks at it next: the earliest of the times above, or the end of
	// a lease. Zero when closed.
	WakeAt time.Time
	Lease  int64 // see Charge.Lease
}

// Next is the earliest time at which something is to happen.
func (d Dunning) Next() time.Time {
	next := d.DeadlineAt
	for _, t := range []time.Time{d.RemindAt, d.FinalAt} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// DunningClaim is a dunning whose time has come, handed to one scheduler, for one lease.
type DunningClaim struct {
	ChargeID ChargeID
	Lease    int64
}

// PinnedPolicy is the content of a dunning policy, kept under its hash for the charges that began
// with it.
type PinnedPolicy struct {
	Hash      string
	Name      string
	Content   []byte // canonical JSON
	CreatedAt time.Time
}

// CardAmount is what the card networks count declines of: one amount on one card.
type CardAmount struct {
	Fingerprint string // of the card; see Attempt.Fingerprint
	Amount      int64  // minor units of Currency
	Currency    Currency
}

// On names the declines that count with those of the charge on a card, by the card's fingerprint.
func (c Charge) On(fingerprint string) CardAmount {
	return CardAmount{Fingerprint: fingerprint, Amount: c.Amount, Currency: c.Currency}
}

// DunningReader reads what dunning remembers. Errors: ErrNotFound.
type DunningReader interface {
	Dunning(ctx context.Context, charge ChargeID) (Dunning, error)
	// PinnedPolicy reads a policy by its hash.
	PinnedPolicy(ctx context.Context, hash string) (PinnedPolicy, error)
	// CardDeclines lists the times of off-session attempts at an amount that were declined on a card,
	// made at or after since, over all plans; oldest first, the latest 100 at most.
	CardDeclines(ctx context.Context, of CardAmount, since time.Time) ([]time.Time, error)
}

// DunningWriter writes it.
type DunningWriter interface {
	// PinPolicy keeps a policy; one that is there already stays as it is.
	PinPolicy(ctx context.Context, p PinnedPolicy) error
	// InsertDunning adds one. Errors: ErrExists.
	InsertDunning(ctx context.Context, d Dunning) error
	// UpdateDunning writes everything but Lease, which only a claim changes. Errors: ErrNotFound.
	UpdateDunning(ctx context.Context, d Dunning) error
}

// DunningCalendar hands out dunnings whose time has come; see Calendar.
type DunningCalendar interface {
	ClaimDunnings(ctx context.Context, now, until time.Time, limit int) ([]DunningClaim, error)
}
