package storetest

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

func webhookTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"endpoints":                                         roundTripEndpoint,
		"an endpoint changed since it was read":             endpointVersions,
		"an endpoint's secrets are changed alone":           endpointSecrets,
		"a message comes with its audit entry":              messageWithAudit,
		"a message holds the state at commit":               messageSnapshot,
		"a message goes to those who want it":               messageFilter,
		"no endpoint, no message":                           messageToNobody,
		"a message is as lost as its transaction":           messageRolledBack,
		"many entries at once":                              messagesOfManyEntries,
		"claims of deliveries":                              claimDeliveries,
		"claims of deliveries by many":                      claimDeliveriesByMany,
		"only the lease holder records a delivery":          recordDelivery,
		"a try changes the state of its endpoint":           noteEndpoint,
		"ReleaseClaims leaves deliveries their back-off":    releaseDeliveries,
		"lists of deliveries":                               listDeliveries,
		"a delivery is replayed":                            replayDelivery,
		"everything since a time is replayed":               replayDeliveries,
		"an endpoint is deleted with what is owed to it":    deleteEndpoint,
		"old messages are removed":                          pruneMessages,
		"what did not happen with endpoints and deliveries": webhookBacklog,
	}
}

// hooks is the store as it keeps endpoints.
func (f *fixture) hooks() billing.WebhookStore {
	f.t.Helper()
	s, ok := f.Store.(billing.WebhookStore)
	require.True(f.t, ok)
	return s
}

// endpoint adds an enabled endpoint.
func (f *fixture) endpoint(types ...string) billing.Endpoint {
	f.t.Helper()
	e := billing.Endpoint{
		ID: billing.NewEndpointID(f.now), URL: "https://shop.example/hook", Types: types, Secret: "sealed", Status: billing.EndpointEnabled,
		CreatedAt: f.now, UpdatedAt: f.now, Version: 1,
	}
	require.NoError(f.t, f.hooks().InsertEndpoint(f.t.Context(), e))
	return e
}

// addEntries writes audit entries with these actions, about no plan.
func (f *fixture) addEntries(at time.Time, actions ...string) {
	f.t.Helper()
	f.update(func(tx billing.Tx) error {
		var entries []billing.AuditEntry
		for _, a := range actions {
			entries = append(entries, billing.AuditEntry{At: at, Actor: "worker", Action: a})
		}
		return tx.InsertAudit(f.t.Context(), entries...)
	})
}

// deliveries lists deliveries, oldest first.
func (f *fixture) deliveries(filter billing.DeliveryFilter) []billing.WebhookDelivery {
	f.t.Helper()
	list, err := f.hooks().Deliveries(f.t.Context(), filter)
	require.NoError(f.t, err)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func (f *fixture) outgoing(id billing.DeliveryID) billing.Outgoing {
	f.t.Helper()
	o, err := f.hooks().Outgoing(f.t.Context(), id)
	require.NoError(f.t, err)
	return o
}

func roundTripEndpoint(t *testing.T, f *fixture) {
	made := func(n int) billing.Endpoint {
		at := func(s int) time.Time { return f.now.Add(time.Duration(100*n+s) * time.Second) }
		return billing.Endpoint{
			URL: "https://é.example/" + string(rune('a'+n)), Types: []string{"charge.*", "plan.created"}[:n], Secret: "s" + string(rune('a'+n)),
			OldSecret: "o" + string(rune('a'+n)), OldUntil: at(1), Status: billing.EndpointStatuses()[n-1], Reason: "r" + string(rune('a'+n)),
			FailingSince: at(2), DisabledAt: at(3), CreatedAt: at(4), UpdatedAt: at(5), Version: 1,
		}
	}
	e, changed := made(1), made(2)
	e.ID = billing.NewEndpointID(f.now)
	changed.ID = e.ID
	require.NoError(t, f.hooks().InsertEndpoint(t.Context(), e))
	require.ErrorIs(t, f.hooks().InsertEndpoint(t.Context(), e), billing.ErrExists)
	same(t, e)(f.hooks().Endpoint(t.Context(), e.ID))
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), changed))
	changed.Version++
	same(t, changed)(f.hooks().Endpoint(t.Context(), e.ID))
	f.now = f.now.Add(time.Second)
	other := f.endpoint()
	same(t, []billing.Endpoint{changed, other})(f.hooks().Endpoints(t.Context()))
	_, err := f.hooks().Endpoint(t.Context(), "ep_none")
	require.ErrorIs(t, err, billing.ErrNotFound)
	require.ErrorIs(t, f.hooks().DeleteEndpoint(t.Context(), "ep_none"), billing.ErrNotFound)
	require.ErrorIs(t, f.hooks().ReplayDelivery(t.Context(), "dlv_none", f.now), billing.ErrNotFound)
	require.NoError(t, f.hooks().DropDelivery(t.Context(), "dlv_none"))
}

