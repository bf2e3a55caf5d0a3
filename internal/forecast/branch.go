package forecast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/store/sqlite"
	"tranche/internal/view"
)

// branchYears is longer than any policy's dunning of one charge.
const branchYears = 2

// branch simulates the decline of a charge on a copy of the world, until the fate of the charge is
// decided.
func (r *run) branch(ctx context.Context, c billing.Charge) (*view.ForecastBranch, error) {
	image, err := r.store.Image(ctx)
	if err != nil {
		return nil, err
	}
	s, err := sqlite.ScratchOf(ctx, image)
	if err != nil {
		return nil, err
	}
	policies, spread := r.policiesFor(c)
	w := r.f.newWorld(s, r.time, policies, r.seen, r.stripe, r.steps)
	w.plan, w.spread = r.plan, spread
	w.stripe.script = script{charge: c.ID, code: r.req.Decline, times: r.req.DeclineTimes}
	b, err := w.declined(ctx, c)
	if b != nil {
		b.Code, b.Times = r.req.Decline, r.req.DeclineTimes
	}
	return b, errors.Join(err, s.Close())
}

// policiesFor returns the retry policies of a charge, and the spread in minutes that they leave
// out. The spread of a charge follows from its id, so a charge that does not exist yet has none.
func (r *run) policiesFor(c billing.Charge) (dunning.Policies, int) {
	if !r.proposed && slices.ContainsFunc(r.given, func(known billing.Charge) bool { return known.ID == c.ID }) {
		return r.f.Policies, 0
	}
	policy, _ := r.f.Policies.Get(r.start.Policy)
	return r.f.Policies.WithoutJitter(), policy.Jitter
}

// declined simulates what follows from the decline of a charge, and describes it.
func (w *world) declined(ctx context.Context, c billing.Charge) (*view.ForecastBranch, error) {
	log := &logbook{}
	if err := log.begin(ctx, w); err != nil {
		return nil, err
	}
	nothing := func(context.Context) error { return nil }
	_, err := w.simulate(ctx, w.began.AddDate(branchYears, 0, 0), nothing, func(ctx context.Context) (bool, error) { return w.decided(ctx, c.ID) })
	if err != nil {
		return nil, err
	}
	plan, charges, err := w.details(ctx)
	if err != nil {
		return nil, err
	}
	steps, err := log.steps(ctx, w, charges, func(id billing.ChargeID) bool { return id == "" || id == c.ID })
	if err != nil {
		return nil, err
	}
	b := &view.ForecastBranch{Steps: steps, Plan: plan.Status}
	for _, now := range charges {
		switch {
		case now.ID == c.ID:
			b.Charge = now.Status
		case now.Sequence > c.Sequence:
			b.LaterCharges = append(b.LaterCharges, view.ForecastLater{
				Sequence: now.Sequence, Status: now.Status, NextAt: now.NextAttemptAt, Reason: now.Reason,
			})
		}
	}
	if d, err := w.store.Dunning(ctx, c.ID); err == nil && b.Charge != billing.ChargeSucceeded {
		b.Deadline = d.DeadlineAt
	}
	b.Later = w.later(plan, b.LaterCharges)
	return b, nil
}

// decided reports whether the fate of the charge is decided.
func (w *world) decided(ctx context.Context, id billing.ChargeID) (bool, error) {
	plan, err := w.store.Plan(ctx, w.plan)
	if err != nil || stands(plan.Status) {
		return true, err
	}
	c, err := w.store.Charge(ctx, id)
	if err != nil || c.Status.Ended() {
		return true, err
	}
	d, err := w.store.Dunning(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil && d.Status == billing.DunningClosed, err
}

// later describes the later charges.
func (w *world) later(plan billing.Plan, list []view.ForecastLater) string {
	var paid, canceled, planned, waiting int
	for _, l := range list {
		switch {
		case l.Status.Settled():
			paid++
		case l.Status == billing.ChargeCanceled:
			canceled++
		case !l.NextAt.IsZero() && plan.Status.Collects():
			planned++
		default:
			waiting++
		}
	}
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	add(paid, "paid meanwhile")
	add(planned, "made as planned")
	if plan.Status.Collects() {
		add(waiting, "waiting as before")
	} else {
		add(waiting, "held until the plan is resumed")
	}
	add(canceled, "canceled")
	if len(parts) == 0 {
		return "there are none"
	}
	return strings.Join(parts, ", ")
}
