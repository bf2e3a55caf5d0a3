package jobs_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
	"tranche/internal/operator"
	"tranche/internal/outbox"
	"tranche/internal/planning"
	"tranche/internal/terms"
	"tranche/jobs"
)

// receivedMessage is a message as a receiver got it.
type receivedMessage struct {
	ID   string
	Type string
	Data struct {
		Plan   *struct{ Reference, Status string }
		Charge *struct {
			Sequence      int
			Amount        int64
			Status        string
			DeclineCode   *string    `json:"decline_code"`
			NextAttemptAt *time.Time `json:"next_attempt_at"`
		}
		Customer *struct{ Reference string }
		Card     *struct{ Last4, Status string }
		Notice   *struct{ Kind, Status string }
	}
}

// receiver is a merchant's server: it verifies and keeps its messages, and responds with the status
// that the test sets.
type receiver struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex

	secrets []billing.Secret // each must verify
	answer  int              // 0 means 200
	got     []receivedMessage
	raw     []string
}

func (b *bench) receiver() *receiver {
	r := &receiver{t: b.t}
	r.Server = httptest.NewServer(r)
	b.t.Cleanup(r.Close)
	return r
}

// ServeHTTP takes a message.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secrets {
		wh, wrong := standardwebhooks.NewWebhook(secret.Reveal())
		// The bench is in another year than the signatures, which carry the test's real time.
		if wrong != nil || wh.VerifyIgnoringTimestamp(body, req.Header) != nil {
			r.t.Errorf("a signature does not verify")
		}
	}
	var m receivedMessage
	if err != nil || json.Unmarshal(body, &m) != nil || m.ID != req.Header.Get("webhook-id") {
		r.t.Errorf("not a message: %s", body)
	}
	r.got, r.raw = append(r.got, m), append(r.raw, string(body))
	if r.answer != 0 {
		w.WriteHeader(r.answer)
	}
}

func (r *receiver) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = status
}

func (r *receiver) messages() []receivedMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// types lists the received messages' types, each message once, in the order they were written.
func (r *receiver) types() []string {
	seen, list := map[string]bool{}, []string{}
	got := r.messages()
	slices.SortFunc(got, func(a, b receivedMessage) int { return strings.Compare(a.ID[:len(a.ID)-16], b.ID[:len(b.ID)-16]) })
	for _, m := range got {
		if !seen[m.ID] {
			seen[m.ID], list = true, append(list, m.Type)
		}
	}
	return list
}

// endpoints manages endpoints on the bench's clock, and gives the worker a sender.
func (b *bench) endpoints() *operator.Endpoints {
	b.t.Helper()
	keys, err := webhook.NewKeyring("a-key-of-32-characters-or-more-000")
	require.NoError(b.t, err)
	clk := clock.New(time.Time{}, 0, b.Now)
	if b.Sender == nil {
		sender := webhook.NewSender(webhook.Config{Keys: keys, AllowPrivate: true, Clock: clk})
		b.t.Cleanup(sender.Close)
		b.Sender = sender
		b.Worker = b.NewWorker()
	}
	return &operator.Endpoints{
		Store: b.Webhooks(), Clock: clk, NewSecret: webhook.NewSecret, Keys: keys,
		CheckURL: func(raw string) error { return webhook.CheckURL(raw, true) },
	}
}

// listen adds an endpoint for a receiver.
func (b *bench) listen(r *receiver, types ...string) billing.EndpointID {
	b.t.Helper()
	e, secret, err := b.endpoints().Add(b.t.Context(), r.URL+"/hook", types)
	require.NoError(b.t, err)
	r.secrets = []billing.Secret{secret}
	return e.ID
}

func (b *bench) endpoint(id billing.EndpointID) billing.Endpoint {
	b.t.Helper()
	e, err := b.Webhooks().Endpoint(b.t.Context(), id)
	require.NoError(b.t, err)
	return e
}

// deliveries lists deliveries, oldest first.
func (b *bench) deliveries(f billing.DeliveryFilter) []billing.WebhookDelivery {
	b.t.Helper()
	list, err := b.Webhooks().Deliveries(b.t.Context(), f)
	require.NoError(b.t, err)
	slices.Reverse(list)
	return list
}

