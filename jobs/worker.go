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

// Config holds the dependencies and settings of a Worker.
type Config struct {
	Store   billing.Store
	Gateway billing.Gateway
	Queue   billing.Queue
	Mailer  billing.Mailer
	Planner *planning.Planner
	// Rules are the settings that apply to all plans. Recurring plans continue under them.
	Rules billing.Rules
	// Policies are the dunning policies that plans can name. They always include the default one.
	Policies dunning.Policies
	// Engine decides what follows a failure, within the policy. nil means the policy's own timetable.
	Engine dunning.Engine
	// Livemode is set when cards are real. The networks then count the declines of a card over all
	// customers.
	Livemode bool
	Permits
	// Acquire waits for a permit for one call that changes something at Stripe: a token of the rate
	// limit, and the circuit breaker. It returns the context to call with, and a function that
	// releases an unused permit. nil means that no permit is needed. The worker calls Acquire before
	// it writes an attempt, while it holds no lock. If Acquire fails, the charge is deferred and no
	// attempt is spent.
	Acquire func(ctx context.Context) (acquired context.Context, release func(), err error)
	// Doubt returns the last time at which the database was known to have lost committed rows, or zero
	// if it never lost any. A charge that was written before that time is looked up at Stripe before a
	// PaymentIntent is created for it. nil means that nothing was ever lost.
	Doubt func() time.Time
	// Note reports a committed attempt to a record outside the database, before Stripe is called. It
	// may be nil.
	Note func(ctx context.Context, id billing.AttemptID)
	// Recorded is called with the outcome of each call for a charge, once the outcome is written. It
	// may be nil.
	Recorded func(outcome billing.Outcome)
	// Tries bounds how many cards a customer may try.
	Tries billing.CardTryLimits
	// CustomerDeclined is called for each declined card that a customer entered. It may be nil.
	CustomerDeclined func()
	// Webhooks is the outbox of messages to the merchant's endpoints. Sender posts them.
	Webhooks billing.WebhookStore
	Sender   billing.WebhookSender
	// Tried is called with the result of each delivery of a message, such as TryDelivered. It may be
	// nil.
	Tried    func(outcome string)
	Merchant notify.Merchant
	// OpenLink lets the link in a notice's mail open its page. It is called before each try to send
	// the mail. It may be nil.
	OpenLink func(ctx context.Context, n billing.Notice) error
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
	// Host names the machine of this worker in the audit trail. It may be empty.
	Host  string
	Clock clock.Clock
	// Lease is how long, in real time, a claimed row is left to its worker. It is longer than any call
	// to Stripe takes.
	Lease time.Duration
	Log   zerolog.Logger
}

// Worker runs tasks. It is safe for concurrent use.
type Worker struct {
	Config
	probes probes
}

// New returns a Worker with the given configuration.
func New(c Config) *Worker { return &Worker{Config: c} }

// processor does the work of one task.
type processor = func(ctx context.Context, id string, lease int64) error

// processors returns the processor of each kind of task. The context of each names the actor for
// the audit entries that the processor writes.
func (w *Worker) processors() map[string]processor {
	byKind := w.permittedProcessors()
	for kind, process := range byKind {
		byKind[kind] = func(ctx context.Context, id string, lease int64) error {
			return process(billing.ActingAs(ctx, billing.Party{Actor: w.actorOf(kind, id)}), id, lease)
		}
	}
	return byKind
}

// actorOf returns the actor of a task: the event that is handled, or this worker.
func (w *Worker) actorOf(kind, id string) billing.Actor {
	if kind == KindHandleEvent {
		return billing.NewActor(billing.ActorEvent, id)
	}
	return billing.NewActor(billing.ActorWorker, w.Host)
}

// permittedProcessors returns the processor of each kind of task, behind its permits. The two
// processors of charges check the permits themselves, because they record why a charge is deferred.
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

// backoff returns when to try again after a failure that the customer did not cause. The wait is
// real time and doubles with each try. Jitter keeps tasks that failed together from coming back
// together. tries counts from 1.
func (w *Worker) backoff(tries int) time.Time {
	wait := maxBackoff
	if tries < 10 { // 2 s doubled nine times is more than ten minutes
		wait = min(firstBackoff<<max(tries-1, 0), maxBackoff)
	}
	return w.Clock.Now().Add(w.Clock.Simulated(jittered(wait)))
}

// jittered lengthens a duration by up to a quarter.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // jitter is no secret
}

// recordTimeout bounds the write of an outcome, so that an unresponsive database does not block the
// worker indefinitely.
const recordTimeout = 15 * time.Second

// recording returns the context for writing an outcome. It outlives the task, which may be canceled
// meanwhile.
func (w *Worker) recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}

// enqueue hands follow-up tasks to the queue. If that fails nothing is lost, because the rows hold
// the times too.
func (w *Worker) enqueue(ctx context.Context, tasks []billing.Task) {
	if len(tasks) == 0 {
		return
	}
	if err := w.Queue.Enqueue(ctx, tasks...); err != nil {
		w.Log.Warn().Err(err).Int("tasks", len(tasks)).Msg("follow-up tasks not enqueued; the scheduler will find their rows")
	}
}
