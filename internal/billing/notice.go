package billing

import (
	"slices"
	"time"

	"tranche/internal/money"
	"tranche/internal/schedule"
)

// NoticeKind is the kind of a notice.
type NoticeKind string

const (
	// NoticePaymentFailed reports that a charge was declined and what happens next.
	NoticePaymentFailed NoticeKind = "payment_failed"
	// NoticeActionRequired asks the customer to authenticate.
	NoticeActionRequired NoticeKind = "action_required"
	// NoticePaymentSucceeded is the receipt.
	NoticePaymentSucceeded NoticeKind = "payment_succeeded"
	// NoticeUpcomingCharge announces that a charge falls due soon.
	NoticeUpcomingCharge NoticeKind = "upcoming_charge"
	// NoticeFinal is the last request before the plan is given up.
	NoticeFinal NoticeKind = "final_notice"
	// NoticePlanCompleted confirms that everything is paid.
	NoticePlanCompleted NoticeKind = "plan_completed"
	// NoticePlanDefaulted reports that the plan was given up.
	NoticePlanDefaulted NoticeKind = "plan_defaulted"
	// NoticeCardExpiring warns that the saved card expires before the last charge.
	NoticeCardExpiring NoticeKind = "card_expiring"
	// NoticeCardNeeded reports that the customer's payment method can't be charged again, and asks
	// for a card.
	NoticeCardNeeded NoticeKind = "card_needed"
	// NoticeCardUpdated reports that another card is charged from now on.
	NoticeCardUpdated NoticeKind = "card_updated"
	// NoticeCheckoutReminder asks again for the first payment of a plan, or for its card.
	NoticeCheckoutReminder NoticeKind = "checkout_reminder"
	// NoticePlanStarted confirms a plan that has begun: every payment, with its amount and date.
	NoticePlanStarted NoticeKind = "plan_started"
	// NoticePlanChanged reports that the merchant changed dates or amounts of the unpaid charges,
	// with the old values.
	NoticePlanChanged NoticeKind = "plan_changed"
	// NoticePlanPaused reports that the merchant paused the plan.
	NoticePlanPaused NoticeKind = "plan_paused"
	// NoticePlanResumed reports that a paused plan was resumed, and lists its payments.
	NoticePlanResumed NoticeKind = "plan_resumed"
	// NoticePlanCanceled reports that the merchant canceled the plan, and how much is refunded.
	NoticePlanCanceled NoticeKind = "plan_canceled"
	// NoticeRefundMade reports that Stripe accepted a refund, ordered in Tranche or in Stripe's
	// dashboard.
	NoticeRefundMade NoticeKind = "refund_made"
	// NoticeRefundFailed reports that a refund which an earlier notice promised failed at the bank.
	NoticeRefundFailed NoticeKind = "refund_failed"
)

// NoticeStatus is the state of a notice in the outbox.
type NoticeStatus string

const (
	// NoticePending waits to be sent.
	NoticePending NoticeStatus = "pending"
	// NoticeSent was accepted by the mail server.
	NoticeSent NoticeStatus = "sent"
	// NoticeKept was rendered and stored, to be read with `tranche notice list`, because no mail
	// server is configured.
	NoticeKept NoticeStatus = "kept"
	// NoticeFailed can't be delivered; Reason holds the cause.
	NoticeFailed NoticeStatus = "failed"
	// NoticeDropped was no longer true when it was due; Reason holds the cause.
	NoticeDropped NoticeStatus = "dropped"
)

// ChannelEmail is delivery by mail, the only channel so far.
const ChannelEmail = "email"

// Notice is one message to a customer. Charge, step and channel together are unique, so it is sent
// once. A notice without a ChargeID, which is about the plan or the card, is unique by customer,
// step and channel, and its step names the plan or card.
type Notice struct {
	ID         NoticeID
	Kind       NoticeKind
	PlanID     PlanID
	ChargeID   ChargeID // empty where it is about the plan or the card
	CustomerID CustomerID
	Step       string // which of the charge's messages this is, such as payment_failed:2 for the second attempt
	Channel    string
	To         string // address at the time of creation; empty when the customer has none
	Data       NoticeData

	Status     NoticeStatus
	Reason     string    // why it failed, or the last error while pending
	ClaimAfter time.Time // when the scheduler may claim it next; zero when it is done
	Lease      int64     // see Charge.Lease
	Attempts   int       // how often sending was tried
	MessageID  string    // Message-ID header, the same for every retry
	Subject    string    // as rendered; empty before
	Body       string    // plain text as rendered; empty before
	CreatedAt  time.Time
	SentAt     time.Time // when it was accepted or kept; zero before
}