// say writes an audit entry, which becomes a message to the endpoints, and returns its only
// delivery.
func (b *bench) say(action string) billing.WebhookDelivery {
	b.t.Helper()
	before := map[billing.DeliveryID]bool{}
	for _, d := range b.deliveries(billing.DeliveryFilter{}) {
		before[d.ID] = true
	}
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		return tx.InsertAudit(b.t.Context(), billing.AuditEntry{At: b.Now(), Actor: "worker", Action: action})
	}))
	var fresh []billing.WebhookDelivery
	for _, d := range b.deliveries(billing.DeliveryFilter{}) {
		if !before[d.ID] {
			fresh = append(fresh, d)
		}
	}
	require.Len(b.t, fresh, 1)
	return fresh[0]
}

func (b *bench) delivery(id billing.DeliveryID) billing.WebhookDelivery {
	b.t.Helper()
	o, err := b.Webhooks().Outgoing(b.t.Context(), id)
	require.NoError(b.t, err)
	return o.Delivery
}

func TestEverythingThatHappensToAPlanIsTold(t *testing.T) {
	eachEngine(t, func(b *bench) {
		all, charges := b.receiver(), b.receiver()
		b.listen(all)
		b.listen(charges, "charge.*", "plan.completed")
		p := b.Started(good, func(t *terms.Terms) { t.Parts, t.Total = 2, 3000 })
		b.Advance(40)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
		require.ElementsMatch(b.t, []string{
			"plan.created", "charge.succeeded", "card.saved", "plan.active", "notice.sent",
			"charge.collecting", "charge.succeeded", "plan.completed", "notice.sent", "notice.sent", // receipt, and completed
		}, all.types())
		require.ElementsMatch(b.t, []string{"charge.succeeded", "charge.collecting", "charge.succeeded", "plan.completed"}, charges.types())
		require.Len(b.t, all.messages(), len(all.types()), "once each")
		for _, m := range all.messages() {
			require.NotNil(b.t, m.Data.Customer, m.Type)
			require.Equal(b.t, "ada", m.Data.Customer.Reference)
			require.Equal(b.t, "order-1", m.Data.Plan.Reference)
			switch m.Type {
			case "card.saved":
				require.Equal(b.t, "4242", m.Data.Card.Last4)
			case "notice.sent":
				require.Equal(b.t, "sent", m.Data.Notice.Status)
			case "plan.completed":
				require.Equal(b.t, "completed", m.Data.Plan.Status)
			case "charge.succeeded":
				require.Equal(b.t, int64(1500), m.Data.Charge.Amount)
				require.Equal(b.t, "succeeded", m.Data.Charge.Status)
			}
		}
		for _, d := range b.deliveries(billing.DeliveryFilter{}) {
			require.Equal(b.t, billing.DeliveryDelivered, d.Status)
			require.Equal(b.t, 1, d.Attempts)
		}
		for _, body := range append(all.raw, charges.raw...) {
			require.NotContains(b.t, body, "_secret_")
			require.NotContains(b.t, body, "ada@example.com", "who the customer is, is the merchant's to look up")
		}
	})
}

func TestADeclineIsToldWithWhatComesNext(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		b.listen(r, "charge.retrying", "plan.past_due")
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.ElementsMatch(b.t, []string{"charge.retrying", "plan.past_due"}, r.types())
		for _, m := range r.messages() {
			if m.Type != "charge.retrying" {
				continue
			}
			c := b.Charge(p.Plan.ID, 2)
			require.Equal(b.t, 2, m.Data.Charge.Sequence)
			require.Equal(b.t, c.DeclineCode, *m.Data.Charge.DeclineCode)
			require.Equal(b.t, c.NextAttemptAt, *m.Data.Charge.NextAttemptAt)
			require.Equal(b.t, "past_due", m.Data.Plan.Status, "as the transaction left it")
		}
	})
}

