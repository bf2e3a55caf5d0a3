// Package app wires the parts into a running process: New, Start, Stop.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
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
	"tranche/jobs"
	"tranche/scheduler"
)

// App is one process with the roles its configuration gives it.
type App struct {
	cfg   config.Config
	clock clock.Clock
	log   zerolog.Logger

	store    *store.Store
	limiter  *queue.Limiter
	breaker  *stripegw.Breaker
	gateway  *stripegw.Gateway
	guard    *binding.Guard
	planner  *planning.Planner
	rules    billing.Rules
	links    *recovery.Links
	door     *queue.Doorkeeper
	redis    asynq.RedisConnOpt
	embedded *queue.Embedded // nil with a Redis of its own
	queue    *queue.Queue
	servers  *queue.Server // nil without the worker role
	sched    *scheduler.Scheduler
	chores   *scheduler.Chores
	metrics  *metrics.Metrics
	alarms   alarm.Checker
	surface  *handlers.Server
	http     *http.Server
	listener net.Listener
	relay    *relay
	sender   *webhook.Sender // nil without the worker role
	merchant notify.Merchant
	smtp     *notify.SMTP // nil without a mail server

	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New opens everything the roles need and migrates the database. Nothing runs yet. cfg must be valid. Close what was
// opened with Stop. Errors: billing.ErrUnavailable when the database or Redis is away.
func New(ctx context.Context, cfg config.Config, log zerolog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, metrics: metrics.New()}
	if err := a.open(ctx); err != nil {
		a.close()
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

// openServices reaches what the process needs: database, queue and Stripe.
func (a *App) openServices(ctx context.Context) error {
	var err error
	if a.clock, err = clock.Parse(a.cfg.Clock); err != nil {
		return err
	}
	if a.merchant, err = Merchant(a.cfg); err != nil {
		return err
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	if err := a.openQueue(ctx); err != nil {
		return err
	}
	if err := a.openGateway(); err != nil {
		return err
	}
	a.guard = binding.New(a.store, a.gateway, a.clock.Now)
	return a.checkBinding(ctx)
}

// build makes the parts that the roles are made of.
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
	a.planner = planning.New(a.store, a.gateway, a.clock.Now, a.rules).WithPolicies(policies.Names())
	if a.cfg.Has(config.RoleWorker) {
		if err := a.buildWorker(policies); err != nil {
			return err
		}
	}
	if a.cfg.Has(config.RoleScheduler) {
		a.buildScheduler()
		a.buildChores()
	}
	a.buildWatch()
	return a.buildHTTP(ctx)
}

// checkBinding refuses to start on a database that belongs elsewhere. While Stripe can't be asked the process starts and
// charges nothing until it can.
func (a *App) checkBinding(ctx context.Context) error {
	err := a.guard.Check(ctx)
	if errors.Is(err, billing.ErrUnavailable) {
		a.log.Warn().Err(err).Msg("nothing is charged until it is known which account the key belongs to")
		return nil
	}
	return err
}

// OpenStore opens and migrates the database of a configuration, for commands that need nothing else.
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
	if !a.cfg.Embedded() {
		return nil
	}
	// The embedded queue forgot its tasks when the process before ended, and nobody else can be at work.
	return s.ReleaseClaims(ctx, a.clock.Now())
}

func (a *App) openQueue(ctx context.Context) error {
	err := a.openRedis()
	if err != nil {
		return err
	}
	if a.queue, err = queue.New(a.redis, jobs.Routes(), a.clock.Until); err != nil {
		return err
	}
	if err := a.queue.Ping(ctx); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// openRedis finds the Redis of the configuration, or starts one in the process.
func (a *App) openRedis() (err error) {
	if !a.cfg.Embedded() {
		a.redis, err = queue.Options(a.cfg.RedisURL)
		return err
	}
	if a.embedded, err = queue.StartEmbedded(); err != nil {
		return err
	}
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
		Permit: a.guard.Check, Admit: a.gateway.Admit, Recorded: a.metrics.Attempt,
		Webhooks: a.store, Sender: a.sender, Tried: a.metrics.Delivery,
		Merchant: a.merchant, MessageDomain: MessageDomain(a.cfg), OpenLink: a.links.Open,
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
		Calendar: a.store, Dunnings: a.store, Queue: a.queue, Clock: a.clock, Tick: a.cfg.Tick, Lease: a.cfg.Lease,
		Waiting: a.waiting(queue.Charges, queue.Retries), WaitingDeliveries: a.waiting(queue.Webhooks),
		Tasks: scheduler.Tasks{
			Charge: jobs.CollectTask, Event: jobs.EventTask, Notice: jobs.NoticeTask, Dunning: jobs.DunningTask, Delivery: jobs.DeliveryTask,
		},
		Log: a.log.With().Str("role", "scheduler").Logger(),
	})
}

