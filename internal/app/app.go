// Package app wires the parts into a running process: New, Start, Stop.
package app

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/metrics"
	"tranche/internal/queue"
	"tranche/scheduler"
)

// App is one process with the roles its configuration gives it.
type App struct {
	*services
	addresses
	gate         *catchup.Gate           // nil without the worker role
	workers      *queue.Server           // nil without the worker role
	sched        *scheduler.Scheduler    // nil without the scheduler role
	periodicJobs *scheduler.PeriodicJobs // nil without the scheduler role

	cancel  context.CancelFunc
	running sync.WaitGroup
	ended   chan error // receives the error of an HTTP server that ended without being stopped
	stop    sync.Once
}

// New opens everything that the roles need and migrates the database. Nothing runs yet. cfg must be
// valid. Stop closes what was opened. Errors: billing.ErrUnavailable if the database or Redis can't
// be reached.
func New(ctx context.Context, cfg config.Config, log zerolog.Logger) (*App, error) {
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return nil, err
	}
	return NewAt(ctx, cfg, clk, log)
}

// NewAt is New with the caller's clock instead of the setting in cfg.
func NewAt(ctx context.Context, cfg config.Config, clk clock.Clock, log zerolog.Logger) (*App, error) {
	for _, f := range cfg.Warnings() {
		log.Warn().Str("setting", f.Setting).Str("do", f.Hint).Msg(f.Setting + " " + f.Problem)
	}
	s := &services{cfg: cfg, clock: clk, log: log, metrics: metrics.New()}
	a, err := build(ctx, s)
	if err != nil {
		s.opened.closeAll(log)
		return nil, err
	}
	return a, nil
}

// build opens the services and makes the roles. If it fails, the caller closes what it opened.
func build(ctx context.Context, s *services) (*App, error) {
	read, err := readSettings(s.cfg)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	p, err := newParts(ctx, s, read)
	if err != nil {
		return nil, err
	}
	a := &App{services: s, gate: p.gate, ended: make(chan error, 1)}
	if s.cfg.Has(config.RoleWorker) {
		if a.workers, err = newWorkers(p); err != nil {
			return nil, err
		}
	}
	if s.cfg.Has(config.RoleScheduler) {
		a.sched = newScheduler(p)
	}
	w := newWatch(p, a.sched)
	if s.cfg.Has(config.RoleScheduler) {
		a.periodicJobs = newPeriodicJobs(s, p.permits, w.heartbeat())
	}
	surface, err := newSurface(p, w)
	if err != nil {
		return nil, err
	}
	w.own.surface = surface
	a.addresses, err = s.openAddresses(ctx, surface)
	return a, err
}

// Start starts the roles. Errors: the workers could not be started.
func (a *App) Start(ctx context.Context) error {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if a.workers != nil {
		if err := a.workers.Start(); err != nil {
			return fmt.Errorf("start the workers: %w", err)
		}
	}
	a.running.Go(func() { a.times.Run(ctx) })
	if a.gate != nil {
		a.running.Go(func() { a.gate.Run(ctx) })
	}
	if a.sched != nil {
		ctx := billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(billing.ActorScheduler, host())})
		a.running.Go(func() { a.sched.Run(ctx) })
		a.running.Go(func() { a.periodicJobs.Run(ctx) })
	}
	for _, l := range []*listening{a.public, a.admin} {
		if l != nil {
			a.running.Go(func() { a.serve(l) })
		}
	}
	a.log.Info().Str("addr", a.Addr()).Str("admin_addr", cmp.Or(a.AdminAddr(), config.Off)).Any("roles", a.cfg.Roles).Str("database", a.databaseKind()).
		Bool("embedded_queue", a.cfg.Embedded()).Bool("livemode", a.gateway.Livemode()).Msg("tranche is running")
	return nil
}

// serve serves an address, and reports a server that ended without being stopped.
func (a *App) serve(l *listening) {
	err := l.serve()
	if err == nil {
		return
	}
	a.log.Error().Err(err).Msg("the process ends, because its HTTP server has failed")
	select {
	case a.ended <- err:
	default: // the first reason counts
	}
}

// Wait returns when ctx ends, or with an error when an HTTP server ended without being stopped: a
// process that can't be reached must not keep running. Call Stop after it.
func (a *App) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.ended:
		return err
	}
}

// Addr returns the address that the process listens on.
func (a *App) Addr() string { return a.public.addr() }

// AdminAddr returns the address of metrics and readiness details; "" if it is off.
func (a *App) AdminAddr() string {
	if a.admin == nil {
		return ""
	}
	return a.admin.addr()
}

// Store returns the database, for reports.
func (a *App) Store() billing.Store { return a.store }

// Gateway returns the connection to Stripe, for reports.
func (a *App) Gateway() billing.Gateway { return a.gateway }

// Clock returns the clock of charges.
func (a *App) Clock() clock.Clock { return a.clock }

// Stop ends the process in an order that loses nothing: it accepts no new requests, then starts no
// new tasks, then waits for those in progress. It waits at most the shutdown timeout of the
// configuration. Further calls do nothing.
func (a *App) Stop() { a.stop.Do(a.end) }

func (a *App) end() {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout)
	defer cancel()
	a.shutdown(ctx, a.public)
	if a.cancel != nil {
		a.cancel()
	}
	if a.workers != nil {
		a.workers.Stop()
	}
	a.shutdown(ctx, a.admin) // last, so that metrics and health can be read until the work has ended
	a.running.Wait()
	a.opened.closeAll(a.log)
	a.log.Info().Msg("tranche has stopped")
}

// shutdown shuts down an HTTP server, if there is one.
func (a *App) shutdown(ctx context.Context, l *listening) {
	if l == nil {
		return
	}
	if err := l.shutdown(ctx); err != nil {
		a.log.Warn().Err(err).Str("setting", l.setting).Msg("requests cut off")
	}
}

func (a *App) databaseKind() string {
	if a.cfg.SQLite() {
		return "sqlite"
	}
	return "postgres"
}
