package forecast

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// assemble builds the forecast. horizon is zero if the plan ended.
func (r *run) assemble(ctx context.Context, horizon time.Time) (view.Forecast, error) {
	plan, charges, err := r.details(ctx)
	if err != nil {
		return view.Forecast{}, err
	}
	steps, err := r.logbook.steps(ctx, r.world, charges, func(billing.ChargeID) bool { return true })
	if err != nil {
		return view.Forecast{}, err
	}
	f := view.Forecast{
		Object: "forecast", Proposed: r.proposed, Plan: plan.ID, Reference: plan.Reference, Kind: plan.Kind, Currency: plan.Currency,
		Total: billing.SumOf(charges), TimeZone: r.customer.TimeZone, Status: r.start.Status, At: r.began, Horizon: horizon,
		EndStatus: plan.Status, Assumed: r.assumed(), Timeline: steps,
	}
	if f.TimeZone == "" {
		f.TimeZone = "UTC"
	}
	if f.Proposed {
		f.Plan = ""
	}
	if !r.req.NoDeclines {
		f.Decline, f.DeclineTimes = r.req.Decline, r.req.DeclineTimes
	}
	for _, c := range charges {
		f.Charges = append(f.Charges, r.charge(c))
		if branch, tried := r.branches[c.Sequence]; tried && branch == nil {
			f.BranchesLeftOut = append(f.BranchesLeftOut, c.Sequence)
		}
	}
	return f, nil
}

// charge describes a charge as it is at the end.
func (r *run) charge(c billing.Charge) view.ForecastCharge {
	charge := view.ForecastCharge{
		Sequence: c.Sequence, Amount: c.Amount, DueAt: c.DueAt, Status: billing.ChargeScheduled, Expected: c.Status, PaidAt: c.PaidAt,
		IfDeclined: r.branches[c.Sequence],
	}
	if i := slices.IndexFunc(r.given, func(was billing.Charge) bool { return was.ID == c.ID }); i >= 0 {
		charge.Status = r.given[i].Status
	}
	switch {
	case c.Status.Ended():
	case c.Status == billing.ChargeScheduled && c.DueAt.IsZero():
		charge.Waits = "due on request: it is charged when you collect it"
	case c.Status == billing.ChargeRequiresAction, c.Status == billing.ChargeRequiresPaymentMethod:
		charge.Waits = "waits for the customer"
	case c.Reason != "":
		charge.Waits = c.Reason
	}
	return charge
}

// assumed lists the assumptions of the forecast.
func (r *run) assumed() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case r.start.Status == billing.PlanAwaitingFirstPayment && r.start.SetupIntent != "":
		add("the customer gives a card now")
	case r.start.Status == billing.PlanAwaitingFirstPayment && r.given[0].Checkout:
		add("the customer pays the first charge now")
	case r.start.Status == billing.PlanPaused:
		add("the plan stays paused: nothing is charged until it is resumed")
	case stands(r.start.Status):
		add("the plan is %s: nothing more happens automatically", spaced(r.start.Status))
	}
	add("every attempt succeeds, but for the declines of a branch")
	add("the customer does nothing more, and the plan is not changed")
	if r.proposed {
		add("retries are spread over some minutes by the id of their charge, which does not exist yet: the earliest time is shown")
	}
	return list
}
