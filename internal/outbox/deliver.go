package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

const (
	// sendTimeout is longer than one try to send takes.
	sendTimeout = 20 * time.Second
	// giveUpAfter is the real time after which an endpoint that accepted nothing is disabled. The
	// retries of a message cover three days, so at least ten tries have failed by then.
	giveUpAfter = 5 * 24 * time.Hour
	// probeFrom is the real time that an endpoint must have failed before its messages are sent one at
	// a time: a single failure delays nothing.
	probeFrom = time.Minute
	// probeAfter is the real time that a message waits while another one tests whether a failing
	// endpoint works again. It is longer than such a test takes.
	probeAfter = 30 * time.Second
)

// webhookBackoff returns the real time before each further try, three days in total.
func webhookBackoff() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour,
		24 * time.Hour,
	}
}

// Outcomes of a try, for metrics.
const (
	// TryDelivered was answered with 2xx.
	TryDelivered = "delivered"
	// TryRetried failed and will be retried.
	TryRetried = "retried"
	// TryFailed failed and was the last try.
	TryFailed = "failed"
	// TryDeferred was deferred: another message is testing whether the endpoint works again.
	TryDeferred = "deferred"
)

// Deliver posts one message. If it is sent again after a crash, it carries the same
// webhook-id, so receivers recognize it. A failed message is tried again for three days. An
// endpoint that is gone, or that accepts nothing for five days, is disabled.
func (w *Outbox) Deliver(ctx context.Context, id string, lease int64) error {
	o, err := w.Webhooks.Outgoing(ctx, billing.DeliveryID(id))
	if errors.Is(err, billing.ErrNotFound) {
		return w.Webhooks.DropDelivery(ctx, billing.DeliveryID(id)) // its endpoint was deleted, or it is too old
	}
	d := o.Delivery
	if err != nil || d.Status != billing.DeliveryPending || d.Lease != lease {
		return err
	}
	if o.Endpoint.Status != billing.EndpointEnabled {
		d.LastError = "not sent: the endpoint is disabled"
		return w.endDelivery(ctx, d, billing.EndpointUnchanged)
	}
	since := o.Endpoint.FailingSince
	leave, mayTry := w.probes.enter(d.EndpointID, !since.IsZero() && w.Clock.Now().Sub(since) >= w.Clock.Simulated(probeFrom))
	if !mayTry {
		return w.deferDelivery(ctx, d)
	}
	defer leave()
	until := w.Clock.Now().Add(w.Clock.Simulated(max(w.Lease, sendTimeout)))
	mine, err := w.Webhooks.HoldDelivery(ctx, billing.DeliveryClaim{DeliveryID: d.ID, Lease: lease}, until)
	if err != nil || !mine {
		return err
	}
	status, failure := w.Sender.Send(ctx, o.Endpoint, o.Message)
	if failure != nil && ctx.Err() != nil {
		return ctx.Err() // this process is stopping, which is no failure of the endpoint: the message is sent again
	}
	ctx, cancel := w.Recording(ctx)
	defer cancel()
	return w.recordTry(ctx, o, status, failure)
}

// recordTry records the outcome of a try and decides what follows.
func (w *Outbox) recordTry(ctx context.Context, o billing.Outgoing, status int, failure error) error {
	d, now := o.Delivery, w.Clock.Now()
	d.Attempts++
	d.LastStatus, d.LastError, d.LastAttemptAt = status, "", now
	if failure == nil {
		d.Status, d.DeliveredAt, d.NextAttemptAt, d.ClaimAfter = billing.DeliveryDelivered, now, time.Time{}, time.Time{}
		w.countTry(TryDelivered)
		return w.Webhooks.RecordDelivery(ctx, d, noteIf(!o.Endpoint.FailingSince.IsZero(), billing.EndpointWorks))
	}
	d.LastError = failure.Error()
	w.Log.Warn().Str("delivery", string(d.ID)).Str("endpoint", string(d.EndpointID)).Str("type", d.Type).Int("attempts", d.Attempts).
		AnErr("cause", failure).Msg("message not delivered")
	since := o.Endpoint.FailingSince
	switch {
	case status == http.StatusGone:
		return w.endDelivery(ctx, d, billing.EndpointGone)
	case !since.IsZero() && now.Sub(since) >= w.Clock.Simulated(giveUpAfter):
		d.LastError = fmt.Sprintf("every try failed for %d days; the last: %s", int(giveUpAfter.Hours()/24), d.LastError)
		return w.endDelivery(ctx, d, billing.EndpointGone)
	case d.Attempts > len(webhookBackoff()):
		return w.endDelivery(ctx, d, noteIf(since.IsZero(), billing.EndpointFails))
	}
	wait := webhookBackoff()[d.Attempts-1]
	d.NextAttemptAt = now.Add(w.Clock.Simulated(planwork.WithJitter(wait)))
	d.ClaimAfter = d.NextAttemptAt
	w.countTry(TryRetried)
	return w.Webhooks.RecordDelivery(ctx, d, noteIf(since.IsZero(), billing.EndpointFails))
}

func noteIf(news bool, note billing.EndpointNote) billing.EndpointNote {
	if news {
		return note
	}
	return billing.EndpointUnchanged
}

// endDelivery marks a delivery as failed. It can be replayed.
func (w *Outbox) endDelivery(ctx context.Context, d billing.WebhookDelivery, note billing.EndpointNote) error {
	d.Status, d.NextAttemptAt, d.ClaimAfter = billing.DeliveryFailed, time.Time{}, time.Time{}
	if note == billing.EndpointGone {
		w.Log.Error().Str("endpoint", string(d.EndpointID)).Str("cause", d.LastError).Msg("endpoint disabled")
	}
	w.countTry(TryFailed)
	return w.Webhooks.RecordDelivery(ctx, d, note)
}

// deferDelivery defers a delivery. No try is spent.
func (w *Outbox) deferDelivery(ctx context.Context, d billing.WebhookDelivery) error {
	if d.LastError == "" {
		d.LastError = "deferred: the endpoint fails, and is tried with one message at a time"
	}
	d.NextAttemptAt = w.Clock.Now().Add(w.Clock.Simulated(planwork.WithJitter(probeAfter)))
	d.ClaimAfter = d.NextAttemptAt
	w.countTry(TryDeferred)
	return w.Webhooks.RecordDelivery(ctx, d, billing.EndpointUnchanged)
}

func (w *Outbox) countTry(outcome string) {
	if w.Tried != nil {
		w.Tried(outcome)
	}
}
