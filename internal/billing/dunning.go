package billing

import (
	"context"
	"time"

	"tranche/internal/money"
)

// DunningStatus is the state of a dunning.
type DunningStatus string

const (
	// DunningOpen follows a charge that is owed.
	DunningOpen DunningStatus = "open"
	// DunningClosed has ended: the charge is paid or given up, or its plan is over.
	DunningClosed DunningStatus = "closed"
)

// Dunning is the process that follows a charge from its first failure to its end. The charge's id
// identifies it.
type Dunning struct {
	ChargeID ChargeID
	Status   DunningStatus
	Policy   string // hash of the policy when the dunning began; later changes of the policy have no effect
	BeganAt  time.Time

	RemindAt   time.Time // when the customer is reminded, if the charge waits for them; zero once done or when not planned
	FinalAt    time.Time // when the final notice goes out; zero once done
	DeadlineAt time.Time // the end of the customer's last day to pay

	// HeldAt is when the last failure became the merchant's to fix: the times above do not advance
	// from then on. Zero while the charge waits for the customer, or for its next attempt.
	HeldAt time.Time

	// Replacing is the PaymentIntent (pi_…) that Tranche is about to cancel and replace; empty
	// otherwise. It is stored before Stripe is called, so that the cancellation is not mistaken for
	// the merchant's.
	Replacing string
	// CardID is the backup card that the charge is tried with; empty for the plan's card.
	CardID CardID

	// ClaimAfter is when the scheduler may claim the dunning next: the earliest of the times above, or
	// the end of a lease. Zero when closed.
	ClaimAfter time.Time
	Lease      int64 // see Charge.Lease
}

// Next returns the time of the next step: reminder, final notice or deadline.
func (d Dunning) Next() time.Time {
	next := d.DeadlineAt
	for _, t := range []time.Time{d.RemindAt, d.FinalAt} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// DunningClaim is a due dunning that was claimed by one scheduler, for one lease.
type DunningClaim struct {
	ChargeID ChargeID
	Lease    int64
}

// PinnedPolicy is the content of a dunning policy, kept under its hash for the dunnings that began
// with it.
type PinnedPolicy struct {
	Hash      string
	Name      string
	Content   []byte // canonical JSON
	CreatedAt time.Time
}

// CardAmount is the unit that the card networks count declines by: one amount on one card.
type CardAmount struct {
	Fingerprint string // of the card; see Attempt.Fingerprint
	Amount      int64  // minor units of Currency
	Currency    money.Currency
}

// On returns the CardAmount of the charge on a card with this fingerprint.
func (c Charge) On(fingerprint string) CardAmount {
	return CardAmount{Fingerprint: fingerprint, Amount: c.Amount, Currency: c.Currency}
}

// DunningReader reads dunnings. Errors: ErrNotFound.
type DunningReader interface {
	Dunning(ctx context.Context, charge ChargeID) (Dunning, error)
	// PinnedPolicy reads a policy by its hash.
	PinnedPolicy(ctx context.Context, hash string) (PinnedPolicy, error)
	// CardDeclines lists the times of off-session attempts at an amount that were declined on a
	// card, made at or after since, across all plans; oldest first, the latest 100 at most.
	CardDeclines(ctx context.Context, of CardAmount, since time.Time) ([]time.Time, error)
}

// DunningWriter writes dunnings.
type DunningWriter interface {
	// PinPolicy stores a policy, unless its hash is stored already.
	PinPolicy(ctx context.Context, p PinnedPolicy) error
	// InsertDunning adds one. Errors: ErrExists.
	InsertDunning(ctx context.Context, d Dunning) error
	// UpdateDunning writes every field but Lease, which only a claim changes. Errors: ErrNotFound.
	UpdateDunning(ctx context.Context, d Dunning) error
}

// DunningCalendar claims due dunnings; see Calendar.
type DunningCalendar interface {
	ClaimDunnings(ctx context.Context, now, until time.Time, limit int) ([]DunningClaim, error)
}
