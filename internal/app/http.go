package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/stripegw"
	"tranche/jobs"
)

// signatureTolerance is how far a webhook's time may be from ours, either way, as Stripe's libraries have it.
const signatureTolerance = 5 * time.Minute

// headerTimeout ends connections that never send a request.
const headerTimeout = 10 * time.Second

// buildHTTP listens. A process without the ingress role answers health checks and metrics, and nothing else.
func (a *App) buildHTTP(ctx context.Context) error {
	a.relay = newRelay(a.queue, a.log)
	endpoints, err := NewEndpoints(a.cfg, a.store, a.clock)
	if err != nil {
		return err
	}
	foretell, err := Foretell(a.cfg, a.store)
	if err != nil {
		return err
	}
	a.surface = handlers.New(handlers.Config{
		Store: a.store, Planner: a.planner, Rules: a.rules, Parse: stripegw.ParseEvent,
		Verify: func(payload []byte, header string, now time.Time) error {
			return stripegw.VerifySignature(payload, header, a.cfg.StripeWebhookSecrets, signatureTolerance, now)
		},
		Received: a.relay.events, APIKey: a.cfg.APIKey, Clock: a.clock, Grace: a.cfg.Lease, Checks: a.checks(),
		Pay: a.payPage(), Alarms: a.alarms, Metrics: a.metrics.Handler(), Answered: a.metrics.Request,
		Endpoints:  endpoints,
		Foretell:   foretell,
		HealthOnly: !a.cfg.Has(config.RoleIngress), Log: a.log.With().Str("role", "ingress").Logger(),
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on TRANCHE_ADDR %s: %w", a.cfg.Addr, err)
	}
	a.listener = listener
	a.http = &http.Server{Handler: a.surface, ReadHeaderTimeout: headerTimeout, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	return nil
}

// staleTicks is how many ticks a scheduler may miss before it counts as stuck.
const staleTicks = 30

// checks are what /readyz asks.
func (a *App) checks() map[string]func(context.Context) error {
	checks := map[string]func(context.Context) error{"database": a.store.Ping, "queue": a.queue.Ping}
	if a.sched != nil {
		checks["scheduler"] = func(context.Context) error {
			if !a.tickedSince(time.Time{}) {
				return errors.New("the scheduler has not looked at the calendar since " + a.sched.LastTick().String())
			}
			return nil
		}
	}
	return checks
}

// tickedSince says whether this process's scheduler looks at the calendar. Before its first look it has the time of a few
// ticks from start.
func (a *App) tickedSince(start time.Time) bool {
	last := a.sched.LastTick()
	if last.IsZero() {
		last = start
	}
	return a.clock.Wall().Sub(last) <= staleTicks*a.cfg.Tick+time.Second
}

// eventTasks makes the first task of each newly stored event.
func eventTasks(events []billing.Event) []billing.Task {
	tasks := make([]billing.Task, len(events))
	for i, e := range events {
		tasks[i] = jobs.EventTask(billing.EventClaim{EventID: e.ID, Lease: e.Lease})
	}
	return tasks
}
