package forecast

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/view"
)

// run is one forecast in progress.
type run struct {
	*world
	req      view.ForecastRequest
	proposed bool

	start    billing.Plan
	given    []billing.Charge // as they are at the start
	customer billing.Customer
	logbook  logbook
	branches map[int]*view.ForecastBranch // by sequence; nil for a branch that was left out
	cost     int
	paid     int // charges paid since the start
}

const (
	// horizonYears and horizonCharges limit the forecast of a plan with no last charge, whichever
	// comes first.
	horizonYears, horizonCharges = 1, 12
	// afterLast is how many years after the last charge something may still follow: the longest
	// deadline of a policy is a year.
	afterLast = 2
	// maxCharges bounds the charges of a forecast.
	maxCharges = 600
)

// whole simulates the plan and assembles the forecast.
func (r *run) whole(ctx context.Context) (view.Forecast, error) {
	if err := r.prepare(ctx); err != nil {
		return view.Forecast{}, err
	}
	if err := r.assumePaid(ctx); err != nil {
		return view.Forecast{}, err
	}
	horizon, err := r.horizon()
	if err != nil {
		return view.Forecast{}, err
	}
	ended, err := r.simulate(ctx, horizon, r.branchOff, r.enough)
	if err != nil {
		return view.Forecast{}, err
	}
	if ended {
		horizon = time.Time{}
	}
	return r.assemble(ctx, horizon)
}

// prepare records the state before anything happens.
func (r *run) prepare(ctx context.Context) error {
	var err error
	if r.start, r.given, err = r.details(ctx); err != nil {
		return err
	}
	if r.customer, err = r.store.Customer(ctx, r.start.CustomerID); err != nil {
		return err
	}
	return r.logbook.begin(ctx, r.world)
}

// assumePaid does what the plan waits for from the customer before it starts: pay the first charge,
// or save a card.
func (r *run) assumePaid(ctx context.Context) error {
	if r.start.Status != billing.PlanAwaitingFirstPayment {
		return nil
	}
	first := r.given[0]
	switch {
	case r.start.SetupIntent != "":
		r.stripe.setsUp(r.start.SetupIntent, r.start.ID)
		return r.arrives(ctx, "setup_intent.succeeded", r.start.SetupIntent)
	case first.Checkout || first.PaymentIntent != "":
		return r.payFirst(ctx, first)
	}
	return nil
}

// payFirst pays the first charge at the checkout, with the existing PaymentIntent or with the one
// that will be made.
func (r *run) payFirst(ctx context.Context, first billing.Charge) error {
	id := first.PaymentIntent
	if id == "" {
		pi, err := r.stripe.CreatePaymentIntent(ctx, string(first.ID), billing.PaymentParams{
			Amount: first.Amount, Currency: first.Currency, Metadata: first.Metadata(r.start.Reference, ""),
		})
		if err != nil {
			return err
		}
		id = pi.ID
	}
	r.stripe.pays(id)
	return r.arrives(ctx, "payment_intent.succeeded", id)
}

// horizon returns the end of the forecast.
func (r *run) horizon() (time.Time, error) {
	loc := billing.LoadLocation(r.customer.TimeZone)
	if r.req.Horizon != "" {
		date, err := calendar.ParseDate(r.req.Horizon)
		if err != nil {
			return time.Time{}, err
		}
		end := date.AddDays(1).At(calendar.LocalTime{}, loc).Add(-time.Millisecond)
		if end.Before(r.began) {
			return end, invalid("horizon", fmt.Sprintf("%s is past; use today or later", r.req.Horizon))
		}
		return end, nil
	}
	if !r.start.Recurrence.IsZero() {
		return r.began.AddDate(horizonYears, 0, 0), nil
	}
	last := r.began
	for _, c := range r.given {
		if c.DueAt.After(last) {
			last = c.DueAt
		}
	}
	return last.AddDate(afterLast, 0, 0), nil
}

// enough reports whether the plan has ended, or was simulated for long enough.
func (r *run) enough(ctx context.Context) (bool, error) {
	plan, charges, err := r.details(ctx)
	if err != nil {
		return false, err
	}
	if len(charges) > maxCharges {
		return false, errTooLong
	}
	if r.req.Horizon != "" || plan.Recurrence.IsZero() {
		return false, nil
	}
	r.paid = 0
	for _, c := range charges {
		if !c.PaidAt.Before(r.began) && !c.Checkout {
			r.paid++
		}
	}
	return r.paid >= horizonCharges, nil
}

// branchOff simulates a decline of each charge that is about to be attempted for the first time.
func (r *run) branchOff(ctx context.Context) error {
	if r.req.NoDeclines {
		return nil
	}
	plan, charges, err := r.details(ctx)
	if err != nil || !plan.Status.Collects() {
		return err
	}
	for _, c := range charges {
		if _, done := r.branches[c.Sequence]; done || !aboutToBeTried(c, r.time) {
			continue
		}
		if r.cost += len(charges); r.cost > r.f.branchCost {
			r.branches[c.Sequence] = nil
			continue
		}
		branch, err := r.branch(ctx, c)
		if err != nil {
			return fmt.Errorf("charge %d declined: %w", c.Sequence, err)
		}
		r.branches[c.Sequence] = branch
	}
	return nil
}

// aboutToBeTried reports whether a worker would claim the charge next.
func aboutToBeTried(c billing.Charge, now time.Time) bool {
	due := !c.NextAttemptAt.IsZero() && !c.ClaimAfter.IsZero() && !c.ClaimAfter.After(now)
	return due && (c.Status == billing.ChargeScheduled || c.Status == billing.ChargeRetrying)
}

func invalid(field, message string) error {
	return &billing.InvalidError{Fields: []billing.FieldError{{Field: field, Message: message}}}
}
