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
	DeadlineAt time.Time // when the plan is given up

	// Replacing is the PaymentIntent (pi_…) that Tranche is about to cancel in order to make a new one; empty otherwise. It
	// is written before Stripe is called, so that the cancellation is not taken for the merchant's.
	Replacing string
	// CardID is the card that the charge is tried with where it is not the plan's: a backup card.
	CardID CardID

	// WakeAt is when the scheduler looks at it next: the earliest of the times above, or the end of a lease. Zero when closed.
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

// PinnedPolicy is the content of a dunning policy, kept under its hash for the charges that began with it.
type PinnedPolicy struct {
	Hash      string
	Name      string
	Content   []byte // canonical JSON
	CreatedAt time.Time
}

// DunningReader reads what dunning remembers. Errors: ErrNotFound.
type DunningReader interface {
	Dunning(ctx context.Context, charge ChargeID) (Dunning, error)
	// PinnedPolicy reads a policy by its hash.
	PinnedPolicy(ctx context.Context, hash string) (PinnedPolicy, error)
	// CardDeclines lists the times of off-session attempts that were declined on a card, by its fingerprint, made at or
	// after since, over all plans; oldest first, the latest 100 at most.
	CardDeclines(ctx context.Context, fingerprint string, since time.Time) ([]time.Time, error)
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
