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
	// sendTimeout is a real time that is longer than one try to send takes.
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

// Outcomes of a try to deliver a message, for metrics.
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

// Deliver posts the message of the delivery id. If it is sent again after a crash, it carries the
// same webhook-id, so receivers recognize it. A failed message is tried again for three days. An
// endpoint that is gone, or that accepts nothing for five days, is disabled. A task with an older
// lease does nothing. A failed try is recorded and is no error. Errors: billing.ErrUnavailable; the
// context's, if the process stops while it sends.
func (o *Outbox) Deliver(ctx context.Context, id string, lease int64) error {
	out, err := o.Webhooks.Outgoing(ctx, billing.DeliveryID(id))
	if errors.Is(err, billing.ErrNotFound) {
		return o.Webhooks.DropDelivery(ctx, billing.DeliveryID(id)) // its endpoint was deleted, or it is too old
	}
	d := out.Delivery
	if err != nil || d.Status != billing.DeliveryPending || d.Lease != lease {
		return err
	}
	if out.Endpoint.Status != billing.EndpointEnabled {
		d.LastError = "not sent: the endpoint is disabled"
		return o.endDelivery(ctx, d, billing.EndpointUnchanged)
	}
	since := out.Endpoint.FailingSince
	leave, mayTry := o.probes.enter(d.EndpointID, !since.IsZero() && o.Clock.Now().Sub(since) >= o.Clock.Simulated(probeFrom))
	if !mayTry {
		return o.deferDelivery(ctx, d)
	}
	defer leave()
	until := o.Clock.Now().Add(o.Clock.Simulated(max(o.Lease, sendTimeout)))
	mine, err := o.Webhooks.HoldDelivery(ctx, billing.DeliveryClaim{DeliveryID: d.ID, Lease: lease}, until)
	if err != nil || !mine {
		return err
	}
	status, failure := o.Sender.Send(ctx, out.Endpoint, out.Message)
	if failure != nil && ctx.Err() != nil {
		return ctx.Err() // this process is stopping, which is no failure of the endpoint: the message is sent again
	}
	ctx, cancel := o.Recording(ctx)
	defer cancel()
	return o.recordTry(ctx, out, status, failure)
}

// recordTry records the outcome of a try and decides what follows.
func (o *Outbox) recordTry(ctx context.Context, out billing.Outgoing, status int, failure error) error {
	d, now := out.Delivery, o.Clock.Now()
	d.Attempts++
	d.LastStatus, d.LastError, d.LastAttemptAt = status, "", now
	if failure == nil {
		d.Status, d.DeliveredAt, d.NextAttemptAt, d.ClaimAfter = billing.DeliveryDelivered, now, time.Time{}, time.Time{}
		o.countTry(TryDelivered)
		return o.Webhooks.RecordDelivery(ctx, d, noteIf(!out.Endpoint.FailingSince.IsZero(), billing.EndpointWorks))
	}
	d.LastError = failure.Error()
	o.Log.Warn().Str("delivery", string(d.ID)).Str("endpoint", string(d.EndpointID)).Str("type", d.Type).Int("attempts", d.Attempts).
		AnErr("cause", failure).Msg("message not delivered")
	since := out.Endpoint.FailingSince
	switch {
	case status == http.StatusGone:
		return o.endDelivery(ctx, d, billing.EndpointGone)
	case !since.IsZero() && now.Sub(since) >= o.Clock.Simulated(giveUpAfter):
		d.LastError = fmt.Sprintf("every try failed for %d days; the last: %s", int(giveUpAfter.Hours()/24), d.LastError)
		return o.endDelivery(ctx, d, billing.EndpointGone)
	case d.Attempts > len(webhookBackoff()):
		return o.endDelivery(ctx, d, noteIf(since.IsZero(), billing.EndpointFails))
	}
	wait := webhookBackoff()[d.Attempts-1]
	d.NextAttemptAt = now.Add(o.Clock.Simulated(planwork.WithJitter(wait)))
	d.ClaimAfter = d.NextAttemptAt
	o.countTry(TryRetried)
	return o.Webhooks.RecordDelivery(ctx, d, noteIf(since.IsZero(), billing.EndpointFails))
}

// noteIf returns the note if it is news about the endpoint.
func noteIf(news bool, note billing.EndpointNote) billing.EndpointNote {
	if news {
		return note
	}
	return billing.EndpointUnchanged
}

// endDelivery marks a delivery as failed. It can be replayed.
func (o *Outbox) endDelivery(ctx context.Context, d billing.WebhookDelivery, note billing.EndpointNote) error {
	d.Status, d.NextAttemptAt, d.ClaimAfter = billing.DeliveryFailed, time.Time{}, time.Time{}
	if note == billing.EndpointGone {
		o.Log.Error().Str("endpoint", string(d.EndpointID)).Str("cause", d.LastError).Msg("endpoint disabled")
	}
	o.countTry(TryFailed)
	return o.Webhooks.RecordDelivery(ctx, d, note)
}

// deferDelivery defers a delivery while another message tests the endpoint. No try is spent.
func (o *Outbox) deferDelivery(ctx context.Context, d billing.WebhookDelivery) error {
	if d.LastError == "" {
		d.LastError = "deferred: the endpoint fails, and is tried with one message at a time"
	}
	d.NextAttemptAt = o.Clock.Now().Add(o.Clock.Simulated(planwork.WithJitter(probeAfter)))
	d.ClaimAfter = d.NextAttemptAt
	o.countTry(TryDeferred)
	return o.Webhooks.RecordDelivery(ctx, d, billing.EndpointUnchanged)
}

// countTry reports the outcome of a try to the metrics.
func (o *Outbox) countTry(outcome string) {
	if o.Tried != nil {
		o.Tried(outcome)
	}
}
