package billing

import (
	"context"
	"slices"
	"time"
)

// GatherFor is how long a notice of a failed charge waits for the customer's other charges that are
// due at the same time, so that their failures go into one mail. It is measured on the clock that
// charges follow.
const GatherFor = 10 * time.Minute

// WaitsForOthers is the reason of a notice that waits for others.
const WaitsForOthers = "the customer's other payments that are due go into the same mail"

// MaxGathered bounds how many other notices go into one mail. More go into the next mail.
const MaxGathered = 50

// GatheredNotice is another notice in the mail of a notice: one more failed payment.
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

// gathered returns the notice as an entry in the mail of another notice.
func (n Notice) gathered() GatheredNotice {
	return GatheredNotice{
		Notice: n.ID, Plan: n.PlanID, Charge: n.ChargeID, Reference: n.Data.Reference, Description: n.Data.Description, PaymentIntent: n.Data.PaymentIntent,
		Amount: n.Data.Amount, DueAt: n.Data.DueAt, FailureReason: n.Data.FailureReason, NextAttemptAt: n.Data.NextAttemptAt,
	}
}

// Gathers reports whether a notice shares a mail with other notices of its customer. The final
// notice does not, because it sets a deadline.
func (n Notice) Gathers() bool {
	return n.Kind == NoticePaymentFailed || n.Kind == NoticeActionRequired
}

// Takes reports whether another notice fits into the mail of n: it waits for no other mail, and has
// the same language, time zone and currency. Both must gather, and be for the same customer and
// account.
func (n Notice) Takes(other Notice) bool {
	free := other.Data.MailedWith == "" || other.Data.MailedWith == n.ID
	return other.ID != n.ID && other.ChargeID != n.ChargeID && free && other.Status == NoticePending && other.Data.Locale == n.Data.Locale &&
		other.Data.TimeZone == n.Data.TimeZone && other.Data.Currency == n.Data.Currency
}

// Take adds another notice to the mail of n, and returns that notice, marked as waiting for the
// mail.
func (n *Notice) Take(other Notice) Notice {
	n.Data.Others = append(n.Data.Others, other.gathered())
	other.Data.MailedWith = n.ID
	return other
}

// Holds reports whether another notice is in the mail of n.
func (n Notice) Holds(other NoticeID) bool {
	return slices.ContainsFunc(n.Data.Others, func(o GatheredNotice) bool { return o.Notice == other })
}

// ByPlan returns one notice for each plan that the mail is about: the notice itself, then one for
// each other plan. Each has the total of its plan's payments in the mail as its amount.
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

// NoticeGathering finds the notices that go into one mail. It is part of Tx.
type NoticeGathering interface {
	// LockCustomer locks the customer until the transaction ends. Take it after a plan's lock,
	// never before. Errors: ErrNotFound.
	LockCustomer(ctx context.Context, id CustomerID) error
	// WaitingFailures lists the customer's pending notices that gather, of plans in an account,
	// oldest first, MaxGathered at most.
	WaitingFailures(ctx context.Context, customer CustomerID, account string) ([]Notice, error)
	// DueBeside reports whether another charge of the customer in the account is in flight, or is
	// due at or before a time.
	DueBeside(ctx context.Context, c Charge, account string, by time.Time) (bool, error)
}
