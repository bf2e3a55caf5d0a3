package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

// erasedBody replaces the body of an event about an erased customer.
const erasedBody = `{"erased":true}`

// EraseCustomer removes a customer's personal data from all tables. Errors: ErrNotFound,
// ErrConflict.
func (t *tx) EraseCustomer(ctx context.Context, e billing.Erasure) (billing.Erased, error) {
	w := eraser{tx: t, Erasure: e}
	steps := []func(context.Context) error{
		w.former, w.cards, w.notices, w.consents, w.links, w.requests, w.attempts, w.texts, w.objects, w.events, w.reversals, w.refunds, w.plans,
		func(ctx context.Context) error { return t.UpdateCustomer(ctx, e.Customer) },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return w.done, err
		}
	}
	return w.done, nil
}

func (w *eraser) plans(ctx context.Context) error {
	for _, p := range w.Plans {
		for _, word := range w.Words {
			p.Reason = strings.ReplaceAll(p.Reason, word, billing.ErasedWord)
		}
		if err := w.UpdatePlan(ctx, p); err != nil {
			return err
		}
		w.done.Plans++
	}
	return nil
}

// cards erases the cards but keeps brand and ids, because the ledger refers to them.
func (w *eraser) cards(ctx context.Context) error {
	return w.run(ctx, &w.done.Cards, `UPDATE cards SET last4 = '', exp_month = 0, exp_year = 0, fingerprint = '', updated_at = $2
		WHERE customer_id = $1`, w.Customer.ID, millis(w.At))
}

// notices keep what they were about and when they were sent. One that waits is not sent any more.
func (w *eraser) notices(ctx context.Context) error {
	nothing, err := json.Marshal(billing.NoticeData{})
	if err != nil {
		return err
	}
	for _, p := range w.Plans {
		err := w.run(ctx, &w.done.Notices, `UPDATE notices SET recipient = '', data = $2, subject = '', body = '', claim_after = NULL,
			reason = CASE WHEN status = 'pending' THEN 'the customer was erased' ELSE '' END,
			status = CASE WHEN status = 'pending' THEN 'failed' ELSE status END WHERE plan_id = $1`, p.ID, string(nothing))
		if err != nil {
			return err
		}
	}
	return w.run(ctx, &w.done.Notices, `UPDATE notices SET recipient = '', data = $2, subject = '', body = '', claim_after = NULL,
		reason = CASE WHEN status = 'pending' THEN 'the customer was erased' ELSE '' END,
		status = CASE WHEN status = 'pending' THEN 'failed' ELSE status END
		WHERE customer_id = $1 AND charge_id IS NULL AND recipient <> ''`, w.Customer.ID, string(nothing))
}

// consents erases the network address of each consent and each card try. A consent keeps its time
// and the version of its text.
func (w *eraser) consents(ctx context.Context) error {
	if err := w.run(ctx, &w.done.Consents, "UPDATE card_tries SET address = NULL WHERE customer_id = $1", w.Customer.ID); err != nil {
		return err
	}
	return w.run(ctx, &w.done.Consents, "UPDATE card_consents SET address = '', user_agent = '' WHERE customer_id = $1", w.Customer.ID)
}

func (w *eraser) links(ctx context.Context) error {
	return w.eachPlan(ctx, &w.done.Links, "UPDATE pay_links SET revoked_at = $2 WHERE plan_id = $1 AND revoked_at IS NULL", millis(w.At))
}

// requests go: the key is the merchant's own text, and what it was used for is a hash of the
// person's data too.
func (w *eraser) requests(ctx context.Context) error {
	return w.eachPlan(ctx, &w.done.Requests, "DELETE FROM requests WHERE plan_id = $1")
}

