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
	// Livemode says that cards are real, so that the networks count what is declined on one over
	// all customers.
	Livemode bool
	Permits
	// Acquire waits for a permit for one call that changes something at Stripe: for a token of the
	// rate limit and for the circuit breaker. It returns the context to call with, and a function
	// that releases an unused permit. nil means that no permit is needed. The worker asks before it
	// writes an attempt, without a lock held. If Acquire fails, the charge is deferred and no
	// attempt is spent.
	Acquire func(ctx context.Context) (acquired context.Context, release func(), err error)
	// Doubt returns the last time at which the database was known to have lost what was written
	// before; zero when it never was. A charge written before that time is looked up at Stripe
	// before its PaymentIntent is made. nil means never.
	Doubt func() time.Time
	// Note tells a witness outside the database of an attempt that was committed, before Stripe is
	// called. It may be nil.
	Note func(ctx context.Context, id billing.AttemptID)
	// Recorded is called with the outcome of each call for a charge, once it is written. It may be nil.
	Recorded func(outcome billing.Outcome)
	// Tries bounds how many cards a customer may try.
	Tries billing.CardTryLimits
	// CustomerDeclined is called for each card that a customer gave and that was declined. It may
	// be nil.
	CustomerDeclined func()
	// Webhooks and Sender are the outbox of the merchant's endpoints, and what posts to them.
	Webhooks billing.WebhookStore
	Sender   billing.WebhookSender
	// Tried is called with what became of each try to deliver a message, TryDelivered and so on. It
	// may be nil.
	Tried    func(outcome string)
	Merchant notify.Merchant
	// OpenLink lets the link in a notice's mail open its page. It is called before the mail goes
	// out, and again when that is tried again. It may be nil.
	OpenLink func(ctx context.Context, n billing.Notice) error
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
	// Host names the machine of this worker in the audit trail. It may be empty.
	Host  string
	Clock clock.Clock
	// Lease is the real time for which a row is left to the worker that took it up. It is longer
	// than a call to Stripe takes at most.
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

// processors are those of every kind of task, each with the actor of the audit entries that it
// writes.
func (w *Worker) processors() map[string]processor {
	byKind := w.permittedProcessors()
	for kind, process := range byKind {
		byKind[kind] = func(ctx context.Context, id string, lease int64) error {
			return process(billing.ActingAs(ctx, billing.Party{Actor: w.actorOf(kind, id)}), id, lease)
		}
	}
	return byKind
}

// actorOf names who acts in a task: the event that is handled, or this worker.
func (w *Worker) actorOf(kind, id string) billing.Actor {
	if kind == KindHandleEvent {
		return billing.NewActor(billing.ActorEvent, id)
	}
	return billing.NewActor(billing.ActorWorker, w.Host)
}

// permittedProcessors are those of every kind of task, each behind the permits. The two of charges
// ask for theirs themselves, because a charge that is deferred shows why.
func (w *Worker) permittedProcessors() map[string]processor {
	return map[string]processor{
		KindHandleEvent:   w.permitted(w.HandleEvent),
		KindCollectCharge: w.takesPart(w.CollectCharge),
		KindRetryCharge:   w.takesPart(w.RetryCharge),
		KindSendNotice:    w.permitted(w.SendNotice),
		KindStepDunning:   w.permitted(w.StepDunning),

		KindDeliverWebhook: w.permitted(w.DeliverWebhook),
		KindTellUpcoming:   w.permitted(w.TellUpcoming),
		KindTellExpiring:   w.permitted(w.TellExpiring),
		KindTellCheckout:   w.permitted(w.TellCheckout),
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

// backoff is when to try again what failed for a reason that is not the customer's: twice as long
// each time, in real time, with jitter so that what failed together does not come back together.
// tries counts from 1.
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

// recordTimeout bounds the writing of an outcome, so that a database that hangs does not hold the
// worker for ever.
const recordTimeout = 15 * time.Second

// recording is the context in which an outcome is written: it outlives the task, which may be
// stopped meanwhile.
func (w *Worker) recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}

// enqueue hands follow-up tasks to the queue. When that fails nothing is lost: the rows hold the
// time too.
func (w *Worker) enqueue(ctx context.Context, tasks []billing.Task) {
	if len(tasks) == 0 {
		return
	}
	if err := w.Queue.Enqueue(ctx, tasks...); err != nil {
		w.Log.Warn().Err(err).Int("tasks", len(tasks)).Msg("follow-up tasks not enqueued; the scheduler will find their rows")
	}
}
