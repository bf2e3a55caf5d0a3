package operator

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
)

// Input is what an operation on a plan or a charge takes besides the id. Its fields are those of
// the API's body, and the flags of the command.
type Input interface {
	// Make makes the change on the plan or charge with this id. Errors: see Operator.Skip; also
	// *ChoiceError.
	Make(ctx context.Context, o *Operator, id string) (Result, error)
}

// ChoiceError reports a value that is none of a field's choices.
type ChoiceError struct{ Field, Message string }

// Error names the field and its choices.
func (e *ChoiceError) Error() string { return e.Field + ": " + e.Message }

// MaxReason is the longest reason that is accepted, in bytes.
const MaxReason = 500

// CheckReason refuses a reason or note that can't be stored. Errors: *billing.InvalidError.
func CheckReason(field, text string) error {
	if len(text) > MaxReason {
		return invalid(field, "is longer than %d bytes", MaxReason)
	}
	if problem := plaintext.Problem(text); problem != "" {
		return invalid(field, "%s", problem)
	}
	return nil
}

// PauseInput is the input of Operator.Pause.
type PauseInput struct {
	Reason string `json:"reason"`
}

// Make pauses the plan.
func (in PauseInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("reason", in.Reason); err != nil {
		return Result{}, err
	}
	plan, err := o.Pause(ctx, billing.PlanID(id), in.Reason)
	return Result{Plan: plan}, err
}

// ResumeInput is the input of Operator.Resume.
type ResumeInput struct {
	Dates  Resumption `json:"dates"`
	Missed Missed     `json:"missed"` // which of the charges that fell due meanwhile are made
}

// Make resumes the plan.
func (in ResumeInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if in.Dates != CatchUp && in.Dates != Shift {
		return Result{}, &ChoiceError{"dates", fmt.Sprintf("%q is neither %s nor %s", in.Dates, CatchUp, Shift)}
	}
	return o.Resume(ctx, billing.PlanID(id), in.Dates, in.Missed)
}

// CancelInput is the input of Operator.Cancel, and of Operator.CancelAndRefund.
type CancelInput struct {
	Reason string `json:"reason"`
	Refund bool   `json:"refund"`
}

// Make cancels the plan.
func (in CancelInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("reason", in.Reason); err != nil {
		return Result{}, err
	}
	if in.Refund {
		return o.CancelAndRefund(ctx, billing.PlanID(id), in.Reason)
	}
	return o.Cancel(ctx, billing.PlanID(id), in.Reason)
}

// RemainingInput is the input of Operator.SetRemaining, or of Operator.SetRemainingAmount if it has
// an amount.
type RemainingInput struct {
	Total  int64 `json:"total"`  // of all unpaid charges
	Amount int64 `json:"amount"` // of each unpaid charge, instead of a total
}

// Make changes the unpaid amounts of the plan.
func (in RemainingInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	switch {
	case in.Amount == 0:
		return o.SetRemaining(ctx, billing.PlanID(id), in.Total)
	case in.Total != 0:
		return Result{}, invalid("amount", "is given together with total; leave one of them out")
	}
	return o.SetRemainingAmount(ctx, billing.PlanID(id), in.Amount)
}

// FeeInput is the input of Operator.AddFee.
type FeeInput struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due"`
	Reason string `json:"reason"`
}

// Make adds a charge to the plan.
func (in FeeInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("reason", in.Reason); err != nil {
		return Result{}, err
	}
	return o.AddFee(ctx, billing.PlanID(id), in.Amount, in.Due, in.Reason)
}

// ExtendInput is the input of Operator.Extend: more charges at the end of a plan.
type ExtendInput struct {
	Parts  int    `json:"parts"`
	Amount int64  `json:"amount"` // of each; 0 means the amount of the last charge
	Every  string `json:"every"`  // such as "1 month"; may be empty if the plan has an interval of its own
}

// Make adds charges at the end of the plan.
func (in ExtendInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Extend(ctx, billing.PlanID(id), in)
}

// PayAllInput is the input of Operator.PayAll.
type PayAllInput struct {
	Discount int64 `json:"discount"`
}

// Make collects everything that is unpaid in one charge.
func (in PayAllInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.PayAll(ctx, billing.PlanID(id), in.Discount)
}

// RestartInput is the input of Operator.Restart.
type RestartInput struct {
	Missed Missed `json:"missed"` // which of the charges that fell due meanwhile are made
}

// Make restarts the plan.
func (in RestartInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Restart(ctx, billing.PlanID(id), in.Missed)
}

// CardInput is the input of Operator.UseCard.
type CardInput struct {
	Card billing.CardID `json:"card"`
}

// Make has the plan charged on another card.
func (in CardInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.UseCard(ctx, billing.PlanID(id), in.Card)
}

// CatchUpInput is the input of Operator.SetCatchUp.
type CatchUpInput struct {
	CatchUp *billing.CatchUp `json:"catch_up"` // nil if left out, which does not mean daily
}

// Make chooses how missed charges of the plan are made.
func (in CatchUpInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if in.CatchUp == nil {
		return Result{}, invalid("catch_up", `is missing; use "daily", "all", "latest" or "none"`)
	}
	return o.SetCatchUp(ctx, billing.PlanID(id), *in.CatchUp)
}
