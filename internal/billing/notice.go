package billing

import "time"

// NoticeKind is what a notice is about.
type NoticeKind string

const (
	// NoticePaymentFailed says a charge was declined and what happens next.
	NoticePaymentFailed NoticeKind = "payment_failed"
	// NoticeActionRequired asks the customer to authenticate.
	NoticeActionRequired NoticeKind = "action_required"
	// NoticePaymentSucceeded is the receipt.
	NoticePaymentSucceeded NoticeKind = "payment_succeeded"
	// NoticeUpcomingCharge says ahead of time that a charge falls due.
	NoticeUpcomingCharge NoticeKind = "upcoming_charge"
	// NoticeFinal is the last request before the plan is given up.
	NoticeFinal NoticeKind = "final_notice"
	// NoticePlanCompleted says that everything is paid.
	NoticePlanCompleted NoticeKind = "plan_completed"
	// NoticePlanDefaulted says that the plan was given up.
	NoticePlanDefaulted NoticeKind = "plan_defaulted"
	// NoticeCardExpiring says that the saved card expires before the last charge.
	NoticeCardExpiring NoticeKind = "card_expiring"
	// NoticeCardNeeded says that the way the customer paid can't be charged again, and asks for a card.
	NoticeCardNeeded NoticeKind = "card_needed"
	// NoticeCardUpdated says that another card is charged from now on.
	NoticeCardUpdated NoticeKind = "card_updated"
	// NoticeCheckoutReminder asks once more for the first payment of a plan, or for its card.
	NoticeCheckoutReminder NoticeKind = "checkout_reminder"
	// NoticePlanStarted confirms a plan that has begun: every payment, with its amount and date.
	NoticePlanStarted NoticeKind = "plan_started"
	// NoticePlanChanged says that the merchant changed dates or amounts of what is left to pay, and
	// what they were before.
	NoticePlanChanged NoticeKind = "plan_changed"
	// NoticePlanPaused says that the merchant paused the plan.
	NoticePlanPaused NoticeKind = "plan_paused"
	// NoticePlanResumed says that a paused plan goes on, and with which payments.
	NoticePlanResumed NoticeKind = "plan_resumed"
	// NoticePlanCanceled says that the merchant canceled the plan, and what is given back.
	NoticePlanCanceled NoticeKind = "plan_canceled"
	// NoticeRefundMade says that Stripe accepted a refund, ordered here or in Stripe's dashboard.
	NoticeRefundMade NoticeKind = "refund_made"
	// NoticeRefundFailed says that a refund which an earlier notice promised failed at the bank.
	NoticeRefundFailed NoticeKind = "refund_failed"
)

// NoticeStatus is the state of a notice in the outbox.
type NoticeStatus string

const (
	// NoticePending waits to be sent.
	NoticePending NoticeStatus = "pending"
	// NoticeSent was accepted by the mail server.
	NoticeSent NoticeStatus = "sent"
	// NoticeKept was rendered and kept to be read with `tranche notice list`, because no mail
	// server is set.
	NoticeKept NoticeStatus = "kept"
	// NoticeFailed can't be delivered; Reason says why.
	NoticeFailed NoticeStatus = "failed"
	// NoticeDropped was no longer true when its turn came; Reason says why.
	NoticeDropped NoticeStatus = "dropped"
)

// ChannelEmail is delivery by mail, the only channel so far.
const ChannelEmail = "email"

// Notice is one message owed to a customer. Charge, step and channel together are unique, so it is
// owed once; of a notice about no single charge, which has no ChargeID, it is customer, step and
// channel, and the step names the plan or card.
type Notice struct {
	ID         NoticeID
	Kind       NoticeKind
	PlanID     PlanID
	ChargeID   ChargeID // empty where it is about the plan or the card
	CustomerID CustomerID
	Step       string // which of the charge's messages this is, such as payment_failed:2 for the second attempt
	Channel    string
	To         string // address at the time it was written; empty when the customer has none
	Data       NoticeData

	Status    NoticeStatus
	Reason    string    // why it failed, or the last error while pending
	WakeAt    time.Time // when the scheduler looks at it next; zero when it is done
	Lease     int64     // see Charge.Lease
	Attempts  int       // how often sending was tried
	MessageID string    // Message-ID header, the same at every try
	Subject   string    // as rendered; empty before
	Body      string    // plain text as rendered; empty before
	CreatedAt time.Time
	SentAt    time.Time // when it was accepted or kept; zero before
}

// NoticeData is what a notice says, fixed when it is written, so that a late mail is still true
// about its moment.
type NoticeData struct {
	CustomerName  string    `json:"customer_name,omitempty"`
	Locale        string    `json:"locale,omitempty"`
	TimeZone      string    `json:"timezone,omitempty"`
	Reference     string    `json:"reference"`             // the plan's
	Description   string    `json:"description,omitempty"` // the plan's; see Plan.Description
	Sequence      int       `json:"sequence"`
	Of            int       `json:"of"`     // number of charges in the plan
	Amount        int64     `json:"amount"` // of the charge; of plan_completed, what was paid in all
	Currency      Currency  `json:"currency"`
	DueAt         time.Time `json:"due_at"`
	PaymentIntent string    `json:"payment_intent,omitempty"`
	CardBrand     string    `json:"card_brand,omitempty"`
	CardLast4     string    `json:"card_last4,omitempty"`
	CardExpiry    string    `json:"card_expiry,omitempty"` // MM/YY, as on the card
	FailureReason Reason    `json:"failure_reason,omitempty"`
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"` // zero: no further automatic attempt
	PayBy         time.Time `json:"pay_by,omitzero"`          // of final_notice: when the plan is given up; zero: not said
	FollowingDue  time.Time `json:"following_due,omitzero"`   // of the charge that comes after; zero: there is none
	Following     int64     `json:"following,omitempty"`      // its amount

	// Others are the other failed payments in the mail, where it gathers several.
	Others []GatheredNotice `json:"others,omitempty"`
	// MailedWith is the notice whose mail this one is in; its own id while it is being sent.
	MailedWith NoticeID `json:"mailed_with,omitempty"`

	// Schedule is, of plan_changed and plan_resumed, what is left to pay and what was; of
	// plan_started, every payment.
	Schedule   []NoticePayment `json:"schedule,omitempty"`
	Recurrence Recurrence      `json:"recurrence,omitzero"` // of plan_started: how the payments go on after those in Schedule
}

// NoticePayment is one payment in a notice that tells of several: as it is now, and as it was where
// that is different.
type NoticePayment struct {
	Amount    int64     `json:"amount"`          // minor units; 0: it is not charged any more
	DueAt     time.Time `json:"due_at,omitzero"` // zero while it waits for the merchant's word
	WasAmount int64     `json:"was_amount,omitempty"`
	WasDue    time.Time `json:"was_due,omitzero"` // zero with a WasAmount: it had no date
	Added     bool      `json:"added,omitempty"`  // it is new
	Paid      bool      `json:"paid,omitempty"`   // of plan_started: it is paid, on DueAt
}

// NoticeClaim is a pending notice handed to one scheduler, for one lease.
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

// StepReminder begins the step of a notice that asks again for what an action_required notice asked
// for.
const StepReminder = "action_required:reminder"

// NoticeStatuses lists every status of a notice.
func NoticeStatuses() []NoticeStatus {
	return []NoticeStatus{NoticePending, NoticeSent, NoticeKept, NoticeFailed, NoticeDropped}
}