// TestRetriesGoOnForThreeDays simulates every try at a receiver that answers 500.
func TestRetriesGoOnForThreeDays(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		id := b.listen(r)
		r.answers(http.StatusInternalServerError)
		began := b.Now()
		d := b.say("charge.succeeded")
		var waits []time.Duration
		for {
			require.Equal(b.t, 1, b.RunDue())
			now := b.delivery(d.ID)
			require.Equal(b.t, len(waits)+1, now.Attempts)
			require.Equal(b.t, 500, now.LastStatus)
			require.Contains(b.t, now.LastError, "answered 500")
			if now.Status == billing.DeliveryFailed {
				require.True(b.t, now.NextAttemptAt.IsZero())
				break
			}
			waits = append(waits, now.NextAttemptAt.Sub(b.Now()))
			b.SetNow(now.NextAttemptAt.Add(-time.Millisecond))
			require.Zero(b.t, b.RunDue(), "not before its time")
			b.SetNow(now.NextAttemptAt)
		}
		for i, least := range []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		} {
			require.GreaterOrEqual(b.t, waits[i], least)
			require.LessOrEqual(b.t, waits[i], least+least/4, "with jitter")
		}
		require.Len(b.t, waits, 9)
		require.Greater(b.t, b.Now().Sub(began), 72*time.Hour)
		require.Len(b.t, r.messages(), 10)
		require.Len(b.t, r.types(), 1, "under the same webhook-id each time")
		e := b.endpoint(id)
		require.Equal(b.t, billing.EndpointEnabled, e.Status)
		require.Equal(b.t, began, e.FailingSince)

		r.answers(http.StatusOK)
		_, err := b.endpoints().Replay(b.t.Context(), d.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, 1, b.RunDue())
		require.Equal(b.t, billing.DeliveryDelivered, b.delivery(d.ID).Status)
		require.True(b.t, b.endpoint(id).FailingSince.IsZero(), "it works again")
	})
}

func TestAnEndpointThatTakesNothingForFiveDaysIsDisabled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		id := b.listen(r)
		r.answers(http.StatusBadGateway)
		began := b.Now()
		var last billing.WebhookDelivery
		for b.endpoint(id).Status == billing.EndpointEnabled {
			require.Less(b.t, b.Now().Sub(began), 6*24*time.Hour)
			last = b.say("charge.succeeded")
			for range 12 {
				b.SetNow(b.Now().Add(time.Hour))
				b.RunDue()
			}
		}
		e := b.endpoint(id)
		require.GreaterOrEqual(b.t, e.DisabledAt.Sub(began), 5*24*time.Hour)
		require.Contains(b.t, e.Reason, "every try failed for 5 days; the last: answered 502")
		require.Equal(b.t, began.Add(time.Hour), e.FailingSince)

		sent := len(r.messages())
		b.SetNow(b.Now().Add(4 * 24 * time.Hour))
		for b.RunDue() > 0 {
			b.SetNow(b.Now().Add(24 * time.Hour))
		}
		require.Len(b.t, r.messages(), sent, "nothing is sent to it any more")
		for _, d := range b.deliveries(billing.DeliveryFilter{}) {
			require.Equal(b.t, billing.DeliveryFailed, d.Status)
		}
		_, err := b.endpoints().Replay(b.t.Context(), last.ID)
		var disabled *operator.EndpointDisabledError
		require.ErrorAs(b.t, err, &disabled)

		r.answers(http.StatusOK)
		enabled := billing.EndpointEnabled
		_, err = b.endpoints().Change(b.t.Context(), id, operator.EndpointChange{Status: &enabled})
		require.NoError(b.t, err)
		n, err := b.endpoints().ReplaySince(b.t.Context(), id, began, false)
		require.NoError(b.t, err)
		require.Equal(b.t, n, b.RunDue())
		for _, d := range b.deliveries(billing.DeliveryFilter{}) {
			require.Equal(b.t, billing.DeliveryDelivered, d.Status)
		}
	})
}

func TestAnEndpointThatIsGoneIsDisabledAtOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r, other := b.receiver(), b.receiver()
		id := b.listen(r)
		r.answers(http.StatusGone)
		d := b.say("charge.succeeded")
		b.RunDue()
		require.Equal(b.t, billing.DeliveryFailed, b.delivery(d.ID).Status)
		e := b.endpoint(id)
		require.Equal(b.t, billing.EndpointDisabled, e.Status)
		require.Equal(b.t, "answered 410", e.Reason)
		require.False(b.t, e.FailingSince.IsZero(), "so that it raises an alarm")
		working := b.listen(other)
		b.say("charge.failed")
		b.RunDue()
		require.Equal(b.t, []string{"charge.failed"}, other.types())
		require.Len(b.t, r.messages(), 1)
		require.Empty(b.t, b.endpoint(working).Reason)
	})
}