func endpointVersions(t *testing.T, f *fixture) {
	e := f.endpoint()
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), e))
	require.ErrorIs(t, f.hooks().UpdateEndpoint(t.Context(), e), billing.ErrConflict)
	e.ID = "ep_none"
	require.ErrorIs(t, f.hooks().UpdateEndpoint(t.Context(), e), billing.ErrNotFound)
}

// endpointSecrets writes the secrets alone, while deliveries note that the endpoint fails.
func endpointSecrets(t *testing.T, f *fixture) {
	e := f.endpoint()
	f.addEntries(f.now, "charge.succeeded")
	d := f.deliveries(billing.DeliveryFilter{})[0]
	d.LastError, d.LastAttemptAt, d.Attempts = "answered 500", f.now, 1
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), d, billing.EndpointFails))
	want := e
	want.Secret, want.OldSecret, want.OldUntil, want.UpdatedAt = "resealed", "old", f.now.Add(time.Hour), f.now.Add(time.Minute)
	changed := want
	changed.URL, changed.Reason = "https://elsewhere.example/", "not written"
	require.NoError(t, f.hooks().UpdateEndpointSecrets(t.Context(), changed))
	want.FailingSince, want.Version = f.now, e.Version+1
	same(t, want)(f.hooks().Endpoint(t.Context(), e.ID))
	require.ErrorIs(t, f.hooks().UpdateEndpointSecrets(t.Context(), changed), billing.ErrConflict)
	changed.ID = "ep_none"
	require.ErrorIs(t, f.hooks().UpdateEndpointSecrets(t.Context(), changed), billing.ErrNotFound)
}

func messageWithAudit(t *testing.T, f *fixture) {
	e := f.endpoint()
	f.addEntries(f.now, "charge.succeeded")
	list := f.deliveries(billing.DeliveryFilter{})
	require.Len(t, list, 1)
	d := list[0]
	require.Equal(t, billing.WebhookDelivery{
		ID: d.ID, MessageID: d.MessageID, EndpointID: e.ID, Type: "charge.succeeded", Status: billing.DeliveryPending,
		NextAttemptAt: f.now, ClaimAfter: f.now, CreatedAt: f.now,
	}, d)
	o := f.outgoing(d.ID)
	require.Equal(t, d, o.Delivery)
	require.Equal(t, e, o.Endpoint)
	require.Equal(t, d.MessageID, o.Message.ID)
	require.Equal(t, f.now, o.Message.CreatedAt)
	require.JSONEq(t, `{"id": "`+string(d.MessageID)+`", "type": "charge.succeeded", "created_at": "2026-03-01T09:30:00.123Z",
		"data": {"actor": "worker"}}`, string(o.Message.Payload))
}