// waiting counts the tasks of some queues that wait for a worker.
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

// Start begins the work. Errors: none so far; the signature leaves room.
func (a *App) Start(ctx context.Context) error {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if a.servers != nil {
		if err := a.servers.Start(); err != nil {
			return fmt.Errorf("start the workers: %w", err)
		}
	}
	if a.sched != nil {
		a.running.Go(func() { a.sched.Run(ctx) })
		a.running.Go(func() { a.chores.Run(ctx) })
	}
	a.running.Go(func() {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error().Err(err).Msg("HTTP server ended")
		}
	})
	a.log.Info().Str("addr", a.Addr()).Any("roles", a.cfg.Roles).Str("database", a.databaseKind()).
		Bool("embedded_queue", a.cfg.Embedded()).Bool("livemode", a.gateway.Livemode()).Msg("tranche is running")
	return nil
}

// Addr is the address the process listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Store is the database, for reports.
func (a *App) Store() billing.Store { return a.store }

// Gateway is Stripe, for reports.
func (a *App) Gateway() billing.Gateway { return a.gateway }

// Clock is the clock charges live by.
func (a *App) Clock() clock.Clock { return a.clock }

// Stop ends the work in an order that loses nothing: no new requests, no new tasks, then what is under way. It waits at
// most the shutdown timeout of the configuration.
func (a *App) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout)
	defer cancel()
	if err := a.http.Shutdown(ctx); err != nil {
		a.log.Warn().Err(err).Msg("requests cut off")
		_ = a.http.Close() // what still runs must not find the inbox closed
	}
	if a.cancel != nil {
		a.cancel()
	}
	if a.servers != nil {
		a.servers.Stop()
	}
	a.running.Wait()
	a.close()
	a.log.Info().Msg("tranche has stopped")
}

// close lets go of everything that was opened, last first.
func (a *App) close() {
	if a.surface != nil {
		a.surface.Close()
	}
	if a.relay != nil {
		a.relay.close()
	}
	if a.listener != nil {
		_ = a.listener.Close()
	}
	if a.smtp != nil {
		a.smtp.Close()
	}
	if a.gateway != nil {
		a.gateway.Close()
	}
	if a.sender != nil {
		a.sender.Close()
	}
	if a.door != nil {
		a.note("doorkeeper", a.door.Close())
	}
	if a.limiter != nil {
		a.note("limiter", a.limiter.Close())
	}
	if a.queue != nil {
		a.note("queue", a.queue.Close())
	}
	if a.embedded != nil {
		a.embedded.Close()
	}
	if a.store != nil {
		a.note("database", a.store.Close())
	}
}

// note logs what could not be closed cleanly.
func (a *App) note(what string, err error) {
	if err != nil {
		a.log.Warn().Err(err).Str("what", what).Msg("not closed cleanly")
	}
}

func (a *App) databaseKind() string {
	if a.cfg.SQLite() {
		return "sqlite"
	}
	return "postgres"
}
