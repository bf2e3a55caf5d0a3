package jobs_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/jobs"
)

var (
	start   = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	morning = calendar.LocalTime{Hour: 9}
)

// bench is a worker with a real store and an HTTP Stripe, under the test's control of time. It has
// no queue: the rows that the scheduler would claim are run directly.
type bench struct {
	t        *testing.T
	store    billing.Store
	platform *stripesim.Server // the key's own account
	sim      *stripesim.Server // the account that plans are in
	gateway  *tap
	browser  *stripesim.Browser
	mails    *mailbox
	planner  *planning.Planner
	worker   *jobs.Worker
	changes  []func(c *jobs.Config) // of the worker's configuration
	sender   billing.WebhookSender  // sends messages to endpoints; nil in tests without endpoints
	account  string                 // the connected account that plans are in; empty for the platform's own
	arrivals string                 // the URL that webhooks are posted to

	bubble bool // time is a synctest bubble's, and passes by itself

	mu     sync.Mutex
	now    time.Time
	mono   time.Duration // the time of a clock that cannot be set back
	bodies [][]byte      // webhooks that arrived and were not stored yet
}

// eachEngine runs a test on both databases.
func eachEngine(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) { test(newBench(t, s)) })
}

// onConnected runs a test whose plans are in a connected account, on both databases. No call may
// reach the platform's own account.
func onConnected(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		b := newBenchOn(t, s, "acct_1Villa")
		test(b)
		b.requirePlatformUntouched()
	})
}

// requirePlatformUntouched requires that no object was created, and no event sent, in the
// platform's own account.
func (b *bench) requirePlatformUntouched() {
	b.t.Helper()
	b.as("", func() {
		for _, of := range []string{"payment_intents", "setup_intents", "customers", "charges", "refunds", "events"} {
			require.Empty(b.t, b.request(http.MethodGet, "/v1/"+of, nil)["data"], of)
		}
	})
	for _, e := range b.heard() {
		require.Equal(b.t, b.account, e.Account, e.Type)
	}
}

// as runs a function with the bench in another account.
func (b *bench) as(account string, do func()) {
	was := b.account
	b.account, b.browser.Account = account, account
	defer func() { b.account, b.browser.Account = was, was }()
	do()
}

func newBench(t *testing.T, s billing.Store) *bench {
	return newBenchOn(t, s, os.Getenv("TEST_STRIPE_ACCOUNT")) // with it, every test has its plans in a connected account
}

func newBenchOn(t *testing.T, s billing.Store, account string) *bench {
	b := &bench{t: t, store: s, now: start, mails: &mailbox{}, account: account}
	arrivals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		b.bodies = append(b.bodies, body)
		b.mu.Unlock()
	}))
	t.Cleanup(arrivals.Close)
	b.arrivals = arrivals.URL
	b.platform = stripesim.New(stripesim.Options{
		Now: b.Now, Webhooks: []stripesim.WebhookEndpoint{{URL: arrivals.URL, Secret: "whsec_test", Connect: account != ""}}, WebhookConcurrency: 1,
	})
	if b.sim = b.platform; account != "" {
		b.sim = b.platform.Connect(account)
	}
	server := httptest.NewServer(b.platform)
	t.Cleanup(func() { b.platform.Close(); server.Close() })
	b.browser = &stripesim.Browser{BaseURL: server.URL, Account: account}
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_bench", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	b.gateway = &tap{Gateway: gateway}
	b.planner = planning.New(planning.Config{Store: s, Gateway: b.gateway, Now: b.Now, Rules: billing.Rules{ChargeTime: morning}})
	b.worker = b.newWorker()
	return b
}

// newWorker returns a worker as the bench has it at first.
func (b *bench) newWorker() *jobs.Worker { return jobs.New(b.plain()) }

// with changes the configuration of the bench's worker.
func (b *bench) with(change func(c *jobs.Config)) {
	b.changes = append(b.changes, change)
	b.worker = jobs.New(b.config())
}

// config returns the configuration of the bench's worker, with all changes.
func (b *bench) config() jobs.Config {
	c := b.plain()
	for _, change := range b.changes {
		change(&c)
	}
	return c
}

func (b *bench) plain() jobs.Config {
	return jobs.Config{
		Store: b.store, Gateway: b.gateway, Queue: nowhere{}, Mailer: b.mails, Planner: b.planner, Rules: billing.Rules{ChargeTime: morning}, Webhooks: b.hooks(), Sender: b.sender,
		Policies: dunning.DefaultPolicies(morning), Merchant: notify.Merchant{Name: "Example Shop"}, MessageDomain: "shop.example",
		Clock: clock.New(time.Time{}, 0, b.Now).WithMonotonic(b.Monotonic), Lease: time.Minute, Log: zerolog.New(zerolog.NewTestWriter(b.t)),
	}
}

// merchant returns the context of a call with the merchant's API key.
func (b *bench) merchant() context.Context {
	return billing.ActingAs(b.t.Context(), billing.Party{Actor: "key:bench"})
}