func messageSnapshot(t *testing.T, f *fixture) {
	f.endpoint()
	p, charges := f.plan(2)
	n := f.newNotice(charges[0], "step")
	card := billing.Card{
		ID: billing.NewCardID(f.now), CustomerID: p.CustomerID, PaymentMethod: "pm_1", Brand: "visa", Last4: "4242", ExpMonth: 5, ExpYear: 2030,
		Fingerprint: "print", Status: billing.CardActive, CreatedAt: f.now, UpdatedAt: f.now,
	}
	f.update(func(tx billing.Tx) error {
		ctx, c := t.Context(), charges[0]
		c.Status, c.DeclineCode, c.Reason, c.PaymentIntent = billing.ChargeRetrying, "insufficient_funds", "not enough money", "pi_1"
		c.NextAttemptAt = f.now.Add(48 * time.Hour)
		c.ClaimAfter = c.NextAttemptAt
		fresh, err := tx.InsertNotice(ctx, n)
		require.True(t, fresh)
		return errors.Join(err, tx.UpdateCharge(ctx, c), tx.InsertCard(ctx, card), tx.InsertAudit(ctx, billing.AuditEntry{
			At: f.now, Actor: billing.ActorStripe, Action: "charge.retrying", PlanID: p.ID, ChargeID: c.ID, CustomerID: p.CustomerID,
			CardID: card.ID, NoticeID: n.ID, Message: "said to people",
		}))
	})
	list := f.deliveries(billing.DeliveryFilter{})
	require.Len(t, list, 1)
	m := f.outgoing(list[0].ID).Message
	require.Equal(t, p.ID, m.PlanID)
	want := `{"actor": "stripe",
		"plan": {"id": "` + string(p.ID) + `", "reference": "` + p.Reference + `", "kind": "installments", "status": "active", "currency": "usd",
			"total": 200, "created_at": "2026-03-01T09:30:00.123Z", "activated_at": null, "reason": null},
		"charge": {"id": "` + string(charges[0].ID) + `", "sequence": 1, "amount": 100, "currency": "usd", "status": "retrying",
			"due_at": "2026-03-01T09:30:00.123Z", "next_attempt_at": "2026-03-03T09:30:00.123Z", "paid_at": null, "attempt_count": 0,
			"decline_code": "insufficient_funds", "reason": "not enough money", "payment_intent": "pi_1",
			"amount_refunded": 0, "dispute_status": null},
		"customer": {"id": "` + string(p.CustomerID) + `", "reference": "ref-` + string(p.CustomerID) + `", "stripe_customer": null},
		"card": {"id": "` + string(card.ID) + `", "payment_method": "pm_1", "brand": "visa", "last4": "4242", "exp_month": 5, "exp_year": 2030, "status": "active"},
		"notice": {"id": "` + string(n.ID) + `", "kind": "payment_failed", "channel": "email", "status": "pending", "reason": null}}`
	var got struct{ Data json.RawMessage }
	require.NoError(t, json.Unmarshal(m.Payload, &got))
	require.JSONEq(t, want, string(got.Data))

	// Later changes of the charge do not change the message.
	f.update(func(tx billing.Tx) error {
		c, err := tx.Charge(t.Context(), charges[0].ID)
		c.Status, c.NextAttemptAt, c.ClaimAfter = billing.ChargeSucceeded, time.Time{}, time.Time{}
		return errors.Join(err, tx.UpdateCharge(t.Context(), c))
	})
	require.Equal(t, m, f.outgoing(list[0].ID).Message)
}

func messageFilter(t *testing.T, f *fixture) {
	everything, charges, one, off := f.endpoint(), f.endpoint("charge.*"), f.endpoint("plan.created", "card.saved"), f.endpoint()
	off.Status, off.DisabledAt = billing.EndpointDisabled, f.now
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), off))
	f.addEntries(f.now, "plan.created", "plan.active", "charge.succeeded", "charge.failed", "card.saved", "notice.sent", "endpoint.disabled", "chargeback")
	types := func(e billing.Endpoint) []string {
		list := []string{}
		for _, d := range f.deliveries(billing.DeliveryFilter{Endpoint: e.ID}) {
			list = append(list, d.Type)
		}
		return list
	}
	require.ElementsMatch(t, []string{"plan.created", "plan.active", "charge.succeeded", "charge.failed", "card.saved", "notice.sent"}, types(everything))
	require.ElementsMatch(t, []string{"charge.succeeded", "charge.failed"}, types(charges))
	require.ElementsMatch(t, []string{"plan.created", "card.saved"}, types(one))
	require.Empty(t, types(off))
}

func messageToNobody(t *testing.T, f *fixture) {
	f.addEntries(f.now, "plan.created")
	e := f.endpoint()
	n, err := f.hooks().ReplayDeliveries(t.Context(), billing.Replay{Endpoint: e}, f.now.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "no message was written")

	// While there is one that is off, messages are kept for it.
	e.Status, e.DisabledAt = billing.EndpointDisabled, f.now
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), e))
	f.addEntries(f.now, "plan.created")
	require.Empty(t, f.deliveries(billing.DeliveryFilter{}))
	n, err = f.hooks().ReplayDeliveries(t.Context(), billing.Replay{Endpoint: e}, f.now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func messageRolledBack(t *testing.T, f *fixture) {
	f.endpoint()
	broken := errors.New("broken")
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error {
		require.NoError(t, tx.InsertAudit(t.Context(), billing.AuditEntry{At: f.now, Action: "charge.succeeded"}))
		return broken
	}), broken)
	require.Empty(t, f.deliveries(billing.DeliveryFilter{}))
}

