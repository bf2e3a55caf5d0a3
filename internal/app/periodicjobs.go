package app

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/catchup"
	"tranche/internal/reconcile"
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

// buildPeriodicJobs makes the periodic jobs of the scheduler role.
func (a *App) buildPeriodicJobs() {
	log := a.log.With().Str("role", "scheduler").Logger()
	record := stripegw.NewRecord(a.gateway, 0)
	a.periodicJobs = scheduler.NewPeriodicJobs(scheduler.PeriodicJobConfig{TakePart: a.mayTakePart, Store: a.store, Clock: a.clock, Log: log}, append(a.reminders(log),
		scheduler.PeriodicJob{Name: catchup.SweepJob, Every: a.cfg.SweepEvery, Pause: sweepPause, Permit: a.mayAct, Run: a.sweep(record, log)},
		a.heartbeat(),
		a.staleLeases(log),
		scheduler.PeriodicJob{Name: "reconcile", Every: reconcileEvery, Pause: reconcilePause, Permit: a.mayAct, Run: a.reconcile(record, log)},
		scheduler.PeriodicJob{Name: "webhook_prune", Every: pruneEvery, Pause: prunePause, Permit: a.mayAct, Run: a.pruneMessages(log)},
	)...)
}

// run is the function of a periodic job.
type run = func(ctx context.Context, cursor time.Time) (time.Time, error)

// sweep stores events that no webhook delivered. The first sweep goes back to the time when the
// database was bound: earlier events concern no plan in it.
func (a *App) sweep(record billing.Record, log zerolog.Logger) run {
	return func(ctx context.Context, cursor time.Time) (time.Time, error) {
		began := a.clock.Now()
		binding, err := a.store.Binding(ctx)
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			return cursor, err
		}
		if err := catchup.NoteUnseen(ctx, a.store, cursor, began); err != nil {
			return cursor, err
		}
		counts, err := backfill.Run(ctx, record, a.store, backfill.Options{
			Since: backfill.Since(cursor, binding.BoundAt, began), Now: a.clock.Now, Types: stripeevents.Types(),
		})
		warnRefused(log, counts.Refused)
		if counts.New > 0 {
			log.Info().Int("seen", counts.Seen).Int("new", counts.New).Msg("events stored that no webhook had delivered yet")
		}
		return began, err
	}
}

// reconcile compares the last days with Stripe's record, and logs every difference.
func (a *App) reconcile(record billing.Record, log zerolog.Logger) run {
	return func(ctx context.Context, cursor time.Time) (time.Time, error) {
		began := a.clock.Now()
		summary, err := reconcile.Run(ctx, record, a.store, reconcile.Options{
			From: began.AddDate(0, 0, -reconcile.DefaultDays), To: began, Now: a.clock.Now, Grace: reconcile.Grace(a.clock),
			Found: func(f reconcile.Finding) error { logFinding(log, f); return nil },
		})
		if err != nil {
			return cursor, err
		}
		warnRefused(log, summary.Refused)
		log.Info().Int("payment_intents", summary.PaymentIntents).Int("charges", summary.Charges).
			Int("findings", summary.Findings).Int("left", summary.Left).Msg("compared with Stripe's record")
		return began, nil
	}
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
