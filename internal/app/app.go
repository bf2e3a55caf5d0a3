// Package app wires the parts into a running process: New, Start, Stop.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/clockguard"
	"tranche/internal/dunning"
	"tranche/internal/metrics"
	"tranche/internal/notify"
	"tranche/internal/notify/webhook"
	"tranche/internal/planning"
	"tranche/internal/queue"
	"tranche/internal/recovery"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/stripegw"
	"tranche/internal/stripelimit"
	"tranche/internal/task"
	"tranche/jobs"
	"tranche/scheduler"
)

// App is one process with the roles its configuration gives it.
type App struct {
	cfg   config.Config
	clock clock.Clock
	log   zerolog.Logger

	store        *store.Store
	limiter      *stripelimit.Limiter
	breaker      *stripegw.Breaker
	gateway      *stripegw.Gateway
	guard        *binding.Guard
	times        *clockguard.Guard
	planner      *planning.Planner
	rules        billing.Rules
	links        *recovery.Links
	requests     *queue.RequestLimiter
	redis        asynq.RedisConnOpt
	embedded     *queue.Embedded // nil with an external Redis
	queue        *queue.Queue
	servers      *queue.Server // nil without the worker role
	sched        *scheduler.Scheduler
	periodicJobs *scheduler.PeriodicJobs
	metrics      *metrics.Metrics
	alarms       alarm.Checker
	surface      *handlers.Server
	public       *listening
	admin        *listening // nil if it is off
	relay        *relay
	sender       *webhook.Sender // nil without the worker role
	merchant     notify.Merchant
	gate         *catchup.Gate // nil without the worker role

	opened  opened
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
	a := &App{cfg: cfg, clock: clk, log: log, metrics: metrics.New(), ended: make(chan error, 1)}
	for _, f := range cfg.Warnings() {
		log.Warn().Str("setting", f.Setting).Str("do", f.Hint).Msg(f.Setting + " " + f.Problem)
	}
	if err := a.open(ctx); err != nil {
		a.opened.closeAll(a.log)
		return nil, err
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	if err := a.openServices(ctx); err != nil {
		return err
	}
	return a.build(ctx)
}

// openServices connects to the services that the process needs: database, queue and Stripe.
func (a *App) openServices(ctx context.Context) error {
	var err error
	if a.merchant, err = Merchant(a.cfg); err != nil {
		return err
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	if err := a.openQueue(ctx); err != nil {
		return err
	}
	a.openClockGuard()
	if err := a.openGateway(); err != nil {
		return err
	}
	a.times.Measure(ctx)
	a.guard = binding.New(a.store, a.gateway, a.clock)
	return a.checkBinding(ctx)
}

// build makes the parts of the roles.
func (a *App) build(ctx context.Context) error {
	var err error
	if a.rules, err = Rules(a.cfg); err != nil {
		return err
	}
	policies, err := Policies(a.cfg)
	if err != nil {
		return err
	}
	if err := a.openRecovery(); err != nil {
		return err
	}
	a.planner = planning.New(planning.Config{
		Store: a.store, Gateway: a.gateway, Now: a.clock.Now, Rules: a.rules, Policies: policies.Names(), OwnAccount: a.guard.Confirms,
	})
	if a.cfg.Has(config.RoleWorker) {
		if err := a.openGate(ctx); err != nil {
			return err
		}
		if err := a.buildWorker(policies); err != nil {
			return err
		}
	}
	if a.cfg.Has(config.RoleScheduler) {
		a.buildScheduler()
		a.buildPeriodicJobs()
	}
	a.buildWatch()
	return a.buildHTTP(ctx)
}

// checkBinding refuses to start on a database that belongs to another account or place. While
// Stripe does not answer, the process starts and charges nothing. A process with a wrong clock asks
// later, because the binding stores the time when it was made.
func (a *App) checkBinding(ctx context.Context) error {
	if a.times.Wrong() != nil {
		return nil //nolint:nilerr // the clock guard reports it
	}
	err := a.guard.Check(ctx)
	if errors.Is(err, billing.ErrUnavailable) {
		a.log.Warn().Err(err).Msg("nothing is charged until it is known which account the key belongs to")
		return nil
	}
	return err
}

// CheckClock compares this machine's clock with the database's, for a command that is about to
// write times. Errors: *clockguard.WrongClockError.
func CheckClock(ctx context.Context, s *store.Store) error {
	if !s.HasClock() {
		return nil
	}
	g := clockguard.New(clockguard.Config{Database: s.ServerTime, Log: zerolog.Nop()})
	g.Measure(ctx)
	return g.Wrong()
}

// OpenStore opens and migrates the database of a configuration, for commands that need nothing
// else.
func OpenStore(ctx context.Context, cfg config.Config, log zerolog.Logger) (*store.Store, error) {
	s, err := open.Store(ctx, cfg.DatabaseURL, open.Options{Connections: cfg.DatabaseConnections})
	if err != nil {
		return nil, err
	}
	from, to, err := s.Migrate(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if from != to {
		log.Info().Int64("from", from).Int64("to", to).Msg("database migrated")
	}
	return s, nil
}

func (a *App) openStore(ctx context.Context) error {
	s, err := OpenStore(ctx, a.cfg, a.log)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	a.store = s
	a.opened.add("database", s.Close)
	if path := open.Exposed(a.cfg.DatabaseURL); path != "" {
		a.log.Warn().Str("path", path).Msg("other users of this machine may read the database: run chmod o-rwx on it")
	}
	if !a.cfg.Embedded() {
		return nil
	}
	// The embedded queue lost its tasks when the previous process ended, and no other process can be
	// working.
	now := a.clock.Now()
	_, err = s.ReleaseClaims(ctx, now, now)
	return err
}

func (a *App) openQueue(ctx context.Context) error {
	err := a.openRedis()
	if err != nil {
		return err
	}
	if a.queue, err = queue.New(a.redis, jobs.Routes(), a.clock.Until); err != nil {
		return err
	}
	a.opened.add("queue", a.queue.Close)
	if err := a.queue.Ping(ctx); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// openRedis uses the Redis of the configuration, or starts one in the process.
func (a *App) openRedis() (err error) {
	if !a.cfg.Embedded() {
		a.redis, err = queue.Options(a.cfg.RedisURL)
		return err
	}
	if a.embedded, err = queue.StartEmbedded(); err != nil {
		return err
	}
	a.opened.add("embedded Redis", quietly(a.embedded.Close))
	a.redis = a.embedded.Options()
	return nil
}

func (a *App) buildWorker(policies dunning.Policies) error {
	mailer, err := a.mailer()
	if err != nil {
		return err
	}
	if err := a.openSender(); err != nil {
		return err
	}
	worker := jobs.New(jobs.Config{
		Store: a.store, Gateway: a.gateway, Queue: a.queue, Mailer: mailer, Planner: a.planner, Rules: a.rules, Policies: policies, Livemode: a.gateway.Livemode(),
		Permits: a.permits(), Acquire: a.gateway.Acquire, Doubt: a.gate.Doubt, Note: a.gate.Note, Recorded: a.metrics.Attempt,
		Tries: billing.CardTryLimits{Max: a.cfg.CardTries}, CustomerDeclined: a.metrics.CustomerDecline,
		Webhooks: a.store, Sender: a.sender, Tried: a.metrics.Delivery,
		Merchant: a.merchant, MessageDomain: MessageDomain(a.cfg), OpenLink: a.links.Open, Host: host(),
		Clock: a.clock, Lease: a.cfg.Lease, Log: a.log.With().Str("role", "worker").Logger(),
	})
	a.servers, err = queue.NewServer(queue.ServerConfig{
		Redis: a.redis, ChargeConcurrency: a.cfg.ChargeConcurrency, ShortConcurrency: a.cfg.EventConcurrency,
		WebhookConcurrency: a.cfg.WebhookConcurrency,
		ShutdownTimeout:    a.cfg.ShutdownTimeout, Log: a.log.With().Str("role", "worker").Logger(),
	}, worker.Handler())
	return err
}

func (a *App) buildScheduler() {
	a.sched = scheduler.New(scheduler.Config{
		TakePart: a.mayTakePart, Calendar: a.store, Dunnings: a.store, Queue: a.queue, Clock: a.clock, Tick: a.cfg.Tick, Lease: a.cfg.Lease,
		Waiting: a.waiting(queue.Charges, queue.Retries), WaitingDeliveries: a.waiting(queue.Webhooks),
		Tasks: scheduler.Tasks{
			Charge: task.ForCharge, Event: task.ForEvent, Notice: task.ForNotice, Dunning: task.ForDunning, Delivery: task.ForDelivery,
		},
		Log: a.log.With().Str("role", "scheduler").Logger(),
	})
}

// waiting returns a function that counts the tasks of some queues that wait for a worker.
func (a *App) waiting(queues ...string) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		depths, err := a.queue.Stats(ctx)
		total := 0
		for _, d := range depths {
			if slices.Contains(queues, d.Queue) {
				total += d.Pending
			}
		}
		return total, err
	}
}

// Start starts the roles. Errors: the workers could not be started.
func (a *App) Start(ctx context.Context) error {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if a.servers != nil {
		if err := a.servers.Start(); err != nil {
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

// host returns the name of this machine for the audit trail; "" if it has none.
func host() string {
	name, _ := os.Hostname() // the role alone is still an actor
	return name
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
	if a.servers != nil {
		a.servers.Stop()
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