func messagesOfManyEntries(t *testing.T, f *fixture) {
	const n = 600
	p, charges := f.plan(n)
	f.endpoint()
	f.endpoint("charge.*")
	f.update(func(tx billing.Tx) error {
		entries := make([]billing.AuditEntry, n)
		for i, c := range charges {
			entries[i] = billing.AuditEntry{At: f.now, Action: "charge.succeeded", PlanID: p.ID, ChargeID: c.ID, CustomerID: p.CustomerID}
		}
		return tx.InsertAudit(t.Context(), entries...)
	})
	pending, err := f.hooks().PendingDeliveries(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2*n, pending)
}

func claimDeliveries(t *testing.T, f *fixture) {
	f.endpoint()
	f.addEntries(f.now.Add(time.Second), "plan.active")
	f.addEntries(f.now, "plan.created")
	f.addEntries(f.now.Add(time.Hour), "plan.completed")
	list := f.deliveries(billing.DeliveryFilter{})
	early, late := list[0], list[1]
	until := f.now.Add(time.Minute)
	same(t, []billing.DeliveryClaim{{DeliveryID: early.ID, Lease: 1}, {DeliveryID: late.ID, Lease: 1}})(
		f.ClaimDeliveries(t.Context(), f.now.Add(time.Second), until, 10))
	claims, err := f.ClaimDeliveries(t.Context(), f.now.Add(time.Second), until, 10)
	require.NoError(t, err)
	require.Empty(t, claims)
	d := f.outgoing(early.ID).Delivery
	require.Equal(t, until, d.ClaimAfter)
	require.Equal(t, f.now, d.NextAttemptAt, "a claim is no try")

	mine, err := f.hooks().HoldDelivery(t.Context(), billing.DeliveryClaim{DeliveryID: early.ID, Lease: 0}, until.Add(time.Hour))
	require.NoError(t, err)
	require.False(t, mine, "an older lease holds nothing")
	mine, err = f.hooks().HoldDelivery(t.Context(), billing.DeliveryClaim{DeliveryID: early.ID, Lease: 1}, until.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, mine)
	same(t, []billing.DeliveryClaim{{DeliveryID: late.ID, Lease: 2}})(f.ClaimDeliveries(t.Context(), until, until.Add(time.Hour), 10))
}

func claimDeliveriesByMany(t *testing.T, f *fixture) {
	const total, schedulers = 300, 8
	f.endpoint()
	actions := make([]string, total)
	for i := range actions {
		actions[i] = "charge.succeeded"
	}
	f.addEntries(f.now, actions...)
	var mu sync.Mutex
	seen := map[billing.DeliveryID]int64{}
	var g errgroup.Group
	for range schedulers {
		g.Go(func() error {
			for {
				claims, err := f.ClaimDeliveries(t.Context(), f.now, f.now.Add(time.Hour), 7)
				if err != nil {
					return err
				}
				mu.Lock()
				for _, c := range claims {
					seen[c.DeliveryID] += c.Lease
				}
				done := len(seen) == total
				mu.Unlock()
				if done {
					return nil
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	for id, leases := range seen {
		require.Equal(t, int64(1), leases, "%s was claimed once, under lease 1", id)
	}
}

func recordDelivery(t *testing.T, f *fixture) {
	f.endpoint()
	f.addEntries(f.now, "plan.created")
	d := f.deliveries(billing.DeliveryFilter{})[0]
	_, err := f.ClaimDeliveries(t.Context(), f.now, f.now.Add(time.Minute), 10)
	require.NoError(t, err)
	failed := d
	failed.Lease, failed.Attempts, failed.LastStatus, failed.LastError = 1, 1, 500, "answered 500"
	failed.NextAttemptAt, failed.ClaimAfter, failed.LastAttemptAt = f.now.Add(time.Hour), f.now.Add(time.Hour), f.now.Add(time.Second)
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), failed, billing.EndpointUnchanged))
	require.Equal(t, failed, f.outgoing(d.ID).Delivery)

	_, err = f.ClaimDeliveries(t.Context(), f.now.Add(time.Hour), f.now.Add(2*time.Hour), 10)
	require.NoError(t, err)
	stale := failed
	stale.Attempts, stale.LastError = 2, "of a worker that lost it"
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), stale, billing.EndpointUnchanged))
	require.Equal(t, 1, f.outgoing(d.ID).Delivery.Attempts)

	taken := failed
	taken.Status, taken.Attempts, taken.LastStatus, taken.LastError = billing.DeliveryDelivered, 2, 204, ""
	taken.NextAttemptAt, taken.ClaimAfter, taken.DeliveredAt = time.Time{}, time.Time{}, f.now.Add(time.Hour)
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), taken, billing.EndpointUnchanged))
	taken.Lease = 2
	require.Equal(t, taken, f.outgoing(d.ID).Delivery, "a success counts, even with an older lease")

	failed.Lease = 2
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), failed, billing.EndpointUnchanged))
	require.Equal(t, taken, f.outgoing(d.ID).Delivery, "a delivered message stays delivered")
}

