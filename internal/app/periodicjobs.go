package app

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/queue"
	"tranche/internal/reconcile"
	"tranche/internal/store"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
	"tranche/scheduler"
)

// sweepPause is the shortest real time between two sweeps on a fast clock: one call to Stripe every
// two seconds is far below its limit of 25 per second.
const sweepPause = 2 * time.Second

const (
	reconcileEvery = 24 * time.Hour
	// reconcilePause is longer than sweepPause, because a run reads the payments of days.
	reconcilePause = 10 * time.Second
)

// periodicJobs are the periodic jobs of the scheduler role.
type periodicJobs struct {
	cfg     config.Config
	clock   clock.Clock
	store   *store.Store
	queue   *queue.Queue
	gateway *stripegw.Gateway
	record  billing.Record // Stripe's
	permits permits
	log     zerolog.Logger
}

// newPeriodicJobs makes the periodic jobs. heartbeat shows that they run.
func newPeriodicJobs(s *services, may permits, heartbeat scheduler.PeriodicJob) *scheduler.PeriodicJobs {
	p := &periodicJobs{
		cfg: s.cfg, clock: s.clock, store: s.store, queue: s.queue, gateway: s.gateway,
		record: stripegw.NewRecord(s.gateway, 0), permits: may, log: s.roleLog(config.RoleScheduler),
	}
	c := scheduler.PeriodicJobConfig{TakePart: may.takePart, Store: s.store, Clock: s.clock, Log: p.log}
	return scheduler.NewPeriodicJobs(c, append(p.reminders(),
		scheduler.PeriodicJob{Name: catchup.SweepJob, Every: s.cfg.SweepEvery, Pause: sweepPause, Permit: may.act, Run: p.sweep},
		heartbeat,
		scheduler.PeriodicJob{Name: "stale_leases", Every: s.clock.Simulated(staleEvery), Pause: staleEvery, Run: p.releaseStaleLeases},
		scheduler.PeriodicJob{Name: "reconcile", Every: reconcileEvery, Pause: reconcilePause, Permit: may.act, Run: p.reconcile},
		scheduler.PeriodicJob{Name: "webhook_prune", Every: pruneEvery, Pause: prunePause, Permit: may.act, Run: p.pruneMessages},
	)...)
}

// sweep stores events that no webhook delivered. The first sweep goes back to the time when the
// database was bound: earlier events concern no plan in it.
func (p *periodicJobs) sweep(ctx context.Context, cursor time.Time) (time.Time, error) {
	began := p.clock.Now()
	binding, err := p.store.Binding(ctx)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return cursor, err
	}
	if err := catchup.NoteUnseen(ctx, p.store, cursor, began); err != nil {
		return cursor, err
	}
	counts, err := backfill.Run(ctx, p.record, p.store, backfill.Options{
		Since: backfill.Since(cursor, binding.BoundAt, began), Now: p.clock.Now, Types: stripeevents.Types(),
	})
	warnRefused(p.log, counts.Refused)
	if counts.New > 0 {
		p.log.Info().Int("seen", counts.Seen).Int("new", counts.New).Msg("events stored that no webhook had delivered yet")
	}
	return began, err
}

// reconcile compares the last days with Stripe's record, and logs every difference.
func (p *periodicJobs) reconcile(ctx context.Context, cursor time.Time) (time.Time, error) {
	began := p.clock.Now()
	summary, err := reconcile.Run(ctx, p.record, p.store, reconcile.Options{
		From: began.AddDate(0, 0, -reconcile.DefaultDays), To: began, Now: p.clock.Now, Grace: reconcile.Grace(p.clock),
		Found: func(f reconcile.Finding) error { logFinding(p.log, f); return nil },
	})
	if err != nil {
		return cursor, err
	}
	warnRefused(p.log, summary.Refused)
	p.log.Info().Int("payment_intents", summary.PaymentIntents).Int("charges", summary.Charges).
		Int("findings", summary.Findings).Int("left", summary.Left).Msg("compared with Stripe's record")
	return began, nil
}

// warnRefused logs the connected accounts that revoked the platform's access: their events and
// payments can't be read.
func warnRefused(log zerolog.Logger, accounts []string) {
	if len(accounts) > 0 {
		log.Warn().Strs("accounts", accounts).Msg("Stripe gives this key no access to connected accounts that plans name")
	}
}

func logFinding(log zerolog.Logger, f reconcile.Finding) {
	line := log.Error()
	if f.Outcome == reconcile.Queued {
		line = log.Warn()
	}
	line.Str("finding", string(f.Kind)).Str("charge", string(f.Charge)).Str("plan", string(f.Plan)).
		Str("payment_intent", f.PaymentIntent).Str("account", f.Account).Str("here", f.Here).Str("there", f.There).Str("outcome", string(f.Outcome)).
		Str("event", f.Event).Str("advice", f.Advice).Msg("our record and Stripe's differ")
}
