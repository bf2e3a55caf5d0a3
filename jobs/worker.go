package jobs

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/planning"
)

// Config is what a Worker works with.
type Config struct {
	Store   billing.Store
	Gateway billing.Gateway
	Queue   billing.Queue
	Mailer  billing.Mailer
	Planner *planning.Planner
	// Rules are what the settings say of all plans: recurring ones go on by them.
	Rules billing.Rules
	// Policies are what plans may name; the default one is always among them.
	Policies dunning.Policies
	// Engine decides what follows a failure, within the policy; nil is the policy's own days.
	Engine dunning.Engine
	// Livemode says that cards are real, so that the networks count what is declined on one over all customers.
	Livemode bool
	// Permit says whether anything may be charged at all; nil means yes. While it fails charges are put off, and no
	// attempt is spent.
	Permit func(ctx context.Context) error
	// Admit waits for leave to make one call that changes something at Stripe, and returns the context to make it with
	// and what gives back leave that was not used; nil means that there is always leave. It is asked before an attempt is
	// written and without a lock held. When it fails the charge is put off, and no attempt is spent.
	Admit func(ctx context.Context) (admitted context.Context, giveBack func(), err error)
	// Recorded is called with the outcome of each call for a charge, once it is written. It may be nil.
	Recorded func(outcome billing.Outcome)
	// Webhooks and Sender are the outbox of the merchant's endpoints, and what posts to them.
	Webhooks billing.WebhookStore
	Sender   billing.WebhookSender
	// Tried is called with what became of each try to deliver a message, TryDelivered and so on. It may be nil.
	Tried    func(outcome string)
	Merchant notify.Merchant
	// OpenLink lets the link in a notice's mail open its page. It is called before the mail goes out, and again when that is
	// tried again. It may be nil.
	OpenLink func(ctx context.Context, n billing.Notice) error
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
	Clock         clock.Clock
	// Lease is the real time for which a row is left to the worker that took it up. It is longer than a call to Stripe
	// takes at most.
	Lease time.Duration
	Log   zerolog.Logger
}

// Worker runs tasks. It is safe for concurrent use.
type Worker struct {
	Config
	probes probes
}

// New makes a worker.
func New(c Config) *Worker { return &Worker{Config: c} }

// processor does the work of a task.
type processor = func(ctx context.Context, id string, lease int64) error

// processors are those of every kind of task.
func (w *Worker) processors() map[string]processor {
	return map[string]processor{
		KindHandleEvent:   w.HandleEvent,
		KindCollectCharge: w.CollectCharge,
		KindRetryCharge:   w.RetryCharge,
		KindSendNotice:    w.SendNotice,
		KindStepDunning:   w.StepDunning,

		KindDeliverWebhook: w.DeliverWebhook,
		KindTellUpcoming:   w.TellUpcoming,
		KindTellExpiring:   w.TellExpiring,
	}
}

// Handler routes tasks to their processors.
func (w *Worker) Handler() asynq.Handler {
	mux := asynq.NewServeMux()
	for kind, process := range w.processors() {
		mux.HandleFunc(kind, func(ctx context.Context, t *asynq.Task) error {
			p, err := decode(t)
			if err != nil {
				return err
			}
			return process(ctx, p.ID, p.Lease)
		})
	}
	return mux
}

const (
	firstBackoff = 2 * time.Second
	maxBackoff   = 10 * time.Minute
)

// backoff is when to try again what failed for a reason that is not the customer's: twice as long each time, in real
// time, with jitter so that what failed together does not come back together. tries counts from 1.
func (w *Worker) backoff(tries int) time.Time {
	wait := maxBackoff
	if tries < 10 { // 2 s doubled nine times is more than ten minutes
		wait = min(firstBackoff<<max(tries-1, 0), maxBackoff)
	}
	return w.Clock.Now().Add(w.Clock.Simulated(jittered(wait)))
}

// jittered is a time up to a quarter longer.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // jitter is no secret
}

// recordTimeout bounds the writing of an outcome, so that a database that hangs does not hold the worker for ever.
const recordTimeout = 15 * time.Second

// recording is the context in which an outcome is written: it outlives the task, which may be stopped meanwhile.
func (w *Worker) recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}

// enqueue hands follow-up tasks to the queue. When that fails nothing is lost: the rows hold the time too.
func (w *Worker) enqueue(ctx context.Context, tasks []billing.Task) {
	if len(tasks) == 0 {
		return
	}
	if err := w.Queue.Enqueue(ctx, tasks...); err != nil {
		w.Log.Warn().Err(err).Int("tasks", len(tasks)).Msg("follow-up tasks not enqueued; the scheduler will find their rows")
	}
}
