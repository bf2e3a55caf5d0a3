package view

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// ForecastRequest asks for the expected course of a plan. Either Plan or Terms is given.
type ForecastRequest struct {
	// Plan is the id or the reference of an existing plan.
	Plan string
	// Terms are the terms of a proposed plan.
	Terms *terms.Terms
	// Decline is the decline code of the branches; empty means DefaultForecastDecline.
	Decline string
	// DeclineTimes is how often a charge is declined in its branch before it is paid; 0 means
	// always.
	DeclineTimes int
	// NoDeclines leaves the branches out.
	NoDeclines bool
	// Horizon is the last date of the forecast, such as 2027-12-31, in the customer's time zone.
	// Empty means the end of the plan, or for an endless plan twelve more charges, but at most a
	// year.
	Horizon string
}

// DefaultForecastDecline is the most common decline code.
const DefaultForecastDecline = "insufficient_funds"

// Forecast is the expected course of a plan, and the consequences of a decline of each charge.
type Forecast struct {
	Object    string             `json:"object"` // forecast
	Proposed  bool               `json:"proposed"`
	Plan      billing.PlanID     `json:"plan,omitempty"` // empty when it is only proposed
	Reference string             `json:"reference"`
	Kind      billing.PlanKind   `json:"kind"`
	Currency  money.Currency     `json:"currency"`
	Total     int64              `json:"total"` // minor units, of the charges up to the horizon
	TimeZone  string             `json:"timezone"`
	Status    billing.PlanStatus `json:"status"` // as it is now; of a proposed plan, as it would be made
	// At is the time that the forecast starts from.
	At time.Time `json:"at"`
	// Horizon is the time that the forecast ends at; zero when the plan ends before.
	Horizon time.Time `json:"horizon,omitzero"`
	// EndStatus is the status of the plan at the end of the forecast.
	EndStatus billing.PlanStatus `json:"end_status"`
	// Decline and DeclineTimes apply to the branches; empty and 0 without branches.
	Decline      string `json:"decline,omitempty"`
	DeclineTimes int    `json:"decline_times,omitempty"` // 0 means always
	// Assumed lists the assumptions of the forecast, in words.
	Assumed []string `json:"assumed"`
	// BranchesLeftOut are the sequence numbers of charges whose branch was left out to save time.
	BranchesLeftOut []int            `json:"branches_left_out,omitempty"`
	Charges         []ForecastCharge `json:"charges"`
	Timeline        []ForecastStep   `json:"timeline"`
}

// ForecastCharge is one charge of a forecast.
type ForecastCharge struct {
	Sequence int                  `json:"sequence"`
	Amount   int64                `json:"amount"` // minor units
	DueAt    time.Time            `json:"due_at,omitzero"`
	Status   billing.ChargeStatus `json:"status"` // as it is now, or would be when created
	Expected billing.ChargeStatus `json:"expected"`
	PaidAt   time.Time            `json:"paid_at,omitzero"`
	Waits    string               `json:"waits,omitempty"` // what it waits for, or why it ended, in words; empty when it only waits for its due date
	// IfDeclined holds the consequences of a decline of the next attempt; nil when there is no such
	// branch.
	IfDeclined *ForecastBranch `json:"if_declined,omitempty"`
}

// ForecastBranch holds the consequences of a decline of one charge, when all others are paid.
type ForecastBranch struct {
	Code     string               `json:"code"`
	Times    int                  `json:"times,omitempty"` // 0 means always
	Steps    []ForecastStep       `json:"steps"`
	Charge   billing.ChargeStatus `json:"charge_status"` // at the end of the branch
	Plan     billing.PlanStatus   `json:"plan_status"`
	Deadline time.Time            `json:"deadline,omitzero"` // when the plan would be given up; zero if never
	Later    string               `json:"later"`             // the effect on the later charges, in words
	// LaterCharges are the later charges at the end of the branch.
	LaterCharges []ForecastLater `json:"later_charges,omitempty"`
}

// ForecastLater is a later charge at the end of a branch.
type ForecastLater struct {
	Sequence int                  `json:"sequence"`
	Status   billing.ChargeStatus `json:"status"`
	NextAt   time.Time            `json:"next_attempt_at,omitzero"` // zero: nothing is planned
	Reason   string               `json:"reason,omitempty"`
}

// ForecastWhat is the kind of a step.
type ForecastWhat string

const (
	// ForecastPayment is a payment that the customer makes.
	ForecastPayment ForecastWhat = "payment"
	// ForecastAttempt is an off-session attempt with the saved card.
	ForecastAttempt ForecastWhat = "attempt"
	// ForecastNotice is a mail to the customer.
	ForecastNotice ForecastWhat = "notice"
	// ForecastChange is a change of a charge without an attempt.
	ForecastChange ForecastWhat = "charge"
	// ForecastPlan is a change of the plan or its card.
	ForecastPlan ForecastWhat = "plan"
)

// ForecastStep is one expected event.
type ForecastStep struct {
	At   time.Time    `json:"at"`
	What ForecastWhat `json:"what"`
	// WithinMinutes is how much later the step may happen, because work is spread over time.
	WithinMinutes int                  `json:"within_minutes,omitempty"`
	Sequence      int                  `json:"sequence,omitempty"` // of the charge; 0 where it is about the plan
	Amount        int64                `json:"amount,omitempty"`   // minor units
	Status        billing.ChargeStatus `json:"status,omitempty"`   // of the charge, after an attempt
	Number        int                  `json:"number,omitempty"`   // of the attempt
	Notice        billing.NoticeKind   `json:"notice,omitempty"`
	Subject       string               `json:"subject,omitempty"`
	To            string               `json:"to,omitempty"`
	Text          string               `json:"text"`           // in words
	Next          string               `json:"next,omitempty"` // what follows, in words
}
