package billing

import "time"

// ForecastRequest asks what would become of a plan. Either Plan or Terms is given.
type ForecastRequest struct {
	// Plan is the id or the reference of a plan that exists.
	Plan string
	// Terms are those of a plan that is only proposed.
	Terms *Terms
	// Decline is the decline code of the branches; empty means DefaultForecastDecline.
	Decline string
	// DeclineTimes is how often a charge is declined in its branch before it is paid; 0 means for ever.
	DeclineTimes int
	// NoDeclines leaves the branches out.
	NoDeclines bool
	// Horizon is the last date that is looked at, such as 2027-12-31, in the customer's time zone;
	// empty means the end of the plan, and for one without an end twelve more charges, a year at
	// most.
	Horizon string
}

// DefaultForecastDecline is the commonest decline of all.
const DefaultForecastDecline = "insufficient_funds"

// Forecast is what would become of a plan, and what a decline of each charge would cause.
type Forecast struct {
	Object    string     `json:"object"` // forecast
	Proposed  bool       `json:"proposed"`
	Plan      PlanID     `json:"plan,omitempty"` // empty when it is only proposed
	Reference string     `json:"reference"`
	Kind      PlanKind   `json:"kind"`
	Currency  Currency   `json:"currency"`
	Total     int64      `json:"total"` // minor units, of the charges up to the horizon
	TimeZone  string     `json:"timezone"`
	Status    PlanStatus `json:"status"` // as it is now; of a proposed plan, as it would be made
	// At is the moment that is looked ahead from.
	At time.Time `json:"at"`
	// Horizon is how far was looked; zero when the plan comes to its end before.
	Horizon time.Time `json:"horizon,omitzero"`
	// EndStatus is the status that the plan is left in.
	EndStatus PlanStatus `json:"end_status"`
	// Decline and DeclineTimes are those of the branches; empty and 0 without them.
	Decline      string `json:"decline,omitempty"`
	DeclineTimes int    `json:"decline_times,omitempty"` // 0 is for ever
	// Assumed is what the forecast takes for granted, in words.
	Assumed []string `json:"assumed"`
	// BranchesLeftOut are the sequences of charges whose branch was not worked out, for its cost.
	BranchesLeftOut []int            `json:"branches_left_out,omitempty"`
	Charges         []ForecastCharge `json:"charges"`
	Timeline        []ForecastStep   `json:"timeline"`
}

// ForecastCharge is one charge of a forecast.
type ForecastCharge struct {
	Sequence int          `json:"sequence"`
	Amount   int64        `json:"amount"` // minor units
	DueAt    time.Time    `json:"due_at,omitzero"`
	Status   ChargeStatus `json:"status"` // as it is now, or is made
	Expected ChargeStatus `json:"expected"`
	PaidAt   time.Time    `json:"paid_at,omitzero"`
	Waits    string       `json:"waits,omitempty"` // what it waits for, or why it ended, in words; empty when for its date alone
	// IfDeclined is what a decline of the next attempt at it would cause; nil where none is worked out.
	IfDeclined *ForecastBranch `json:"if_declined,omitempty"`
}

// ForecastBranch is what a decline of one charge would cause, all else being paid.
type ForecastBranch struct {
	Code     string         `json:"code"`
	Times    int            `json:"times,omitempty"` // 0 is for ever
	Steps    []ForecastStep `json:"steps"`
	Charge   ChargeStatus   `json:"charge_status"` // that it is left in
	Plan     PlanStatus     `json:"plan_status"`
	Deadline time.Time      `json:"deadline,omitzero"` // when the plan would be given up; zero when there is none
	Later    string         `json:"later"`             // what becomes of the later charges, in words
	// LaterCharges are the later charges as they are left.
	LaterCharges []ForecastLater `json:"later_charges,omitempty"`
}

// ForecastLater is a later charge as a branch leaves it.
type ForecastLater struct {
	Sequence int          `json:"sequence"`
	Status   ChargeStatus `json:"status"`
	NextAt   time.Time    `json:"next_attempt_at,omitzero"` // zero: nothing is planned
	Reason   string       `json:"reason,omitempty"`
}

// ForecastWhat says what sort of step it is.
type ForecastWhat string

const (
	// ForecastPayment is a payment that the customer makes.
	ForecastPayment ForecastWhat = "payment"
	// ForecastAttempt is an attempt of ours at the saved card.
	ForecastAttempt ForecastWhat = "attempt"
	// ForecastNotice is a mail to the customer.
	ForecastNotice ForecastWhat = "notice"
	// ForecastChange is a change of a charge without an attempt.
	ForecastChange ForecastWhat = "charge"
	// ForecastPlan is a change of the plan or its card.
	ForecastPlan ForecastWhat = "plan"
)

// ForecastStep is one thing that would happen.
type ForecastStep struct {
	At   time.Time    `json:"at"`
	What ForecastWhat `json:"what"`
	// WithinMinutes is how much later it may be: what is spread so that not all happens at once.
	WithinMinutes int          `json:"within_minutes,omitempty"`
	Sequence      int          `json:"sequence,omitempty"` // of the charge; 0 where it is about the plan
	Amount        int64        `json:"amount,omitempty"`   // minor units
	Status        ChargeStatus `json:"status,omitempty"`   // of the charge, after an attempt
	Number        int          `json:"number,omitempty"`   // of the attempt
	Notice        NoticeKind   `json:"notice,omitempty"`
	Subject       string       `json:"subject,omitempty"`
	To            string       `json:"to,omitempty"`
	Text          string       `json:"text"`           // in words
	Next          string       `json:"next,omitempty"` // what follows, in words
}