func TestAWorkerKilledAfterAMessageWasTakenSendsItUnderTheSameID(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		b.listen(r)
		d := b.say("charge.succeeded")
		b.Sender = &dyingSender{WebhookSender: b.Sender, left: 1}
		b.Worker = b.NewWorker()
		dying(b.t, func() { b.RunDue() })
		require.Equal(b.t, billing.DeliveryPending, b.delivery(d.ID).Status)
		require.Zero(b.t, b.RunDue(), "it is leased")
		b.Worker = b.NewWorker()
		b.SetNow(b.Now().Add(time.Minute))
		require.Equal(b.t, 1, b.RunDue())
		got := r.messages()
		require.Len(b.t, got, 2)
		require.Equal(b.t, got[0].ID, got[1].ID, "receivers can drop the copy")
		require.Equal(b.t, r.raw[0], r.raw[1])
		require.Equal(b.t, billing.DeliveryDelivered, b.delivery(d.ID).Status)
	})
}

func TestAWorkerKilledBeforeAMessageWasSentLosesNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		b.listen(r)
		d := b.say("charge.succeeded")
		_, err := b.Store.ClaimDeliveries(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10) // and the task is lost
		require.NoError(b.t, err)
		require.NoError(b.t, b.Worker.Do(b.t.Context(), deliveryTask(string(d.ID), 0)), "a task of an older lease does nothing")
		require.Empty(b.t, r.messages())
		b.SetNow(b.Now().Add(time.Minute))
		require.Equal(b.t, 1, b.RunDue())
		require.Len(b.t, r.messages(), 1)
	})
}

// TestATaskThatRunsTwiceSendsOnce: the queue may deliver a task again once it is done.
func TestATaskThatRunsTwiceSendsOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		b.listen(r)
		d := b.say("charge.succeeded")
		claims, err := b.Store.ClaimDeliveries(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		for range 2 {
			b.Do(deliveryTask(string(d.ID), claims[0].Lease))
		}
		require.Len(b.t, r.messages(), 1)
	})
}

// TestAStopIsNotTheEndpointsFault: a message that a stopping process was sending counts as no try.
func TestAStopIsNotTheEndpointsFault(t *testing.T) {
	eachEngine(t, func(b *bench) {
		hung := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(hung)
			<-r.Context().Done()
		}))
		defer server.Close()
		e, _, err := b.endpoints().Add(b.t.Context(), server.URL, nil)
		require.NoError(b.t, err)
		d := b.say("charge.succeeded")
		claims, err := b.Store.ClaimDeliveries(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		ctx, stop := context.WithCancel(b.t.Context())
		go func() { <-hung; stop() }()
		require.ErrorIs(b.t, b.Worker.Do(ctx, deliveryTask(string(d.ID), claims[0].Lease)), context.Canceled)
		after := b.delivery(d.ID)
		require.Equal(b.t, billing.DeliveryPending, after.Status)
		require.Zero(b.t, after.Attempts)
		require.True(b.t, b.endpoint(e.ID).FailingSince.IsZero())
	})
}