// attempts lose the card's fingerprint and the description that was sent. They are over, so they
// are not sent again.
func (w *eraser) attempts(ctx context.Context) error {
	for _, p := range w.Plans {
		list, err := all(ctx, w.conn, w.doing(), scanAttempt, "SELECT "+attemptColumns+` FROM attempts
			WHERE charge_id IN (SELECT id FROM charges WHERE plan_id = $1) ORDER BY id`, p.ID)
		if err != nil {
			return err
		}
		for _, a := range list {
			a.Params.Description = ""
			params, err := json.Marshal(a.Params)
			if err != nil {
				return err
			}
			if err := w.updateOne(ctx, w.doing(), "UPDATE attempts SET params = $2, fingerprint = NULL WHERE id = $1", a.ID, string(params)); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts erases current and former names and addresses, and the digits of cards, from free text.
func (w *eraser) texts(ctx context.Context) error {
	for _, word := range w.Words {
		for _, text := range []struct{ table, column, key string }{
			{"audit", "message", "plan_id"}, {"audit", "next_step", "plan_id"}, {"charges", "reason", "plan_id"},
			{"plan_versions", "what", "plan_id"}, {"refunds", "failure", "plan_id"},
			{"incidents", "detail", "plan_id"}, {"incidents", "note", "plan_id"},
		} {
			query := "UPDATE " + text.table + " SET " + text.column + " = replace(" + text.column + ", $2, $3) WHERE " + text.key +
				" = $1 AND " + text.column + " <> replace(" + text.column + ", $2, $3)"
			if err := w.eachPlan(ctx, &w.done.Texts, query, word, billing.ErasedWord); err != nil {
				return err
			}
		}
		for _, text := range []struct{ table, column string }{
			{"audit", "message"}, {"audit", "next_step"}, {"incidents", "detail"}, {"incidents", "note"},
		} {
			err := w.run(ctx, &w.done.Texts, "UPDATE "+text.table+" SET "+text.column+" = replace("+text.column+`, $2, $3)
				WHERE customer_id = $1 AND plan_id IS NULL AND `+text.column+" <> replace("+text.column+", $2, $3)", w.Customer.ID, word, billing.ErasedWord)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// objects records the ids of the Stripe objects, so that later events about them are not kept.
func (w *eraser) objects(ctx context.Context) error {
	rows := make([][]any, len(w.Objects))
	for i, id := range w.Objects {
		rows[i] = []any{id, millis(w.At)}
	}
	_, err := w.insertRows(ctx, w.doing(), "erased_objects", "object_id, erased_at", rows)
	return err
}

// events that were handled lose their bodies. One that waits is still to be read; it loses its body
// then.
func (w *eraser) events(ctx context.Context) error {
	for _, id := range w.Objects {
		err := w.run(ctx, &w.done.Events, "UPDATE events SET payload = $2 WHERE object_id = $1 AND status <> 'pending'", id, []byte(erasedBody))
		if err != nil {
			return err
		}
	}
	return nil
}

// reversalTypes are events about charges, refunds and disputes, in the words of the index that
// holds them alone.
const reversalTypes = "substr(type, 1, 7) = 'charge.'"

// reversals are events whose object is a charge, a refund or a dispute: they are known by the
// PaymentIntent in their body.
func (w *eraser) reversals(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, id := range w.Payments {
		wanted[id] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	after := ""
	for {
		list, err := all(ctx, w.conn, w.doing(), scanEvent, "SELECT "+eventColumns+" FROM events WHERE "+reversalTypes+
			" AND id > $1 ORDER BY id LIMIT "+strconv.Itoa(billing.MaxPage), after)
		if err != nil {
			return err
		}
		for _, e := range list {
			after = e.ID
			if err := w.eventOf(ctx, e, wanted); err != nil {
				return err
			}
		}
		if len(list) < billing.MaxPage {
			return nil
		}
	}
}

// eventOf empties the body of a handled event about one of the payments.
func (w *eraser) eventOf(ctx context.Context, e billing.Event, payments map[string]bool) error {
	if e.Status == billing.EventPending || !payments[e.PaymentIntent()] {
		return nil
	}
	return w.run(ctx, &w.done.Events, "UPDATE events SET payload = $2 WHERE id = $1", e.ID, []byte(erasedBody))
}

// refunds are the events refund.created and so on: their object is a refund (re_…), and their body
// names the payment.
func (w *eraser) refunds(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, id := range w.Payments {
		wanted[id] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	from := "re_"
	for {
		list, err := all(ctx, w.conn, w.doing(), scanEvent, "SELECT "+eventColumns+
			" FROM events WHERE object_id >= $1 AND object_id < $2 ORDER BY object_id LIMIT "+strconv.Itoa(billing.MaxPage), from, "re_~")
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := w.eventOf(ctx, e, wanted); err != nil {
				return err
			}
		}
		if len(list) < billing.MaxPage || list[len(list)-1].ObjectID == from {
			return nil
		}
		from = list[len(list)-1].ObjectID // whose events may go on: an emptied body names no payment, so none counts twice
	}
}

// EraseEvent empties the body of an event that is about an erased customer, and leaves every other.
func (t *tx) EraseEvent(ctx context.Context, event string, objects ...string) error {
	for _, id := range objects {
		if id == "" {
			continue
		}
		_, err := t.exec(ctx, "erase event "+event, `UPDATE events SET payload = $2
			WHERE id = $1 AND EXISTS (SELECT 1 FROM erased_objects WHERE object_id = $3)`, event, []byte(erasedBody), id)
		if err != nil {
			return err
		}
	}
	return nil
}
