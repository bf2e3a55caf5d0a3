package operator

import (
	"context"

	"tranche/internal/billing"
)

// RetryInput is the input of Operator.Retry.
type RetryInput struct{}

// Make makes the charge due for a retry. Of the plan, the result has only the id.
func (RetryInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	charge, err := o.Retry(ctx, billing.ChargeID(id))
	return Result{Plan: billing.Plan{ID: charge.PlanID}}, err
}

// SkipInput is the input of Operator.Skip, and of Operator.SkipToEnd.
type SkipInput struct {
	ToEnd  bool   `json:"to_end"`
	Every  string `json:"every"` // with to_end, for a plan without an interval of its own
	Reason string `json:"reason"`
}

// Make leaves the charge out, or moves it to the end.
func (in SkipInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("reason", in.Reason); err != nil {
		return Result{}, err
	}
	if in.ToEnd {
		return o.SkipToEnd(ctx, billing.ChargeID(id), in.Every, in.Reason)
	}
	return o.Skip(ctx, billing.ChargeID(id), in.Reason)
}

// MoveInput is the input of Operator.Move.
type MoveInput struct {
	Due string `json:"due"`
}

// Make moves the charge to another date.
func (in MoveInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Move(ctx, billing.ChargeID(id), in.Due)
}

// AmountInput is the input of Operator.SetAmount.
type AmountInput struct {
	Amount int64 `json:"amount"`
}

// Make changes the amount of the charge.
func (in AmountInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.SetAmount(ctx, billing.ChargeID(id), in.Amount)
}

// SplitInput is the input of Operator.Split.
type SplitInput struct {
	First int64  `json:"first"`
	Due   string `json:"due"` // of the second part
}

// Make splits the charge in two.
func (in SplitInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Split(ctx, billing.ChargeID(id), in.First, in.Due)
}

// PayInput is the input of Operator.Pay.
type PayInput struct{}

// Make makes the charge due early.
func (PayInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Pay(ctx, billing.ChargeID(id))
}

// CollectInput is the input of Operator.Collect.
type CollectInput struct {
	Due string `json:"due"` // empty: now
}

// Make collects a charge that is due on request.
func (in CollectInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.Collect(ctx, billing.ChargeID(id), in.Due)
}

// PaidOutsideInput is the input of Operator.PaidOutside.
type PaidOutsideInput struct {
	Note string `json:"note"`
}

// Make marks the charge as paid without Stripe.
func (in PaidOutsideInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("note", in.Note); err != nil {
		return Result{}, err
	}
	return o.PaidOutside(ctx, billing.ChargeID(id), in.Note)
}

// WriteOffInput is the input of Operator.WriteOff.
type WriteOffInput struct {
	Reason string `json:"reason"`
}

// Make gives up the charge.
func (in WriteOffInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	if err := CheckReason("reason", in.Reason); err != nil {
		return Result{}, err
	}
	return o.WriteOff(ctx, billing.ChargeID(id), in.Reason)
}

// RefundDuplicateInput is the input of Operator.RefundDuplicate.
type RefundDuplicateInput struct{}

// Make orders the refund of the charge's second payment.
func (RefundDuplicateInput) Make(ctx context.Context, o *Operator, id string) (Result, error) {
	return o.RefundDuplicate(ctx, billing.ChargeID(id))
}
