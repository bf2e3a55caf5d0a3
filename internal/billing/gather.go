package billing

import (
	"context"
	"slices"
	"time"
)

// GatherFor is how long a notice of a failed charge waits for the customer's other charges that are
// due at the same time, so that their failures go into one mail. It is time of the clock by which
// charges are made.
const GatherFor = 10 * time.Minute

// WaitsForOthers is the reason of a notice that gathers.
const WaitsForOthers = "the customer's other payments that are due go into the same mail"

// MaxGathered bounds how many other notices a mail takes. Those beyond it go into the next mail.
const MaxGathered = 50

// GatheredNotice is another notice in the mail of a notice: one more payment that failed.
type GatheredNotice struct {
	Notice        NoticeID  `json:"notice"`
	Plan          PlanID    `json:"plan"`
	Charge        ChargeID  `json:"charge"`
	Reference     string    `json:"reference"` // the plan's
	Description   string    `json:"description,omitempty"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	Amount        int64     `json:"amount"` // minor units of the currency of the notice
	DueAt         time.Time `json:"due_at"`
	FailureReason Reason    `json:"failure_reason,omitempty"`
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"` // zero: no further automatic attempt
}

// gathered returns a notice as the mail of another lists it.
func (n Notice) gathered() GatheredNotice {
	return GatheredNotice{
		Notice: n.ID, Plan: n.PlanID, Charge: n.ChargeID, Reference: n.Data.Reference, Description: n.Data.Description, PaymentIntent: n.Data.PaymentIntent,
		Amount: n.Data.Amount, DueAt: n.Data.DueAt, FailureReason: n.Data.FailureReason, NextAttemptAt: n.Data.NextAttemptAt,
	}
}

// Gathers reports whether a notice shares a mail with others of its customer. The final notice does
// not: it names a deadline.
func (n Notice) Gathers() bool {
	return n.Kind == NoticePaymentFailed || n.Kind == NoticeActionRequired
}

// Takes reports whether another notice fits into the mail of n: it waits for no other mail, and is
// in the same language, time zone and currency. Both gather, and are of one customer and account.
func (n Notice) Takes(other Notice) bool {
	free := other.Data.MailedWith == "" || other.Data.MailedWith == n.ID
	return other.ID != n.ID && other.ChargeID != n.ChargeID && free && other.Status == NoticePending && other.Data.Locale == n.Data.Locale &&
		other.Data.TimeZone == n.Data.TimeZone && other.Data.Currency == n.Data.Currency
}

// Take adds another notice to the mail of n, and returns it as it waits for that mail.
func (n *Notice) Take(other Notice) Notice {
	n.Data.Others = append(n.Data.Others, other.gathered())
	other.Data.MailedWith = n.ID
	return other
}

// Holds reports whether another notice is in the mail of n.
func (n Notice) Holds(other NoticeID) bool {
	return slices.ContainsFunc(n.Data.Others, func(o GatheredNotice) bool { return o.Notice == other })
}

// ByPlan lists what the mail of a notice is about, one notice for each plan: the notice itself,
// then those of other plans that it gathers. Each has the amount of its plan's payments in the
// mail.
func (n Notice) ByPlan() []Notice {
	list := []Notice{n}
	for _, o := range n.Data.Others {
		if i := slices.IndexFunc(list, func(l Notice) bool { return l.PlanID == o.Plan }); i >= 0 {
			list[i].Data.Amount += o.Amount
			continue
		}
		other := n
		other.ID, other.PlanID, other.ChargeID = o.Notice, o.Plan, o.Charge
		other.Data.Reference, other.Data.Description, other.Data.PaymentIntent, other.Data.Amount = o.Reference, o.Description, o.PaymentIntent, o.Amount
		list = append(list, other)
	}
	return list
}

// NoticeGathering finds what goes into one mail. It is part of Tx.
type NoticeGathering interface {
	// LockCustomer keeps others that lock the customer waiting until the transaction ends. It is
	// taken after a plan's lock, never before. Errors: ErrNotFound.
	LockCustomer(ctx context.Context, id CustomerID) error
	// WaitingFailures lists the customer's pending notices that gather, about plans in an account,
	// oldest first, MaxGathered at most.
	WaitingFailures(ctx context.Context, customer CustomerID, account string) ([]Notice, error)
	// DueBeside reports whether another charge of the customer in the account is being made, or is
	// to be made no later than at a time.
	DueBeside(ctx context.Context, c Charge, account string, by time.Time) (bool, error)
}
