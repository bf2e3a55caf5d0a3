package forecast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/planning"
	"tranche/internal/store/sqlite"
	"tranche/internal/view"
)

// Config configures a Forecaster with the settings of the real run.
type Config struct {
	// Store is the real database. It is only read.
	Store        billing.Reader
	Policies     dunning.Policies
	Rules        billing.Rules
	UpcomingDays int
	Merchant     notify.Merchant
	Livemode     bool
	Clock        clock.Clock
}

// Forecaster makes forecasts. It is safe for concurrent use.
type Forecaster struct {
	Config
	bounds
	turn  chan struct{} // limits the concurrent forecasts
	empty func() ([]byte, error)
}

const (
	// atOnce is how many forecasts run at the same time. Each keeps a processor busy.
	atOnce = 2
	// longest is the real time after which a forecast is abandoned.
	longest = 90 * time.Second
)

// bounds limit the cost of one forecast.
type bounds struct {
	steps      int // calendar checks, including the branches
	branchCost int // of all branches: each costs as much as its plan has charges
}

// usualBounds allow every branch of a plan of 54 parts, and the first six branches of a plan of
// 500.
var usualBounds = bounds{steps: 20_000, branchCost: 3000}

// New returns a Forecaster.
func New(c Config) *Forecaster {
	c.Merchant.PayLink = nil // a forecast makes no working link
	return &Forecaster{Config: c, bounds: usualBounds, turn: make(chan struct{}, atOnce), empty: sync.OnceValues(emptyImage)}
}

// emptyImage returns a database with the schema and no rows.
func emptyImage() ([]byte, error) {
	ctx := context.Background()
	s, err := sqlite.NewScratch(ctx)
	if err != nil {
		return nil, err
	}
	image, err := s.Image(ctx)
	return image, errors.Join(err, s.Close())
}

// Forecast predicts the course of a plan. It writes nothing and calls neither Stripe nor a
// customer.
//
// Errors: *billing.InvalidError for a fault in the request or the terms,
// *planning.ReferenceTakenError, billing.ErrNotFound, billing.ErrUnavailable.
func (f *Forecaster) Forecast(ctx context.Context, req view.ForecastRequest) (view.Forecast, error) {
	if err := check(&req); err != nil {
		return view.Forecast{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, errTooLong)
	defer cancel()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return view.Forecast{}, fmt.Errorf("wait for other forecasts: %w", billing.ErrUnavailable)
	}
	made, err := f.forecast(ctx, req)
	if err != nil && (errors.Is(err, errTooLong) || errors.Is(context.Cause(ctx), errTooLong)) {
		return made, invalid("horizon", errTooLong.Error())
	}
	return made, err
}

// check rejects invalid requests and fills in defaults.
func check(req *view.ForecastRequest) error {
	bad := &billing.InvalidError{}
	add := func(field, format string, args ...any) {
		bad.Fields = append(bad.Fields, billing.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case req.Plan == "" && req.Terms == nil:
		add("plan", "is missing: name a plan, or give the terms of one")
	case req.Plan != "" && req.Terms != nil:
		add("plan", "is given together with the terms of another plan; leave one of them out")
	}
	if req.Decline == "" {
		req.Decline = view.DefaultForecastDecline
	}
	if !slices.ContainsFunc(dunning.Lines(), func(l dunning.Line) bool { return l.Code == req.Decline }) {
		add("decline", "%q is not a decline code that `tranche dunning table` lists", req.Decline)
	}
	if req.DeclineTimes < 0 || req.DeclineTimes > dunning.StripesMaxRetries {
		add("decline_times", "is %d; use 0 (always) to %d", req.DeclineTimes, dunning.StripesMaxRetries)
	}
	if req.Horizon != "" {
		if _, err := calendar.ParseDate(req.Horizon); err != nil {
			add("horizon", "%q is not a date like 2026-12-20", req.Horizon)
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

func (f *Forecaster) forecast(ctx context.Context, req view.ForecastRequest) (view.Forecast, error) {
	got, err := f.read(ctx, req)
	if err != nil {
		return view.Forecast{}, err
	}
	w, proposed, err := f.open(ctx, req, got)
	if err != nil {
		return view.Forecast{}, err
	}
	run := &run{world: w, req: req, proposed: proposed, branches: map[int]*view.ForecastBranch{}}
	made, err := run.whole(ctx)
	return made, errors.Join(err, w.store.Close())
}

// read reads the starting point of the forecast from the real database. Terms with a reference that
// is taken are the existing plan's, or are rejected, as when a plan is created.
func (f *Forecaster) read(ctx context.Context, req view.ForecastRequest) (rows, error) {
	if req.Plan != "" {
		plan, err := billing.FindPlan(ctx, f.Store, req.Plan)
		if err != nil {
			return rows{}, err
		}
		return readPlan(ctx, f.Store, plan.ID)
	}
	plan, err := f.Store.PlanByReference(ctx, req.Terms.Reference)
	if err == nil {
		return readPlan(ctx, f.Store, plan.ID)
	}
	if !errors.Is(err, billing.ErrNotFound) {
		return rows{}, err
	}
	return readCustomer(ctx, f.Store, req.Terms.Customer.Reference)
}

// open creates the world of the forecast, and reports whether its plan is only proposed.
func (f *Forecaster) open(ctx context.Context, req view.ForecastRequest, got rows) (*world, bool, error) {
	image, err := f.empty()
	if err != nil {
		return nil, false, err
	}
	s, err := sqlite.ScratchOf(ctx, image)
	if err != nil {
		return nil, false, err
	}
	at, steps := f.Clock.Now(), f.steps
	policies := f.Policies
	if got.plan.ID == "" {
		policies = policies.WithoutJitter()
	}
	seen := &elsewhere{real: f.Store, at: at, own: got.declinesByCard(), known: map[billing.CardAmount][]time.Time{}}
	w := f.newWorld(s, at, policies, seen, nil, &steps)
	w.stripe.load(got.cards, got.charges)
	proposed, err := w.begin(ctx, req, got)
	if err != nil {
		return nil, false, errors.Join(err, s.Close())
	}
	return w, proposed, nil
}

// begin puts the plan into the world: a copy of the existing plan, or a plan made of the terms.
func (w *world) begin(ctx context.Context, req view.ForecastRequest, got rows) (proposed bool, err error) {
	if err := got.write(ctx, w.store); err != nil {
		return false, fmt.Errorf("copy the plan: %w", err)
	}
	w.plan = got.plan.ID
	if req.Terms == nil {
		return false, nil
	}
	created, err := w.planner.Create(ctx, planning.Request{Terms: *req.Terms})
	w.plan = created.Plan.ID
	return !created.Replayed, err
}
