package recovery_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/jobs"
)

const lease = time.Minute

// desk is a Service with a real store, a simulated Stripe over HTTP, a worker, and a clock that the
// test sets.
type desk struct {
	*recovery.Service
	t       *testing.T
	store   billing.Store
	sim     *stripesim.Server
	browser *stripesim.Browser
	gateway *tap
	worker  *jobs.Worker
	planner *planning.Planner
	start   time.Time

	mu     sync.Mutex
	now    time.Time
	bodies [][]byte
}

// tap lets a test intercept calls between the desk and Stripe.
type tap struct {
	billing.Gateway
	creating func(ctx context.Context, make func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error)
	detach   error
}

// CreatePaymentIntent passes the call on, through the creating hook if it is set.
func (g *tap) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	call := func() (billing.PaymentIntent, error) { return g.Gateway.CreatePaymentIntent(ctx, key, p) }
	if g.creating != nil && !p.OffSession {
		return g.creating(ctx, call)
	}
	return call()
}

// DetachPaymentMethod passes the call on, or returns the detach error if it is set.
func (g *tap) DetachPaymentMethod(ctx context.Context, key, id string) error {
	if g.detach != nil {
		return g.detach
	}
	return g.Gateway.DetachPaymentMethod(ctx, key, id)
}

func eachEngine(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) { test(t, newDesk(t, s)) })
}

func newDesk(t *testing.T, s billing.Store) *desk {
	start := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	d := &desk{t: t, store: s, start: start, now: start}
	arrivals := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.bodies = append(d.bodies, body)
	}))
	t.Cleanup(arrivals.Close)
	d.sim = stripesim.New(stripesim.Options{
		Now: d.clock, Webhooks: []stripesim.WebhookEndpoint{{URL: arrivals.URL, Secret: "whsec_test"}}, WebhookConcurrency: 1,
	})
	server := httptest.NewServer(d.sim)
	t.Cleanup(func() { d.sim.Close(); server.Close() })
	d.browser = &stripesim.Browser{BaseURL: server.URL}
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_desk", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	d.gateway = &tap{Gateway: gateway}
	d.Service = &recovery.Service{
		Store: s, Gateway: d.gateway, Now: d.clock, Lease: lease, MessageDomain: "shop.example",
		Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason },
	}
	morning := calendar.LocalTime{Hour: 9}
	d.planner = planning.New(planning.Config{Store: s, Gateway: d.gateway, Now: d.clock, Rules: billing.Rules{ChargeTime: morning}})
	d.worker = jobs.New(jobs.Config{
		Store: s, Gateway: d.gateway, Queue: nowhere{}, Mailer: notify.Kept{}, Planner: d.planner, Rules: billing.Rules{ChargeTime: morning}, Policies: dunning.DefaultPolicies(morning),
		MessageDomain: "shop.example", Clock: clock.New(time.Time{}, 0, d.clock), Lease: lease, Log: zerolog.Nop(),
	})
	return d
}

// nowhere is a queue that loses every task.
type nowhere struct{}

// Enqueue drops the tasks.
func (nowhere) Enqueue(context.Context, ...billing.Task) error { return nil }

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) advance(by time.Duration) {
	d.mu.Lock()
	d.now = d.now.Add(by)
	d.mu.Unlock()
}

// plan makes a plan of three, the first paid with a good card, the second due in a month.
func (d *desk) plan() billing.Details { return d.planWith("4242424242424242") }

func (d *desk) planWith(card string) billing.Details {
	d.t.Helper()
	created, err := d.planner.Create(d.t.Context(), planning.Request{Terms: terms.Terms{
		Reference: "order-" + string(billing.NewPlanID(d.clock())), Kind: billing.KindInstallments, Currency: "eur", Total: 90000, Parts: 3,
		Every: "1 month", Customer: terms.Customer{Reference: "ada", Email: "ada@example.com"},
	}})
	require.NoError(d.t, err)
	require.NoError(d.t, d.confirm(created.FirstPayment.ClientSecret, stripesim.PaymentDetails{
		Card: &stripesim.Card{Number: card}, SetupFutureUsage: "off_session"}))
	d.settle()
	return d.details(created.Plan.ID)
}

