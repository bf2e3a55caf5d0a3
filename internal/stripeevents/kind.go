package stripeevents

import (
	"context"

	"tranche/internal/billing"
)

// eventKind defines how the events about one kind of object are handled.
type eventKind struct {
	// names reads the ids in the event. Nothing else in the event's body is trusted.
	names func(e billing.Event) subject
	// fetch fetches the object and the objects that it names from Stripe; nil if the handler needs
	// neither.
	fetch func(h *Handler, ctx context.Context, s subject) (subject, error)
	// handle updates our record to the state of the object.
	handle func(h *Handler, ctx context.Context, e billing.Event, about subject) (verdict, error)
}

// run passes an event to the handler of its kind, if the event is admitted. The handler calls
// Stripe in the account that the event came from.
func (k eventKind) run(ctx context.Context, h *Handler, e billing.Event) (verdict, error) {
	ctx = billing.OnAccount(ctx, e.Account)
	about, v, err := h.admit(ctx, e, k)
	if err != nil || v.status != "" {
		return v, err
	}
	return k.handle(h, ctx, e, about)
}