// Now is the test's clock.
func (b *bench) Now() time.Time {
	if b.bubble {
		return time.Now().UTC().Truncate(time.Millisecond)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// operator makes changes at the test's time, without rules.
func (b *bench) operator() *operator.Operator { return operator.New(b.store, b.Now, billing.Rules{}) }

// Monotonic counts every forward step of the test's clock, and no step back.
func (b *bench) Monotonic() time.Duration {
	if b.bubble {
		return time.Duration(time.Now().UnixNano())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mono
}

func (b *bench) setNow(t time.Time) {
	b.mu.Lock()
	b.mono += max(t.Sub(b.now), 0)
	b.now = t
	b.mu.Unlock()
}

// plan creates a plan: 1000.03 in four months, unless change sets other terms.
func (b *bench) plan(change func(t *terms.Terms)) planning.Created {
	b.t.Helper()
	t := terms.Terms{
		Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 100003, Parts: 4, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", Name: "Ada", TimeZone: "Europe/London"},
	}
	if change != nil {
		change(&t)
	}
	t.Account = b.account
	created, err := b.planner.Create(b.merchant(), planning.Request{Terms: t})
	require.NoError(b.t, err)
	return created
}

// pay pays a PaymentIntent as a customer in the browser does, and passes the bank's authentication
// if there is one.
func (b *bench) pay(secret billing.Secret, details stripesim.PaymentDetails) error {
	b.t.Helper()
	intent, err := b.browser.ConfirmCardPayment(b.t.Context(), secret.Reveal(), details)
	if err == nil && intent.Status == "requires_action" {
		_, err = b.browser.Authenticate(b.t.Context(), intent, true)
	}
	return err
}

// payFirst pays the first payment with a test card.
func (b *bench) payFirst(p planning.Created, number string) error {
	b.t.Helper()
	return b.pay(p.FirstPayment.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"})
}

// started creates a plan, pays its first payment, and handles the event.
func (b *bench) started(number string, change func(t *terms.Terms)) planning.Created {
	b.t.Helper()
	p := b.plan(change)
	require.NoError(b.t, b.payFirst(p, number))
	b.settle()
	return p
}

// arrived waits until every webhook was delivered and takes their bodies.
func (b *bench) arrived() [][]byte {
	b.t.Helper()
	if b.bubble {
		synctest.Wait()
	} else {
		ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
		defer cancel()
		require.NoError(b.t, b.sim.Drain(ctx))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	bodies := b.bodies
	b.bodies = nil
	return bodies
}

// takeIn stores webhooks, as the ingress does.
func (b *bench) takeIn(bodies ...[]byte) {
	b.t.Helper()
	for _, body := range bodies {
		e, err := stripegw.ParseEvent(body)
		require.NoError(b.t, err)
		e.Status, e.ReceivedAt, e.ClaimAfter = billing.EventPending, b.Now(), b.Now()
		_, err = b.store.InsertEvents(b.t.Context(), []billing.Event{e})
		require.NoError(b.t, err)
	}
}

// settle stores the webhooks that arrived and runs everything that is due now, until nothing is.
func (b *bench) settle() {
	b.t.Helper()
	for {
		b.takeIn(b.arrived()...)
		if b.runDue() == 0 {
			return
		}
	}
}

// runDue claims and runs everything that is due now, and returns the number of rows.
func (b *bench) runDue() int {
	b.t.Helper()
	ctx, now := b.t.Context(), b.Now()
	until := now.Add(time.Minute)
	events, err := b.store.ClaimEvents(ctx, now, until, 100)
	require.NoError(b.t, err)
	for _, c := range events {
		require.NoError(b.t, b.worker.Do(ctx, task.ForEvent(c)))
	}
	charges, err := b.store.ClaimCharges(ctx, now, until, 100)
	require.NoError(b.t, err)
	for _, c := range charges {
		require.NoError(b.t, b.worker.Do(ctx, task.ForCharge(c)))
	}
	dunnings, err := b.store.ClaimDunnings(ctx, now, until, 100)
	require.NoError(b.t, err)
	for _, c := range dunnings {
		require.NoError(b.t, b.worker.Do(ctx, task.ForDunning(c)))
	}
	// A notice is due at once, but its first task is in the queue, which this bench does not have.
	notices, err := b.store.ClaimNotices(ctx, now.Add(time.Minute), until, 100)
	require.NoError(b.t, err)
	for _, c := range notices {
		require.NoError(b.t, b.worker.Do(ctx, task.ForNotice(c)))
	}
	deliveries, err := b.store.ClaimDeliveries(ctx, b.Now(), b.Now().Add(time.Minute), 100)
	require.NoError(b.t, err)
	for _, c := range deliveries {
		require.NoError(b.t, b.worker.Do(ctx, task.ForDelivery(c)))
	}
	return len(events) + len(charges) + len(dunnings) + len(notices) + len(deliveries)
}

// advance simulates days, and runs everything that falls due each half day.
func (b *bench) advance(days int) {
	b.t.Helper()
	for range 2 * days {
		b.setNow(b.Now().Add(12 * time.Hour))
		b.settle()
	}
}

// details reads a plan back.
func (b *bench) details(id billing.PlanID) billing.Details {
	b.t.Helper()
	d, err := billing.LoadDetails(b.t.Context(), b.store, id)
	require.NoError(b.t, err)
	return d
}

// charge reads one charge of a plan back, by its sequence.
func (b *bench) charge(id billing.PlanID, sequence int) billing.Charge {
	b.t.Helper()
	return b.details(id).Charges[sequence-1]
}

// intent holds the fields of a PaymentIntent at the simulator that the checks read.
type intent struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	AmountReceived int64             `json:"amount_received"`
	Metadata       map[string]string `json:"metadata"`
}

// intents lists the simulator's PaymentIntents.
func (b *bench) intents() []intent {
	b.t.Helper()
	var all []intent
	for _, raw := range b.sim.PaymentIntents() {
		var pi intent
		require.NoError(b.t, json.Unmarshal(raw, &pi))
		all = append(all, pi)
	}
	return all
}

// succeededAtStripe counts the PaymentIntents that took money.
func (b *bench) succeededAtStripe() (count int, sum int64) {
	b.t.Helper()
	for _, pi := range b.intents() {
		if pi.Status == "succeeded" {
			count++
			sum += pi.AmountReceived
		}
	}
	return count, sum
}

// notices lists the kinds of notices of a plan in the order they were written.
func (b *bench) notices(id billing.PlanID) []billing.NoticeKind {
	b.t.Helper()
	all, err := b.store.Notices(b.t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(b.t, err)
	kinds := make([]billing.NoticeKind, len(all))
	for i, n := range all {
		kinds[len(all)-1-i] = n.Kind
	}
	return kinds
}

// statuses lists the statuses of a plan's charges.
func statuses(d billing.Details) []billing.ChargeStatus {
	all := make([]billing.ChargeStatus, len(d.Charges))
	for i, c := range d.Charges {
		all[i] = c.Status
	}
	return all
}

// nowhere is a queue that loses every task, as a queue may.
type nowhere struct{}

// Enqueue drops the tasks.
func (nowhere) Enqueue(context.Context, ...billing.Task) error { return nil }

// mailbox is a mail server that keeps its mails.
type mailbox struct {
	mu    sync.Mutex
	mails []billing.Mail
	fail  error
}

// Send keeps a mail, or fails if the test set a failure.
func (o *mailbox) Send(_ context.Context, m billing.Mail) (billing.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return billing.Delivery{}, o.fail
	}
	o.mails = append(o.mails, m)
	return billing.Delivery{}, nil
}

// tap lets a test intervene between the worker and Stripe.
type tap struct {
	billing.Gateway
	before func()                                                            // runs before a PaymentIntent is created or confirmed
	after  func(billing.PaymentIntent, error) (billing.PaymentIntent, error) // may change the answer that the worker gets
	calls  int                                                               // creations and confirmations

	beforeCancel func() // runs before a PaymentIntent is canceled
}

// CreatePaymentIntent passes the call on.
func (g *tap) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	return g.through(func() (billing.PaymentIntent, error) { return g.Gateway.CreatePaymentIntent(ctx, key, p) })
}

// ConfirmPaymentIntent passes the call on.
func (g *tap) ConfirmPaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	return g.through(func() (billing.PaymentIntent, error) { return g.Gateway.ConfirmPaymentIntent(ctx, key, p) })
}

// CancelPaymentIntent passes the call on.
func (g *tap) CancelPaymentIntent(ctx context.Context, key, id string) (billing.PaymentIntent, error) {
	if g.beforeCancel != nil {
		g.beforeCancel()
	}
	return g.Gateway.CancelPaymentIntent(ctx, key, id)
}

func (g *tap) through(call func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
	g.calls++
	if g.before != nil {
		g.before()
	}
	pi, err := call()
	if g.after != nil {
		return g.after(pi, err)
	}
	return pi, err
}

// acting returns a context that calls Stripe for the account that plans are in.
func (b *bench) acting() context.Context { return billing.OnAccount(b.t.Context(), b.account) }

// customerAtStripe is the Stripe customer of a plan's customer, in the account that plans are in.
func (b *bench) customerAtStripe(id billing.PlanID) string {
	b.t.Helper()
	d := b.details(id)
	cards, err := b.store.Cards(b.t.Context(), d.Customer.ID)
	require.NoError(b.t, err)
	return d.Customer.StripeCustomerIn(b.account, cards)
}

// daily returns terms with a part due every day.
func daily(name, zone string, parts int) func(t *terms.Terms) {
	return func(t *terms.Terms) {
		t.Reference, t.Parts, t.Every, t.Total = "order-"+name, parts, "1 day", int64(parts)*1000
		t.Customer.Reference, t.Customer.TimeZone = name, zone
	}
}

// quarterly sets three parts, so far apart that dunning of one ends before the next falls due.
func quarterly(t *terms.Terms) { t.Parts, t.Every = 3, "3 months" }
