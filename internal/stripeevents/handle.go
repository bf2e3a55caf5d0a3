package stripeevents

import (
	"context"
	"errors"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planning"
)

// Handle handles the event id. It fetches the event's object again and applies only forward
// transitions, so duplicate, late and shuffled events do no harm. After a temporary failure, the
// event records the reason and is handled again later. After a permanent failure, it is kept as
// failed for an operator. A task with an older lease does nothing. Errors: billing.ErrUnavailable
// if the outcome can't be recorded.
func (h *Handler) Handle(ctx context.Context, id string, lease int64) error {
	e, err := h.Store.Event(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		h.Log.Info().Str("event", id).Msg("task dropped: its event is gone")
		return nil
	}
	if err != nil || e.Status != billing.EventPending || e.Lease != lease {
		return err
	}
	v, err := h.dispatch(ctx, e)
	if err != nil {
		v = judge(e, err)
	}
	e.Status, e.Reason, e.Awaits = v.status, v.reason, v.awaits
	now := h.Clock.Now()
	e.HandledAt, e.ClaimAfter = now, time.Time{}
	if v.status == billing.EventPending {
		e.Attempts++
		e.HandledAt, e.ClaimAfter = time.Time{}, h.Backoff(e.Attempts)
		h.Log.Warn().Str("event", e.ID).Str("type", e.Type).Int("attempts", e.Attempts).Err(err).Msg("event not handled; it will be tried again")
	}
	if v.status == billing.EventFailed {
		h.Log.Error().Str("event", e.ID).Str("type", e.Type).Err(err).Msg("event can't be handled")
	}
	ctx, cancel := h.Recording(ctx)
	defer cancel()
	err = h.Store.Update(ctx, func(tx billing.Tx) error {
		if err := tx.UpdateEvent(ctx, e); err != nil || v.status == billing.EventPending {
			return err
		}
		return tx.EraseEvent(ctx, e.ID, e.ObjectID, e.PaymentIntent())
	})
	if err != nil || e.Awaits == "" {
		return err
	}
	return wakeIfKnown(ctx, h.Store, h.Clock.Now(), e.Awaits)
}

// wakeIfKnown makes an event pending again if its object became known between the lookup and the
// commit: the transaction that made the object known did not see that the event awaits it.
func wakeIfKnown(ctx context.Context, store billing.Store, now time.Time, awaits string) error {
	reference, isReference := strings.CutPrefix(awaits, billing.AwaitsCustomer(""))
	var err error
	switch {
	case isReference:
		_, err = store.CustomerByReference(ctx, reference)
	case strings.HasPrefix(awaits, "cus_"):
		_, err = store.CustomerByStripe(ctx, awaits)
	default:
		_, err = store.ChargeByPaymentIntent(ctx, awaits)
	}
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return store.Update(ctx, func(tx billing.Tx) error { return tx.WakeEvents(ctx, now, awaits) })
}

// maxEventTries bounds how often an event is handled. The tries cover three days, as long as Stripe
// itself would send the event again.
const maxEventTries = 450

// judge distinguishes temporary failures from permanent ones.
func judge(e billing.Event, err error) verdict {
	var invalid *billing.InvalidError
	var taken *planning.ReferenceTakenError
	if errors.As(err, &invalid) || errors.As(err, &taken) || errors.Is(err, errMismatch) || errors.Is(err, errNoObject) || e.Attempts+1 >= maxEventTries {
		return verdict{status: billing.EventFailed, reason: err.Error()}
	}
	return verdict{status: billing.EventPending, reason: err.Error()}
}

// dispatch passes an event to the handler of its type.
func (h *Handler) dispatch(ctx context.Context, e billing.Event) (verdict, error) {
	kind, ok := eventKinds()[e.Type]
	if !ok {
		return ignored("events of this type are not used"), nil
	}
	return kind.run(ctx, h, e)
}