// NoticeData is the content of a notice, fixed when it is created, so that a late mail still
// describes the situation that it is about.
type NoticeData struct {
	CustomerName  string         `json:"customer_name,omitempty"`
	Locale        string         `json:"locale,omitempty"`
	TimeZone      string         `json:"timezone,omitempty"`
	Reference     string         `json:"reference"`             // the plan's
	Description   string         `json:"description,omitempty"` // the plan's; see Plan.Description
	Sequence      int            `json:"sequence"`
	Of            int            `json:"of"`     // number of charges in the plan
	Amount        int64          `json:"amount"` // of the charge; in plan_completed, the total paid
	Currency      money.Currency `json:"currency"`
	DueAt         time.Time      `json:"due_at"`
	PaymentIntent string         `json:"payment_intent,omitempty"`
	CardBrand     string         `json:"card_brand,omitempty"`
	CardLast4     string         `json:"card_last4,omitempty"`
	CardExpiry    string         `json:"card_expiry,omitempty"` // MM/YY, as on the card
	FailureReason Reason         `json:"failure_reason,omitempty"`
	NextAttemptAt time.Time      `json:"next_attempt_at,omitzero"` // zero: no further automatic attempt
	PayBy         time.Time      `json:"pay_by,omitzero"`          // in final_notice: when the plan is given up; zero: not mentioned
	FollowingDue  time.Time      `json:"following_due,omitzero"`   // of the following charge; zero: none
	Following     int64          `json:"following,omitempty"`      // its amount

	// Others are the other failed payments in the mail, if it gathers several.
	Others []GatheredNotice `json:"others,omitempty"`
	// MailedWith is the notice whose mail includes this one; its own id while it is being sent.
	MailedWith NoticeID `json:"mailed_with,omitempty"`

	// Schedule holds, in plan_changed and plan_resumed, the unpaid charges with their old values;
	// in plan_started, every payment.
	Schedule   []NoticePayment     `json:"schedule,omitempty"`
	Recurrence schedule.Recurrence `json:"recurrence,omitzero"` // in plan_started: the payments after the ones in Schedule
}

// NoticePayment is one payment in a notice that lists several: its current values, and the old ones
// where they differ.
type NoticePayment struct {
	Amount    int64     `json:"amount"`          // minor units; 0: no longer charged
	DueAt     time.Time `json:"due_at,omitzero"` // zero: due on request
	WasAmount int64     `json:"was_amount,omitempty"`
	WasDue    time.Time `json:"was_due,omitzero"` // zero with a WasAmount: it was due on request
	Added     bool      `json:"added,omitempty"`  // it was added
	Paid      bool      `json:"paid,omitempty"`   // in plan_started: it was paid at DueAt
}

// NoticeClaim is a pending notice that was claimed by one scheduler, for one lease.
type NoticeClaim struct {
	NoticeID NoticeID
	Lease    int64
}

// NoticeKinds lists every kind.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{
		NoticeCheckoutReminder, NoticePlanStarted, NoticeUpcomingCharge, NoticePaymentSucceeded, NoticePaymentFailed, NoticeActionRequired, NoticeFinal,
		NoticePlanCompleted, NoticePlanDefaulted, NoticeCardExpiring, NoticeCardNeeded, NoticeCardUpdated,
		NoticePlanChanged, NoticePlanPaused, NoticePlanResumed, NoticePlanCanceled, NoticeRefundMade, NoticeRefundFailed,
	}
}

// StepReminder is the prefix of the step of a notice that repeats the request of an action_required
// notice.
const StepReminder = "action_required:reminder"

// NoticeStatuses lists every status of a notice.
func NoticeStatuses() []NoticeStatus {
	return []NoticeStatus{NoticePending, NoticeSent, NoticeKept, NoticeFailed, NoticeDropped}
}

// failureKinds are the kinds that ask for a failed payment. A later one about the same charge
// replaces an earlier one.
var failureKinds = []NoticeKind{NoticePaymentFailed, NoticeActionRequired, NoticeFinal}

// Requests reports whether a notice of this kind asks for a failed payment.
func (k NoticeKind) Requests() bool { return slices.Contains(failureKinds, k) }

// Completes turns n into the notice that everything of a plan is paid. It holds the total paid, and
// is sent once per plan.
func (n *Notice) Completes(p Plan, charges []Charge) {
	n.Step = string(NoticePlanCompleted) + ":" + string(p.ID)
	for _, c := range charges {
		if c.Status == ChargeSucceeded || c.Status == ChargeDisputed {
			n.Data.Amount += c.Amount
		}
		if c.DueAt.After(n.Data.DueAt) {
			n.Data.DueAt = c.DueAt
		}
	}
}

// Starts turns n into the notice that confirms a plan that has begun. It lists every payment, and
// is sent once per plan.
func (n *Notice) Starts(p Plan, charges []Charge) {
	n.Step = string(NoticePlanStarted) + ":" + string(p.ID)
	n.Data.Recurrence = p.Recurrence
	for _, c := range charges {
		payment := NoticePayment{Amount: c.Amount, DueAt: c.DueAt}
		switch {
		case c.Status == ChargeCanceled:
			continue
		case c.Status.Settled():
			payment.Paid, payment.DueAt = true, c.PaidAt
		}
		n.Data.Schedule = append(n.Data.Schedule, payment)
		n.Data.Amount += c.Amount
	}
}

// NewNotice returns a notice about a plan, with its recipient, to be sent at once. The caller adds
// what the notice says beyond the plan. step distinguishes it from the plan's other notices of its
// kind.
func NewNotice(kind NoticeKind, step string, p Plan, c Customer, now time.Time) Notice {
	return Notice{
		ID: NewNoticeID(now), Kind: kind, PlanID: p.ID, CustomerID: p.CustomerID, Step: step, Channel: ChannelEmail,
		To: c.Email, Status: NoticePending, CreatedAt: now, ClaimAfter: now,
		Data: NoticeData{
			CustomerName: c.Name, Locale: c.Locale, TimeZone: c.TimeZone, Reference: p.Reference, Description: p.Description(), Currency: p.Currency,
		},
	}
}

// Confirmation returns the notice that confirms a plan on a saved card, which begins when it is
// created.
func Confirmation(p Plan, c Customer, charges []Charge, card Card) Notice {
	n := NewNotice(NoticePlanStarted, "", p, c, p.CreatedAt)
	n.Data.CardBrand, n.Data.CardLast4 = card.Brand, card.Last4
	n.Starts(p, charges)
	return n
}