func TestAnEndpointThatFailsIsTriedWithOneMessageAtATime(t *testing.T) {
	eachEngine(t, func(b *bench) {
		entered, release := make(chan struct{}), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			entered <- struct{}{}
			<-release
			w.WriteHeader(http.StatusInternalServerError)
		}))
		defer server.Close()
		e, _, err := b.endpoints().Add(b.t.Context(), server.URL, nil)
		require.NoError(b.t, err)
		working := b.receiver()
		e.FailingSince = b.Now().Add(-time.Minute)
		require.NoError(b.t, b.Webhooks().UpdateEndpoint(b.t.Context(), e))
		first, second := b.say("charge.succeeded"), b.say("charge.failed")
		b.listen(working)
		claims, err := b.Store.ClaimDeliveries(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.Len(b.t, claims, 2)
		var outcomes []string
		var mu sync.Mutex
		b.With(func(c *jobs.Config) {
			c.Tried = func(outcome string) { mu.Lock(); outcomes = append(outcomes, outcome); mu.Unlock() }
		})
		done := make(chan error, 1)
		go func() { done <- b.Worker.Do(b.t.Context(), deliveryTask(string(first.ID), 1)) }()
		<-entered
		require.NoError(b.t, b.Worker.Do(b.t.Context(), deliveryTask(string(second.ID), 1)), "it does not wait")
		put := b.delivery(second.ID)
		require.Zero(b.t, put.Attempts)
		require.Equal(b.t, billing.DeliveryPending, put.Status)
		require.Greater(b.t, put.NextAttemptAt, b.Now().Add(29*time.Second))
		release <- struct{}{}
		require.NoError(b.t, <-done)
		require.Equal(b.t, []string{outbox.TryDeferred, outbox.TryRetried}, outcomes)
	})
}

func TestRotatedSecretsBothSignForADay(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		id := b.listen(r)
		old := r.secrets[0]
		_, fresh, err := b.endpoints().Rotate(b.t.Context(), id)
		require.NoError(b.t, err)
		r.secrets = []billing.Secret{old, fresh}
		b.say("charge.succeeded")
		require.Equal(b.t, 1, b.RunDue())
		b.SetNow(b.Now().Add(24*time.Hour - time.Second))
		b.say("charge.succeeded")
		require.Equal(b.t, 1, b.RunDue())
		r.secrets = []billing.Secret{fresh}
		b.SetNow(b.Now().Add(time.Second))
		b.say("charge.succeeded")
		require.Equal(b.t, 1, b.RunDue())
		require.Len(b.t, r.messages(), 3)
		require.Empty(b.t, b.deliveries(billing.DeliveryFilter{Status: billing.DeliveryPending}))
	})
}

// TestWhatIsOwedToADeletedEndpointIsDropped: a transaction that read the endpoint may write a
// delivery after the endpoint was deleted.
func TestWhatIsOwedToADeletedEndpointIsDropped(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		id := b.listen(r)
		d := b.say("charge.succeeded")
		claims, err := b.Store.ClaimDeliveries(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.NoError(b.t, b.Webhooks().DeleteEndpoint(b.t.Context(), id))
		b.Do(deliveryTask(string(d.ID), claims[0].Lease))
		require.Empty(b.t, r.messages())
		require.Empty(b.t, b.deliveries(billing.DeliveryFilter{}))
	})
}

// TestAPlanThatStripeRefusesIsTakenBack: receivers that were notified of the plan are notified that
// it is gone, although its rows are deleted.
func TestAPlanThatStripeRefusesIsTakenBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		r := b.receiver()
		b.listen(r)
		b.Gateway.After = func(pi billing.PaymentIntent, _ error) (billing.PaymentIntent, error) {
			return pi, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400}
		}
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: terms.Terms{
			Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 3000, Parts: 3, Every: "1 month",
			Customer: terms.Customer{Reference: "ada"},
		}})
		require.Error(b.t, err)
		b.RunDue()
		require.ElementsMatch(b.t, []string{"plan.created", "plan.discarded"}, r.types())
		for _, m := range r.messages() {
			require.Equal(b.t, "order-1", m.Data.Plan.Reference)
		}
		trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{})
		require.NoError(b.t, err)
		kept := trail[len(trail)-2:]
		require.Equal(b.t, []string{"plan.created", "plan.discarded"}, []string{kept[0].Action, kept[1].Action}, "the trail keeps who did what")
		for _, e := range kept {
			require.Empty(b.t, e.PlanID)
			require.True(b.t, strings.HasPrefix(e.Subject, "plan_"), e.Subject)
		}
	})
}

// dyingSender dies after the receiver has accepted the message, for the set number of times.
type dyingSender struct {
	billing.WebhookSender
	left int
}

// Send sends and dies.
func (s *dyingSender) Send(ctx context.Context, e billing.Endpoint, m billing.Message) (int, error) {
	status, err := s.WebhookSender.Send(ctx, e, m)
	if s.left > 0 {
		s.left--
		panic(killed{})
	}
	return status, err
}