// confirm confirms a payment in a browser, passing the bank's challenge if there is one.
func (d *desk) confirm(secret billing.Secret, details stripesim.PaymentDetails) error {
	d.t.Helper()
	intent, err := d.browser.ConfirmCardPayment(d.t.Context(), secret.Reveal(), details)
	if err == nil && intent.Status == "requires_action" {
		_, err = d.browser.Authenticate(d.t.Context(), intent, true)
	}
	return err
}

// payOne asks for one payment, as a page that leads with one charge does.
func (d *desk) payOne(ctx context.Context, token string, o recovery.PayRequest) (recovery.Confirmation, error) {
	d.t.Helper()
	given, err := d.Pay(ctx, token, o)
	if err != nil {
		return recovery.Confirmation{}, err
	}
	require.Len(d.t, given, 1)
	return given[0], nil
}

// settle stores the webhooks that arrived and does what is due now, until nothing is due.
func (d *desk) settle() {
	d.t.Helper()
	for done := -1; done != 0; {
		ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
		require.NoError(d.t, d.sim.Drain(ctx))
		cancel()
		d.mu.Lock()
		bodies := d.bodies
		d.bodies = nil
		d.mu.Unlock()
		for _, body := range bodies {
			e, err := stripegw.ParseEvent(body)
			require.NoError(d.t, err)
			e.Status, e.ReceivedAt, e.ClaimAfter = billing.EventPending, d.clock(), d.clock()
			_, err = d.store.InsertEvents(d.t.Context(), []billing.Event{e})
			require.NoError(d.t, err)
		}
		done = d.work()
	}
}

// work claims and does what is due now, and returns how many rows it claimed.
func (d *desk) work() int {
	d.t.Helper()
	ctx, now := d.t.Context(), d.clock()
	events, err := d.store.ClaimEvents(ctx, now, now.Add(lease), 100)
	require.NoError(d.t, err)
	for _, c := range events {
		require.NoError(d.t, d.worker.Do(ctx, task.ForEvent(c)))
	}
	charges, err := d.store.ClaimCharges(ctx, now, now.Add(lease), 100)
	require.NoError(d.t, err)
	for _, c := range charges {
		require.NoError(d.t, d.worker.Do(ctx, task.ForCharge(c)))
	}
	return len(events) + len(charges)
}

func (d *desk) details(id billing.PlanID) billing.Details {
	d.t.Helper()
	all, err := billing.LoadDetails(d.t.Context(), d.store, id)
	require.NoError(d.t, err)
	return all
}

// notice is a notice about the second charge of a plan of its own.
func (d *desk) notice(kind billing.NoticeKind) billing.Notice {
	d.t.Helper()
	p := d.plan()
	d.advance(time.Millisecond)
	return billing.Notice{ID: billing.NewNoticeID(d.clock()), Kind: kind, PlanID: p.Plan.ID, ChargeID: p.Charges[1].ID, CustomerID: p.Customer.ID}
}

// open makes a link to a charge of a plan and returns its token.
func (d *desk) open(p billing.Details, sequence int) string {
	d.t.Helper()
	link, _, err := d.links(firstKey).Create(d.t.Context(), p.Plan, p.Charges[sequence-1].ID)
	require.NoError(d.t, err)
	return token(d.t, link)
}

// tookMoney lists the PaymentIntents of a charge that succeeded at Stripe.
func (d *desk) tookMoney(c billing.Charge) (ids []string) {
	d.t.Helper()
	for _, raw := range d.sim.PaymentIntents() {
		var pi struct {
			ID, Status string
			Metadata   map[string]string
		}
		require.NoError(d.t, json.Unmarshal(raw, &pi))
		if pi.Metadata[billing.MetaCharge] == string(c.ID) && pi.Status == "succeeded" {
			ids = append(ids, pi.ID)
		}
	}
	return ids
}

func evidence() *recovery.Evidence {
	return &recovery.Evidence{TextVersion: "1", Text: "I agree", Locale: "en", Address: "192.0.2.1", UserAgent: "browser"}
}
