// Package operatortest has valid input for every operation on a plan or a charge, for tests that
// try all of them.
package operatortest

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// Operations returns the operations on plans, then those on charges. The refund of a second payment
// is left out: it resolves an incident, in every state of the plan.
func Operations() []operator.Operation {
	var all []operator.Operation
	for _, spec := range operator.Operations() {
		if spec.NewInput != nil && spec.Operation != operator.OpRefundDuplicate {
			all = append(all, spec.Operation)
		}
	}
	return all
}

// Values are the fields of the inputs. Amounts are in minor units.
type Values struct {
	Remaining, Fee, Discount, Amount, First int64
	Parts                                   int
	Due, FeeDue, CollectDue                 string // of a charge; of a fee; of a charge that is due on request
	Dates                                   operator.Resumption
	Resumed, Restarted                      operator.Missed
	CatchUp                                 billing.CatchUp
	Card                                    billing.CardID // another card of the customer
}

// Example returns values that suit a plan of three charges of 10 or more each, the last of them due
// within a month.
func Example(now time.Time, card billing.CardID) Values {
	return Values{
		Remaining: 2600, Fee: 500, Discount: 100, Amount: 1500, First: 400, Parts: 2,
		Due: now.AddDate(0, 0, 14).Format(time.DateOnly), FeeDue: now.AddDate(0, 2, 0).Format(time.DateOnly),
		Dates: operator.Shift, CatchUp: billing.CatchUpAll, Card: card,
	}
}

// Make makes a change with the values on a plan, or on a charge if the operation is about charges.
func (v Values) Make(ctx context.Context, o *operator.Operator, op operator.Operation, plan billing.PlanID, charge billing.ChargeID) (operator.Result, error) {
	all := operator.Operations()
	spec := all[slices.IndexFunc(all, func(s operator.Spec) bool { return s.NewInput != nil && s.Operation == op })]
	in, id := spec.NewInput(), string(charge)
	if spec.Noun == operator.NounPlan {
		v.fillPlan(in)
		id = string(plan)
	} else {
		v.fillCharge(in)
	}
	return in.Make(ctx, o, id)
}

func (v Values) fillPlan(in operator.Input) {
	switch in := in.(type) {
	case *operator.ResumeInput:
		in.Dates, in.Missed = v.Dates, v.Resumed
	case *operator.RemainingInput:
		in.Total = v.Remaining
	case *operator.FeeInput:
		in.Amount, in.Due = v.Fee, v.FeeDue
	case *operator.ExtendInput:
		in.Parts = v.Parts
	case *operator.PayAllInput:
		in.Discount = v.Discount
	case *operator.RestartInput:
		in.Missed = v.Restarted
	case *operator.CardInput:
		in.Card = v.Card
	case *operator.CatchUpInput:
		in.CatchUp = &v.CatchUp
	}
}

func (v Values) fillCharge(in operator.Input) {
	switch in := in.(type) {
	case *operator.MoveInput:
		in.Due = v.Due
	case *operator.AmountInput:
		in.Amount = v.Amount
	case *operator.SplitInput:
		in.First, in.Due = v.First, v.Due
	case *operator.CollectInput:
		in.Due = v.CollectDue
	}
}
