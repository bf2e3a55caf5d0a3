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

// mailTrouble is how likely the mail server fails a mail while there is trouble.
const mailTrouble = 0.05

// cause makes a run: it starts everything, sells and breaks at once, lets it settle, compares, and ends everything. The
// error says that the run could not be made, or was broken off; everything is ended then, too.
func cause(ctx context.Context, s settings, talk io.Writer) (result, error) {
	began := wall()
	r := result{settings: s}
	w, err := newWorld(ctx, s, talk)
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
	trouble, calm := context.WithCancel(ctx)
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
	background.Go(func() { w.fetchMissed(trouble) })

	w.mail.disturb(mailTrouble)
	began := wall()
	var busy sync.WaitGroup
	// Sales stop before the trouble does, so that every plan sees some.
	orders := planOrders(w.settings.Seed, w.settings.Plans, w.settings.Trouble*8/10)
	drawStops(w.settings.Seed, orders, w.settings.Trouble)
	for i := range orders {
		if w.settings.Shape != nil {
			w.settings.Shape(&orders[i])
		}
	}
	busy.Go(func() { w.shop.sell(ctx, orders) })
	busy.Go(func() {
		b.run(ctx, planFaults(w.settings.Seed, w.settings.Trouble, w.settings.Pace, w.backfill, w.settings.Faults...))
	})
	pause(ctx, w.settings.Trouble)
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

// figures fills in what the report counts.
func (w *world) figures(ctx context.Context, r *result, e evidence, b *breaker) error {
	injected, err := w.stripe.injected(ctx)
	if err != nil {
		return err
	}
	r.plans, r.letters, r.redelivered, r.backfill = len(e.Plans), len(e.Mail.Letters), e.Mail.Redelivered, w.backfill
	r.missed, r.stops = e.undelivered(), map[string]int{}
	for _, g := range e.Agreements {
		if !g.Stopped.Told.IsZero() {
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
	// A rule in force is no fault yet: what counts is how often it acted.
	maps.Copy(r.faults, injected)
	maps.Copy(r.faults, e.Mail.Injected)
	return nil
}

// backfillEvery is how often, in simulated time, missed events are fetched while there is trouble: Stripe lists them for
// thirty days.
const backfillEvery = 10 * 24 * time.Hour

// fetchMissed fetches missed events now and then, as an operator's cron job does. One that fails is made up for by the next.
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

// progress tells how far the run is, every few seconds.
func (w *world) progress(ctx context.Context, b *breaker) {
	began := wall()
	for pause(ctx, 5*time.Second) {
		plans, receipts, _ := w.shop.sold()
		fmt.Fprintf(w.talk, "%4.0f s  %s  plans %d  paid %d  faults %d\n", wall().Sub(began).Seconds(),
			w.clock.Now().Format(time.DateOnly), plans, receipts, len(b.all()))
	}
}
