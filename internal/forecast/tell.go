package forecast

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// tell puts the forecast together. horizon is zero when the plan came to its end.
func (r *run) tell(ctx context.Context, horizon time.Time) (billing.Forecast, error) {
	plan, charges, err := r.details(ctx)
	if err != nil {
		return billing.Forecast{}, err
	}
	steps, err := r.logbook.steps(ctx, r.world, charges, func(billing.ChargeID) bool { return true })
	if err != nil {
		return billing.Forecast{}, err
	}
	f := billing.Forecast{
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

// charge tells of one charge as it is at the end.
func (r *run) charge(c billing.Charge) billing.ForecastCharge {
	told := billing.ForecastCharge{
		Sequence: c.Sequence, Amount: c.Amount, DueAt: c.DueAt, Status: billing.ChargeScheduled, Expected: c.Status, PaidAt: c.PaidAt,
		IfDeclined: r.branches[c.Sequence],
	}
	if i := slices.IndexFunc(r.given, func(was billing.Charge) bool { return was.ID == c.ID }); i >= 0 {
		told.Status = r.given[i].Status
	}
	switch {
	case c.Status.Ended():
	case c.Status == billing.ChargeScheduled && c.DueAt.IsZero():
		told.Waits = "waits for your word: it is charged when you say so"
	case c.Status == billing.ChargeRequiresAction, c.Status == billing.ChargeRequiresPaymentMethod:
		told.Waits = "waits for the customer"
	case c.Reason != "":
		told.Waits = c.Reason
	}
	return told
}

// assumed lists what the forecast takes for granted.
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
		add("the plan is %s: nothing more happens by itself", spoken(r.start.Status))
	}
	add("every attempt succeeds, but for the declines of a branch")
	add("the customer does nothing more, and nobody changes the plan")
	if r.proposed {
		add("retries are spread over some minutes by the id of their charge, which is not made yet: the earliest is told")
	}
	return list
}
