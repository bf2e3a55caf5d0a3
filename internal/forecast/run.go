package forecast

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// run is one forecast that is being worked out.
type run struct {
	*world
	req      billing.ForecastRequest
	proposed bool

	start    billing.Plan
	given    []billing.Charge // as they are at the beginning
	customer billing.Customer
	logbook  logbook
	branches map[int]*billing.ForecastBranch // by sequence; nil for one that was left out
	cost     int
	paid     int // charges paid since the beginning
}

const (
	// horizonYears and horizonCharges are how far is looked in a plan without an end, whichever comes first.
	horizonYears, horizonCharges = 1, 12
	// afterLast is how long after its last charge anything may still follow: the longest deadline of a policy is a year.
	afterLast = 2
	// maxCharges bounds the charges of a forecast.
	maxCharges = 600
)

// whole lives the plan through and tells of it.
func (r *run) whole(ctx context.Context) (billing.Forecast, error) {
	if err := r.prepare(ctx); err != nil {
		return billing.Forecast{}, err
	}
	if err := r.assumePaid(ctx); err != nil {
		return billing.Forecast{}, err
	}
	horizon, err := r.horizon()
	if err != nil {
		return billing.Forecast{}, err
	}
	ended, err := r.live(ctx, horizon, r.branchOff, r.enough)
	if err != nil {
		return billing.Forecast{}, err
	}
	if ended {
		horizon = time.Time{}
	}
	return r.tell(ctx, horizon)
}

// prepare notes how things are before anything happens.
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

// assumePaid has the customer do what a plan waits for before it begins: pay the first charge, or give a card.
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

// payFirst has the customer pay in the checkout, under the PaymentIntent there is, or the one that is about to be made.
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

// horizon is how far is looked.
func (r *run) horizon() (time.Time, error) {
	loc := billing.LoadLocation(r.customer.TimeZone)
	if r.req.Horizon != "" {
		date, err := billing.ParseDate(r.req.Horizon)
		if err != nil {
			return time.Time{}, err
		}
		end := date.AddDays(1).At(billing.LocalTime{}, loc).Add(-time.Millisecond)
		if end.Before(r.began) {
			return end, refusal("horizon", fmt.Sprintf("%s is past; use today or later", r.req.Horizon))
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

// enough says whether the life is over, or was looked at for long enough.
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

// branchOff works out, for each charge that is about to be tried for the first time, what a decline would cause.
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

// aboutToBeTried says whether the charge is the next thing that a worker takes up.
func aboutToBeTried(c billing.Charge, now time.Time) bool {
	due := !c.NextAttemptAt.IsZero() && !c.WakeAt.IsZero() && !c.WakeAt.After(now)
	return due && (c.Status == billing.ChargeScheduled || c.Status == billing.ChargeRetrying)
}
