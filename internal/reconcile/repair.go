package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

// repair puts into the inbox the event that Stripe would have sent; its handler fetches the
// PaymentIntent and follows it. The event's id is the same in each run, so nothing is queued twice;
// one that was handled and did not help is left to somebody, with what came of it.
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
		f.Advice += fmt.Sprintf(": put the cause right, then `tranche event retry %s`", e.ID)
	}
	return nil
}

// event is the event of a repair. The handler reads its type and which PaymentIntent it is about,
// and nothing else.
func (r *run) event(f Finding) billing.Event {
	now := r.Now()
	_, what, _ := strings.Cut(f.repair, ".")
	if f.repair == eventRefunded { // there may be several, one after another
		what += "_" + strconv.FormatInt(f.refunded, 10)
	}
	e := billing.Event{
		ID: "rec_" + f.PaymentIntent + "_" + what, Type: f.repair, ObjectID: f.PaymentIntent, Livemode: f.livemode, Account: f.Account,
		CreatedAt: now, ReceivedAt: now, Status: billing.EventPending, WakeAt: now,
	}
	e.Payload, _ = json.Marshal(map[string]any{ // texts always encode
		"id": e.ID, "object": "event", "type": e.Type, "data": map[string]any{"object": map[string]any{"id": e.ObjectID, "payment_intent": e.ObjectID}},
	})
	return e
}
