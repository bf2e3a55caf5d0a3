package jobs

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
)

// errNotTakingPart is returned for a task that this process leaves to another process.
var errNotTakingPart = errors.New("this process takes no part")

// maxHandedOn is how often a task is handed on to another process. After that the task is dropped,
// and its row is claimed again when the lease ends.
const maxHandedOn = 4

// Permits are the checks that a worker makes before it acts. A nil check always passes.
type Permits struct {
	// TakePart reports why this process must not write anything: its clock is wrong.
	TakePart func(ctx context.Context) error
	// Act reports why nothing may be done for this database: it belongs to another Stripe account, or
	// the account is not known yet. Charges are then deferred with the reason, and all other rows are
	// left as they are.
	Act func(ctx context.Context) error
	// Charge reports why no charge may be made, although all other work may be done.
	Charge func(ctx context.Context) error
	// Suspect is called when Stripe knows neither the customer nor the card of a charge, which means
	// that the key belongs to another account. It may be nil.
	Suspect func()
	// OwnAccount asks Stripe again for the account of the key, and reports whether it is the
	// database's account. nil means that the account is not known.
	OwnAccount func(ctx context.Context) bool
}

// ask runs a check; a nil check passes.
func ask(ctx context.Context, question func(ctx context.Context) error) error {
	if question == nil {
		return nil
	}
	return question(ctx)
}

// takesPart returns a processor that does nothing while this process takes no part. The queue hands
// the task on to another process. A task that no process accepts is dropped: its row comes back
// when the lease ends.
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

// notTakingPart reports why this process must not write anything now.
func (p Permits) notTakingPart(ctx context.Context) error {
	if err := ask(ctx, p.TakePart); err != nil {
		return errors.Join(errNotTakingPart, err)
	}
	return nil
}

// permitted returns a processor that does nothing while Permits.Act fails for this database. The
// row stays as it is and comes back when its lease ends.
func (w *Worker) permitted(process processor) processor {
	return w.takesPart(func(ctx context.Context, id string, lease int64) error {
		if err := w.notActing(ctx); err != nil {
			w.Log.Warn().Err(err).Str("id", id).Msg("task skipped: not permitted for this database")
			return nil
		}
		return process(ctx, id, lease)
	})
}

// notActing reports why nothing may be done for this database now.
func (p Permits) notActing(ctx context.Context) error { return ask(ctx, p.Act) }

// forbidden reports why no charge may be made now.
func (p Permits) forbidden(ctx context.Context) error {
	if err := p.notActing(ctx); err != nil {
		return err
	}
	return ask(ctx, p.Charge)
}