func noteEndpoint(t *testing.T, f *fixture) {
	e := f.endpoint()
	f.addEntries(f.now, "plan.created")
	d := f.deliveries(billing.DeliveryFilter{})[0]
	note := func(at time.Time, n billing.EndpointNote) billing.Endpoint {
		d.LastAttemptAt, d.LastError = at, "answered 410"
		require.NoError(t, f.hooks().RecordDelivery(t.Context(), d, n))
		now, err := f.hooks().Endpoint(t.Context(), e.ID)
		require.NoError(t, err)
		return now
	}
	require.Equal(t, e, note(f.now, billing.EndpointWorks))
	require.Equal(t, f.now, note(f.now, billing.EndpointFails).FailingSince)
	require.Equal(t, f.now, note(f.now.Add(time.Hour), billing.EndpointFails).FailingSince, "since the first")
	require.Equal(t, e, note(f.now, billing.EndpointWorks))
	at := f.now.Add(2 * time.Hour)
	gone := note(at, billing.EndpointGone)
	require.Equal(t, billing.EndpointDisabled, gone.Status)
	require.Equal(t, []time.Time{at, at}, []time.Time{gone.DisabledAt, gone.FailingSince})
	require.Equal(t, "answered 410", gone.Reason)
	require.Equal(t, gone, note(at.Add(time.Hour), billing.EndpointGone))
	require.Equal(t, gone, note(at.Add(time.Hour), billing.EndpointWorks))
	trail, err := f.AuditTrail(t.Context(), billing.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, trail, 2)
	require.Equal(t, "endpoint.disabled", trail[1].Action)
}

func releaseDeliveries(t *testing.T, f *fixture) {
	f.endpoint()
	f.addEntries(f.now, "plan.created", "plan.active")
	list := f.deliveries(billing.DeliveryFilter{})
	_, err := f.ClaimDeliveries(t.Context(), f.now, f.now.Add(time.Hour), 10)
	require.NoError(t, err)
	waits := list[0]
	waits.Lease, waits.Attempts, waits.LastAttemptAt = 1, 1, f.now
	waits.NextAttemptAt, waits.ClaimAfter = f.now.Add(time.Hour), f.now.Add(time.Hour)
	require.NoError(t, f.hooks().RecordDelivery(t.Context(), waits, billing.EndpointUnchanged))
	_, err = f.ReleaseClaims(t.Context(), f.now.Add(time.Minute), f.now.Add(time.Minute))
	require.NoError(t, err)
	same(t, []billing.DeliveryClaim{{DeliveryID: list[1].ID, Lease: 2}})(f.ClaimDeliveries(t.Context(), f.now.Add(time.Minute), f.now.Add(time.Hour), 10))
	require.Equal(t, waits, f.outgoing(waits.ID).Delivery)
}

