package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/stripegw"
	"tranche/internal/task"
)

// signatureTolerance is how far a webhook's timestamp may be from our clock, in either direction:
// the value of Stripe's libraries.
const signatureTolerance = 5 * time.Minute

// buildHTTP makes the handlers and listens. A process without the ingress role answers only health
// checks on its public address.
func (a *App) buildHTTP(ctx context.Context) error {
	a.relay = newRelay(a.queue, a.log)
	a.opened.add("relay", quietly(a.relay.close))
	endpoints, err := NewEndpoints(a.cfg, a.store, a.clock)
	if err != nil {
		return err
	}
	forecast, err := Forecaster(a.cfg, a.store)
	if err != nil {
		return err
	}
	c := handlers.Config{
		Store: a.store, Planner: a.planner, Rules: a.rules, Parse: stripegw.ParseEvent,
		CheckHeader: func(header string, now time.Time) error { return stripegw.CheckHeader(header, signatureTolerance, now) },
		Verify: func(payload []byte, header string, now time.Time) error {
			return stripegw.VerifySignature(payload, header, a.cfg.StripeWebhookSecrets, signatureTolerance, now)
		},
		Received: a.relay.events, APIKeys: a.cfg.APIKeys, Clock: a.clock, Grace: a.cfg.Lease, Checks: a.checks(),
		Pay: a.payPage(), Alarms: a.alarms, Metrics: a.metrics.Handler(), Answered: a.metrics.Request, WrongKey: a.metrics.WrongKey,
		Endpoints:  endpoints,
		Forecaster: forecast,
		TakePart:   a.mayWrite, TrustedProxies: a.cfg.ProxyPrefixes(),
		HealthOnly: !a.cfg.Has(config.RoleIngress), Log: a.log.With().Str("role", "ingress").Logger(),
	}
	if a.requests != nil {
		c.Allow = a.requests.Allow
	}
	a.surface = handlers.New(c)
	a.opened.add("HTTP handlers", quietly(a.surface.Close))
	return a.listenHTTP(ctx)
}

// listenHTTP opens the public address, and the admin address unless it is off.
func (a *App) listenHTTP(ctx context.Context) (err error) {
	if a.public, err = listen(ctx, "TRANCHE_ADDR", a.cfg.Addr, a.surface, a.log); err != nil {
		return err
	}
	a.opened.add("public address", quietly(a.public.close))
	if a.cfg.AdminAddr == config.Off {
		return nil
	}
	if a.admin, err = listen(ctx, "TRANCHE_ADMIN_ADDR", a.cfg.AdminAddr, a.surface.Admin(), a.log); err != nil {
		return fmt.Errorf("%w: set TRANCHE_ADMIN_ADDR to another address, or to off", err)
	}
	a.opened.add("admin address", quietly(a.admin.close))
	return nil
}

// staleTicks is how many ticks a scheduler may miss before it counts as stuck.
const staleTicks = 30

// checks are the checks of /readyz.
func (a *App) checks() map[string]func(context.Context) error {
	checks := map[string]func(context.Context) error{
		"database": a.store.Ping, "queue": a.queue.CheckWrite,
		"clock":   func(context.Context) error { return a.times.Wrong() },
		"account": func(context.Context) error { return a.rightAccount() },
	}
	if a.sched != nil {
		checks["scheduler"] = func(context.Context) error {
			if !a.tickedSince(time.Time{}) {
				return errors.New("the scheduler has not looked for due rows since " + a.sched.LastTick().String())
			}
			return nil
		}
	}
	return checks
}

// tickedSince reports whether this process's scheduler has ticked lately. Before its first tick, it
// has the time of a few ticks from start.
func (a *App) tickedSince(start time.Time) bool {
	last := a.sched.LastTick()
	if last.IsZero() {
		last = start
	}
	return a.clock.Wall().Sub(last) <= staleTicks*a.cfg.Tick+time.Second
}

// eventTasks returns the first task of each newly stored event.
func eventTasks(events []billing.Event) []billing.Task {
	tasks := make([]billing.Task, len(events))
	for i, e := range events {
		tasks[i] = task.ForEvent(billing.EventClaim{EventID: e.ID, Lease: e.Lease})
	}
	return tasks
}
