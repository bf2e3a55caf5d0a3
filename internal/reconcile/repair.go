package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

// repair adds the event to the inbox that Stripe would have sent; its handler fetches the
// PaymentIntent and updates our record. The event's id is the same in each run, so nothing is
// queued twice. If an event was handled and did not help, the finding is left to a person, with the
// result of the event.
func (r *run) repair(ctx context.Context, f *Finding) error {
	e := r.event(*f)
	fresh, err := r.ledger.InsertEvents(ctx, []billing.Event{e})
	if err != nil {
		return err
	}
	f.Event, f.Outcome = e.ID, Queued
	if len(fresh) > 0 {
		return nil
	}
	before, err := r.ledger.Event(ctx, e.ID)
	if err != nil {
		return err
	}
	if before.Status != billing.EventPending {
		f.Outcome = Left
		f.Advice = fmt.Sprintf("an earlier repair was %s", before.Status)
		if before.Reason != "" {
			f.Advice += " (" + before.Reason + ")"
		}
		f.Advice += fmt.Sprintf(": fix the cause, then `tranche event retry %s`", e.ID)
	}
	return nil
}

// event returns the event of a repair. The handler reads only its type and its PaymentIntent.
func (r *run) event(f Finding) billing.Event {
	now := r.Now()
	_, what, _ := strings.Cut(f.repair, ".")
	if f.repair == eventRefunded { // a payment may have several refunds, each with an event
		what += "_" + strconv.FormatInt(f.refunded, 10)
	}
	e := billing.Event{
		ID: "rec_" + f.PaymentIntent + "_" + what, Type: f.repair, ObjectID: f.PaymentIntent, Livemode: f.livemode, Account: f.Account,
		CreatedAt: now, ReceivedAt: now, Status: billing.EventPending, ClaimAfter: now,
	}
	e.Payload, _ = json.Marshal(map[string]any{ // texts always encode
		"id": e.ID, "object": "event", "type": e.Type, "data": map[string]any{"object": map[string]any{"id": e.ObjectID, "payment_intent": e.ObjectID}},
	})
	return e
}