func listDeliveries(t *testing.T, f *fixture) {
	a, b := f.endpoint(), f.endpoint("plan.*")
	for i, action := range []string{"plan.created", "charge.succeeded", "plan.active"} {
		f.addEntries(f.now.Add(time.Duration(i)*time.Second), action)
	}
	require.Len(t, f.deliveries(billing.DeliveryFilter{}), 5)
	require.Len(t, f.deliveries(billing.DeliveryFilter{Endpoint: a.ID}), 3)
	ofB := f.deliveries(billing.DeliveryFilter{Endpoint: b.ID})
	require.Len(t, ofB, 2)
	require.Equal(t, []string{"plan.created", "plan.active"}, []string{ofB[0].Type, ofB[1].Type})
	require.Len(t, f.deliveries(billing.DeliveryFilter{Message: ofB[0].MessageID}), 2)
	require.Len(t, f.deliveries(billing.DeliveryFilter{Endpoint: b.ID, Before: ofB[1].ID}), 1)
	require.Len(t, f.deliveries(billing.DeliveryFilter{Limit: 2}), 2)
	require.Empty(t, f.deliveries(billing.DeliveryFilter{Status: billing.DeliveryFailed}))
	require.Len(t, f.deliveries(billing.DeliveryFilter{Status: billing.DeliveryPending, Endpoint: a.ID}), 3)
}

// end records a delivery as it ended.
func (f *fixture) end(d billing.WebhookDelivery, status billing.DeliveryStatus) {
	f.t.Helper()
	d.Status, d.Attempts, d.NextAttemptAt, d.ClaimAfter, d.LastAttemptAt = status, 3, time.Time{}, time.Time{}, f.now
	if status == billing.DeliveryDelivered {
		d.DeliveredAt = f.now
	}
	require.NoError(f.t, f.hooks().RecordDelivery(f.t.Context(), d, billing.EndpointUnchanged))
}

func replayDelivery(t *testing.T, f *fixture) {
	f.endpoint()
	f.addEntries(f.now, "plan.created")
	d := f.deliveries(billing.DeliveryFilter{})[0]
	now := f.now.Add(time.Hour)
	for _, status := range []billing.DeliveryStatus{billing.DeliveryFailed, billing.DeliveryDelivered} {
		f.end(f.outgoing(d.ID).Delivery, status)
		require.NoError(t, f.hooks().ReplayDelivery(t.Context(), d.ID, now))
		again := f.outgoing(d.ID).Delivery
		require.Equal(t, billing.DeliveryPending, again.Status)
		require.Zero(t, again.Attempts)
		require.Equal(t, []time.Time{now, now, {}}, []time.Time{again.NextAttemptAt, again.ClaimAfter, again.DeliveredAt})
		require.Equal(t, d.MessageID, again.MessageID)
		d.Lease++
		require.Equal(t, d.Lease, again.Lease, "a try in flight is stale")
	}
}

func replayDeliveries(t *testing.T, f *fixture) {
	subscribed := f.endpoint("plan.*")
	for i, action := range []string{"plan.created", "charge.succeeded", "plan.active", "plan.past_due", "plan.completed"} {
		f.addEntries(f.now.Add(time.Duration(i)*time.Minute), action)
	}
	list := f.deliveries(billing.DeliveryFilter{Endpoint: subscribed.ID})
	require.Len(t, list, 4)
	f.end(list[0], billing.DeliveryFailed) // too old
	f.end(list[1], billing.DeliveryFailed)
	f.end(list[2], billing.DeliveryDelivered)
	now := f.now.Add(time.Hour)
	replay := func(r billing.Replay) int {
		n, err := f.hooks().ReplayDeliveries(t.Context(), r, now)
		require.NoError(t, err)
		return n
	}
	status := func(e billing.Endpoint) (all []billing.DeliveryStatus) {
		for _, d := range f.deliveries(billing.DeliveryFilter{Endpoint: e.ID}) {
			all = append(all, d.Status)
		}
		return all
	}
	since := f.now.Add(time.Minute)
	require.Equal(t, 2, replay(billing.Replay{Endpoint: subscribed, Since: since}), "the failed one and the one that waits")
	require.Equal(t, []billing.DeliveryStatus{"failed", "pending", "delivered", "pending"}, status(subscribed))
	require.Equal(t, 3, replay(billing.Replay{Endpoint: subscribed, Since: since, Delivered: true}))
	require.Equal(t, []billing.DeliveryStatus{"failed", "pending", "pending", "pending"}, status(subscribed))

	// An endpoint that was added later receives the messages it missed.
	late := f.endpoint()
	require.Equal(t, 4, replay(billing.Replay{Endpoint: late, Since: since}))
	require.Len(t, status(late), 4)
	require.Equal(t, 4, replay(billing.Replay{Endpoint: late, Since: since}), "once each")
	require.Len(t, status(late), 4)
	require.Zero(t, replay(billing.Replay{Endpoint: late, Since: now}))
}

