package jobs

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
)

// errNotTakingPart is a task that this process leaves to another one.
var errNotTakingPart = errors.New("this process takes no part")

// maxHandedOn is how often a task is handed on to another process. After that its row brings it
// back.
const maxHandedOn = 4

// Permits are the questions a worker asks before it acts. A nil one is always answered with yes.
type Permits struct {
	// TakePart reports why this process must write nothing at all: its clock is wrong.
	TakePart func(ctx context.Context) error
	// Act reports why nothing may be done for this database: its Stripe account is another one, or not
	// known yet. Charges are then deferred with the reason, and every other row is left as it is.
	Act func(ctx context.Context) error
	// Charge reports why no charge may be made, although everything else may be done.
	Charge func(ctx context.Context) error
	// Suspect is called when Stripe knows neither the customer nor the card of a charge: the key
	// belongs to another account. It may be nil.
	Suspect func()
	// OwnAccount asks Stripe again which account the key belongs to, and reports whether Stripe names
	// the database's. nil means that it is not known.
	OwnAccount func(ctx context.Context) bool
}

// ask returns a question's answer.
func ask(ctx context.Context, question func(ctx context.Context) error) error {
	if question == nil {
		return nil
	}
	return question(ctx)
}

// takesPart returns a processor that does nothing while this process takes no part. The queue hands
// the task on; a task that no process wants is dropped, because the lease of its row brings it
// back.
func (w *Worker) takesPart(process processor) processor {
	return func(ctx context.Context, id string, lease int64) error {
		err := w.notTakingPart(ctx)
		if err == nil {
			err = process(ctx, id, lease)
		}
		if handedOn, _ := asynq.GetRetryCount(ctx); errors.Is(err, errNotTakingPart) && handedOn >= maxHandedOn {
			return nil
		}
		return err
	}
}

// notTakingPart reports why this process must write nothing now.
func (w *Worker) notTakingPart(ctx context.Context) error {
	if err := ask(ctx, w.TakePart); err != nil {
		return errors.Join(errNotTakingPart, err)
	}
	return nil
}

// permitted returns a processor that does nothing while nothing may be done for this database. Its
// row stays as it is and comes back when its lease ends.
func (w *Worker) permitted(process processor) processor {
	return w.takesPart(func(ctx context.Context, id string, lease int64) error {
		if err := ask(ctx, w.Act); err != nil {
			w.Log.Warn().Err(err).Str("id", id).Msg("task left for later")
			return nil
		}
		return process(ctx, id, lease)
	})
}

// forbidden reports why no charge may be made now.
func (w *Worker) forbidden(ctx context.Context) error {
	if err := ask(ctx, w.Act); err != nil {
		return err
	}
	return ask(ctx, w.Charge)
}
