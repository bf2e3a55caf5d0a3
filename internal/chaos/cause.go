package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// mailFaultRate is the probability that the mail server fails a mail while faults are injected.
const mailFaultRate = 0.05

// cause makes a run: it starts everything, sells plans and injects faults at the same time, lets
// the system settle, audits, and stops everything. An error means that the run could not be made or
// was interrupted; everything is stopped then as well.
func cause(ctx context.Context, s settings, errOut io.Writer) (result, error) {
	began := wall()
	r := result{settings: s}
	w, err := newWorld(ctx, s, errOut)
	if err == nil {
		err = w.live(ctx, &r)
	}
	w.close()
	r.took = wall().Sub(began)
	keep := err != nil && ctx.Err() == nil || len(r.damage) > 0 || s.Keep
	if keep {
		r.logs = w.logs
	}
	return r, errors.Join(err, w.remove(keep))
}

// live is the run itself.
func (w *world) live(ctx context.Context, r *result) error {
	faults, calm := context.WithCancel(ctx)
	defer calm()
	b := &breaker{world: w, rules: slices.Clone(w.settings.Always)}
	if err := w.stripe.setRules(ctx, b.rules); err != nil {
		return err
	}
	var background sync.WaitGroup
	defer background.Wait()
	whole, end := context.WithCancel(ctx)
	defer end()
	background.Go(func() { w.shop.readMail(whole) })
	background.Go(func() { b.watch(whole) })
	background.Go(func() { w.progress(whole, b) })
	background.Go(func() { w.fetchMissed(faults) })

	w.mail.disturb(mailFaultRate)
	began := wall()
	var busy sync.WaitGroup
	// Sales stop before the faults do, so that every plan meets some.
	orders := planOrders(w.settings.Seed, w.settings.Plans, w.settings.FaultPhase*8/10)
	drawStops(w.settings.Seed, orders, w.settings.FaultPhase)
	for i := range orders {
		if w.settings.Shape != nil {
			w.settings.Shape(&orders[i])
		}
	}
	busy.Go(func() { w.shop.sell(ctx, orders) })
	busy.Go(func() { b.run(ctx, w.steps) })
	pause(ctx, w.settings.FaultPhase)
	busy.Wait()
	calm()
	w.mail.disturb(0)
	if err := w.stripe.setRules(ctx, nil); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e, found, err := w.settle(ctx, r)
	if err != nil {
		return err
	}
	r.days = wall().Sub(began).Hours() / 24 * w.settings.Pace * 86400
	r.damage = found
	if len(found) > 0 || w.settings.Keep {
		if err := e.keep(w.logs); err != nil {
			return err
		}
	}
	return w.figures(ctx, r, e, b)
}

// figures fills in the numbers of the report.
func (w *world) figures(ctx context.Context, r *result, e evidence, b *breaker) error {
	injected, err := w.stripe.injected(ctx)
	if err != nil {
		return err
	}
	r.plans, r.letters, r.redelivered, r.backfill = len(e.Plans), len(e.Mail.Letters), e.Mail.Redelivered, w.backfill
	r.missed, r.stops = e.undelivered(), map[string]int{}
	for _, g := range e.Agreements {
		if !g.Stopped.Acknowledged.IsZero() {
			r.stops[g.Order.Stop.Kind]++
		}
	}
	r.statuses, r.faults, r.recovered, r.skipped = map[string]int{}, map[string]int{}, map[string][]time.Duration{}, b.skipped
	for _, p := range e.Plans {
		for _, c := range p.Charges {
			if len(c.Attempts) > 0 {
				r.charges++
				r.attempts += len(c.Attempts)
				r.statuses[c.Status]++
			}
		}
	}
	for _, hurt := range b.all() {
		r.faults[hurt.Kind]++
		if hurt.Over {
			r.recovered[hurt.Kind] = append(r.recovered[hurt.Kind], hurt.Recovered)
		}
	}
	// A rule in force is no fault by itself: each time it acts counts.
	maps.Copy(r.faults, injected)
	maps.Copy(r.faults, e.Mail.Injected)
	return nil
}

// backfillEvery is how often, in simulated time, missed events are fetched while faults are
// injected. Stripe lists events for thirty days.
const backfillEvery = 10 * 24 * time.Hour

// fetchMissed runs the backfill periodically, as an operator's cron job does. The next run makes up
// for a failed one.
func (w *world) fetchMissed(ctx context.Context) {
	every := max(time.Duration(float64(backfillEvery)/(w.settings.Pace*86400)), 5*time.Second)
	for w.backfill && pause(ctx, every) {
		if err := w.fetch(ctx); err != nil {
			w.note("backfill: %v", err)
		}
	}
}

func (w *world) fetch(ctx context.Context) error {
	_, err := w.command(ctx, "event", "backfill", "--since", "720h")
	return err
}

// progress prints the state of the run every few seconds.
func (w *world) progress(ctx context.Context, b *breaker) {
	began := wall()
	for pause(ctx, 5*time.Second) {
		plans, receipts, _ := w.shop.sold()
		fmt.Fprintf(w.errOut, "%4.0f s  %s  plans %d  paid %d  faults %d\n", wall().Sub(began).Seconds(),
			w.clock.Now().Format(time.DateOnly), plans, receipts, len(b.all()))
	}
}