func deleteEndpoint(t *testing.T, f *fixture) {
	a, b := f.endpoint(), f.endpoint()
	actions := make([]string, 600)
	for i := range actions {
		actions[i] = "charge.succeeded"
	}
	f.addEntries(f.now, actions...)
	of := f.deliveries(billing.DeliveryFilter{Endpoint: a.ID, Limit: 1})[0]
	require.NoError(t, f.hooks().DeleteEndpoint(t.Context(), a.ID))
	require.Empty(t, f.deliveries(billing.DeliveryFilter{Endpoint: a.ID}))
	_, err := f.hooks().Outgoing(t.Context(), of.ID)
	require.ErrorIs(t, err, billing.ErrNotFound)
	n, err := f.hooks().PendingDeliveries(t.Context())
	require.NoError(t, err)
	require.Equal(t, 600, n)
	require.Len(t, f.deliveries(billing.DeliveryFilter{Endpoint: b.ID, Limit: 5}), 5)
}

func pruneMessages(t *testing.T, f *fixture) {
	f.endpoint()
	actions := make([]string, 600)
	for i := range actions {
		actions[i] = "charge.succeeded"
	}
	f.addEntries(f.now, actions...)
	f.addEntries(f.now.Add(time.Hour), "plan.created")
	removed := 0
	for {
		n, err := f.hooks().PruneMessages(t.Context(), f.now.Add(time.Minute))
		require.NoError(t, err)
		if n == 0 {
			break
		}
		removed += n
	}
	require.Equal(t, 600, removed)
	left := f.deliveries(billing.DeliveryFilter{})
	require.Len(t, left, 1)
	require.Equal(t, "plan.created", f.outgoing(left[0].ID).Message.Type)
}

func webhookBacklog(t *testing.T, f *fixture) {
	found := func(kind billing.BacklogKind, from, to time.Time) billing.Backlog {
		s, ok := f.Store.(billing.BacklogStore)
		require.True(t, ok)
		b, err := s.Backlog(t.Context(), kind, from, to)
		require.NoError(t, err)
		return b
	}
	day := 24 * time.Hour
	now := f.now.Add(day)
	e := f.endpoint()
	f.addEntries(f.now, "plan.created", "plan.active")
	list := f.deliveries(billing.DeliveryFilter{})
	require.Equal(t, 2, found(billing.BacklogDeliveriesOverdue, time.Time{}, now).Count)
	require.Zero(t, found(billing.BacklogDeliveriesOverdue, time.Time{}, f.now.Add(-time.Second)).Count)
	list[0].LastError = "answered 500"
	f.end(list[0], billing.DeliveryFailed)
	f.end(list[1], billing.DeliveryDelivered)
	require.Zero(t, found(billing.BacklogDeliveriesOverdue, time.Time{}, now).Count)
	require.Equal(t, billing.Backlog{Count: 1, Oldest: f.now, Reason: "answered 500", IDs: []string{string(list[0].ID)}},
		found(billing.BacklogDeliveriesFailed, f.now, now))
	require.Zero(t, found(billing.BacklogDeliveriesFailed, f.now.Add(time.Second), now).Count)

	require.Zero(t, found(billing.BacklogEndpointsFailing, time.Time{}, now).Count)
	e.FailingSince = f.now
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), e))
	require.Equal(t, []string{string(e.ID)}, found(billing.BacklogEndpointsFailing, time.Time{}, now).IDs)
	require.Zero(t, found(billing.BacklogEndpointsFailing, time.Time{}, f.now.Add(-time.Second)).Count)

	e.Version++
	e.Status, e.DisabledAt, e.Reason = billing.EndpointDisabled, now, "five days"
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), e))
	require.Zero(t, found(billing.BacklogEndpointsFailing, time.Time{}, now).Count)
	require.Equal(t, billing.Backlog{Count: 1, Oldest: now, Reason: "five days", IDs: []string{string(e.ID)}},
		found(billing.BacklogEndpointsDisabled, now, now.Add(day)))
	require.Zero(t, found(billing.BacklogDeliveriesFailed, f.now, now).Count, "an endpoint that is off rings once")

	e.Version++
	e.FailingSince = time.Time{} // a person's wish
	require.NoError(t, f.hooks().UpdateEndpoint(t.Context(), e))
	require.Zero(t, found(billing.BacklogEndpointsDisabled, now, now.Add(day)).Count)
}
