package jobs

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/collect"
	"tranche/internal/followup"
	"tranche/internal/outbox"
	"tranche/internal/stripeevents"
	"tranche/internal/task"
)

// processor does the work of one task.
type processor = func(ctx context.Context, id string, lease int64) error

// Worker passes tasks to their processors. It is safe for concurrent use.
type Worker struct {
	permits    collect.Permits
	host       string
	log        zerolog.Logger
	processors map[string]processor
}

// New returns a Worker with the given configuration. It makes the processors of all kinds of tasks.
func New(c Config) *Worker {
	work := c.work()
	keeper := cards.New(work, c.Gateway)
	collector := collect.New(work, collect.Config{
		Gateway: c.Gateway, Permits: c.Permits, Acquire: c.Acquire, Note: c.Note, Recorded: c.Recorded,
	})
	events := stripeevents.New(work, stripeevents.Config{
		Gateway: c.Gateway, Cards: keeper, Collect: collector, Planner: c.Planner, Tries: c.Tries, CustomerDeclined: c.CustomerDeclined,
	})
	out := outbox.New(work, outbox.Config{
		Mailer: c.Mailer, Merchant: c.Merchant, OpenLink: c.OpenLink, Webhooks: c.Webhooks, Sender: c.Sender, Tried: c.Tried,
	})
	w := &Worker{permits: c.Permits, host: c.Host, log: c.Log}
	// The two kinds that charge check the other permits themselves, because they record why a charge
	// is deferred.
	w.processors = map[string]processor{
		task.KindHandleEvent:    w.permitted(events.Handle),
		task.KindCollectCharge:  w.takesPart(collector.Collect),
		task.KindRetryCharge:    w.takesPart(collector.Collect), // the row holds all that the next attempt needs
		task.KindSendNotice:     w.permitted(out.Send),
		task.KindStepDunning:    w.permitted(followup.New(work).Step),
		task.KindDeliverWebhook: w.permitted(out.Deliver),
		task.KindNotifyUpcoming: w.permitted(out.NotifyUpcoming),
		task.KindNotifyExpiring: w.permitted(out.NotifyExpiring),
		task.KindRemindCheckout: w.permitted(out.RemindCheckout),
	}
	return w
}

// Handler returns the mux that asynq's servers pass tasks to.
func (w *Worker) Handler() asynq.Handler {
	mux := asynq.NewServeMux()
	for kind := range w.processors {
		mux.HandleFunc(kind, func(ctx context.Context, t *asynq.Task) error { return w.run(ctx, kind, t.Payload()) })
	}
	return mux
}

// Do runs one task at once, without a queue. It is for a worker that simulates a plan in memory.
// Errors: the processor's own; an unknown kind of task.
func (w *Worker) Do(ctx context.Context, t billing.Task) error {
	if _, ok := w.processors[t.Kind]; !ok {
		return fmt.Errorf("unknown kind of task %q", t.Kind)
	}
	return w.run(ctx, t.Kind, t.Payload)
}

// run passes a task to its processor. The context names the actor for the audit entries that the
// processor writes. A task with an unreadable payload is dropped: the scheduler claims its row
// again.
func (w *Worker) run(ctx context.Context, kind string, body []byte) error {
	p, err := task.Read(body)
	if err != nil {
		return fmt.Errorf("read payload of %s: %w: %w", kind, err, asynq.SkipRetry)
	}
	return w.processors[kind](billing.ActingAs(ctx, billing.Party{Actor: w.actor(kind, p.ID)}), p.ID, p.Lease)
}

// actor returns the actor of a task: the event that is handled, or this worker.
func (w *Worker) actor(kind, id string) billing.Actor {
	if kind == task.KindHandleEvent {
		return billing.NewActor(billing.ActorEvent, id)
	}
	return billing.NewActor(billing.ActorWorker, w.host)
}
