//go:build !race

package jobs_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/planning"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/jobs"
)

// year is a shop with many plans in a synctest bubble: it uses no network, and time passes while
// all goroutines wait.
type year struct {
	*bench
	chance *rand.Rand
	world  witness
	plans  []*lived
	queue  []billing.Task
	lost   bool     // tasks were lost in this step; their rows come back when the leases end
	cause  []string // the latest actions, for the text of a failure
}

// lived is one plan of the year, with its observed course so far.
type lived struct {
	id       billing.PlanID
	terms    terms.Terms
	began    time.Time
	touched  bool // it was changed, so its dates can't be calculated from the terms any more
	versions []billing.PlanVersion
}

// direct answers requests with a handler in the caller's goroutine.
type direct struct {
	handler http.Handler
	before  func(r *http.Request)
}

// RoundTrip serves the request. A handler that breaks the connection counts as a failed transport.
func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if d.before != nil {
		d.before(r)
	}
	defer func() {
		if what := recover(); what != nil {
			if failed, ok := what.(error); !ok || !errors.Is(failed, http.ErrAbortHandler) {
				panic(what)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	out := httptest.NewRecorder()
	d.handler.ServeHTTP(out, served)
	return out.Result(), nil
}

// newYear creates an empty shop. It is called in the bubble.
func newYear(t *testing.T, seed uint64) *year {
	y := &year{chance: rand.New(rand.NewPCG(seed, 5)), world: witness{Scratch: scratch(t), mu: &sync.Mutex{}, seen: map[step]bool{}}}
	b := &bench{t: t, store: y.world, mails: &mailbox{}, bubble: true}
	if seed%2 == 1 { // this year's plans are in a connected account
		b.account = "acct_1Villa"
	}
	y.bench = b
	arrivals := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies = append(b.bodies, body)
	})
	b.platform = stripesim.New(stripesim.Options{
		Now: b.Now, Wall: b.Now, Webhooks: []stripesim.WebhookEndpoint{{URL: "http://shop.test/", Secret: "whsec_test", Connect: b.account != ""}}, WebhookConcurrency: 1,
		WebhookTransport: direct{handler: arrivals}, Seed: seed,
	})
	t.Cleanup(b.platform.Close)
	if b.sim = b.platform; b.account != "" {
		b.sim = b.platform.Connect(b.account)
	}
	b.browser = &stripesim.Browser{BaseURL: "http://stripe.test", Account: b.account, Client: &http.Client{Transport: direct{handler: b.platform}}}
	gateway, err := stripegw.New(stripegw.Config{
		SecretKey: "sk_test_bench", APIBase: "http://stripe.test", HTTPTimeout: 5 * time.Second, Transport: direct{b.platform, y.mayBeCharged},
	})
	require.NoError(t, err)
	b.gateway = &tap{Gateway: gateway}
	b.planner = planning.New(planning.Config{Store: b.store, Gateway: b.gateway, Now: b.Now, Rules: billing.Rules{ChargeTime: morning}})
	b.worker = b.newWorker()
	b.with(func(c *jobs.Config) { c.Log = zerolog.Nop() })
	return y
}

// mayBeCharged checks each request to Stripe on arrival: it may only charge an unpaid due charge of
// a plan that collects. This must hold no matter what else is in flight.
func (y *year) mayBeCharged(r *http.Request) {
	if r.Method != http.MethodPost || r.Body == nil || !strings.HasPrefix(r.URL.Path, "/v1/payment_intents") {
		return
	}
	body, err := io.ReadAll(r.Body)
	require.NoError(y.t, err)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if !strings.Contains(string(body), "off_session=true") {
		return
	}
	require.NoError(y.t, r.ParseForm())
	form := r.PostForm
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	id := billing.ChargeID(form.Get("metadata[" + billing.MetaCharge + "]"))
	if id == "" {
		c, err := y.store.ChargeByPaymentIntent(y.t.Context(), strings.Split(r.URL.Path, "/")[3])
		require.NoError(y.t, err, "%s is confirmed and is no charge's", r.URL.Path)
		id = c.ID
	}
	c, err := y.store.Charge(y.t.Context(), id)
	require.NoError(y.t, err)
	plan, err := y.store.Plan(y.t.Context(), c.PlanID)
	require.NoError(y.t, err)
	require.True(y.t, plan.Status.Collects(), "charge %d of plan %s is charged, which is %s", c.Sequence, plan.Reference, plan.Status)
	require.Equal(y.t, billing.ChargeCollecting, c.Status, "an attempt is written before Stripe is called")
	require.False(y.t, c.NextAttemptAt.IsZero() || c.NextAttemptAt.After(y.Now()), "charge %d of plan %s is charged before its time", c.Sequence, plan.Reference)
}

// zones are places with every kind of clock.
var zones = []string{
	"UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Pacific/Kiritimati",
	"Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "Pacific/Pago_Pago",
}

// pick returns a random element of a list.
func pick[T any](chance *rand.Rand, list ...T) T { return list[chance.IntN(len(list))] }

// ahead returns a date within some months, often the last day of a month.
func (y *year) ahead() string {
	at := y.Now().AddDate(0, 0, 3+y.chance.IntN(90))
	if y.chance.IntN(2) == 0 {
		at = time.Date(at.Year(), at.Month()+2, 0, 0, 0, 0, 0, time.UTC)
	}
	return at.Format(time.DateOnly)
}

// newTerms draws the terms of a plan, of any kind.
func (y *year) newTerms(n int) terms.Terms {
	c := y.chance
	t := terms.Terms{
		Reference: fmt.Sprintf("order-%d", n), Currency: pick(c, money.Currency("usd"), "eur", "jpy", "gbp", "huf", "kwd"),
		Customer: terms.Customer{Reference: fmt.Sprintf("customer-%d", n), Email: fmt.Sprintf("c%d@example.com", n), TimeZone: pick(c, zones...)},
	}
	amount := 200_000 * (1 + c.Int64N(50))
	every := pick(c, "1 week", "2 weeks", "10 days", "1 month", "1 month", "2 months", "3 months")
	switch t.Kind = pick(c, billing.KindInstallments, billing.KindDeposit, billing.KindRecurring, billing.KindDeferred); t.Kind {
	case billing.KindInstallments:
		t.Total, t.Parts, t.Every = amount, 2+c.IntN(10), every
		t.Remainder = pick(c, money.RemainderFirst, money.RemainderLast, money.RemainderSpread)
		t.Starts = pick(c, "", "", y.ahead())
	case billing.KindDeposit:
		t.Total, t.DepositPercent = amount, pick(c, "10", "20", "50")
		t.BalanceDue = pick(c, y.ahead(), y.ahead(), "on request", "5 days after "+y.ahead())
	case billing.KindRecurring:
		t.Amount, t.Every = amount, every
		t.Parts = pick(c, 0, 0, 3, 8)
		t.Starts = pick(c, "", "", y.ahead())
		t.BusinessDay = pick(c, "", "", calendar.BusinessDayModifiedFollowing)
		if t.Starts == "" {
			t.Trial = pick(c, "", "", "14 days")
		}
	case billing.KindDeferred:
		t.Total, t.Due = amount, pick(c, y.ahead(), y.ahead(), "on request")
	}
	if t.Starts == "" && t.Kind != billing.KindDeferred && t.Trial == "" && c.IntN(5) == 0 {
		t.Card = "default"
	}
	return t
}

// begin creates a plan and has its customer do what the plan waits for.
func (y *year) begin(n int) {
	t := y.newTerms(n)
	if t.Card != "" {
		y.giveCard(t.Customer.Reference)
		ctx := y.merchant()
		require.NoError(y.t, y.store.Update(ctx, func(tx billing.Tx) error {
			c, err := tx.CustomerByReference(ctx, t.Customer.Reference)
			if err != nil {
				return err
			}
			c.TimeZone = t.Customer.TimeZone
			return tx.UpdateCustomer(ctx, c)
		}))
	}
	t.Account = y.account
	p, err := y.planner.Create(y.merchant(), planning.Request{Terms: t})
	require.NoError(y.t, err, "%+v", t)
	y.plans = append(y.plans, &lived{id: p.Plan.ID, terms: t, began: y.Now()})
	card := pick(y.chance, good, good, otherCard, thenNoFunds, authAlways)
	switch {
	case p.FirstPayment.ID != "":
		require.NoError(y.t, y.payFirst(p, card))
	case p.Setup.ID != "":
		y.setUp(p.Setup.ClientSecret, card)
	}
	y.settle()
}

// claim enqueues a task for everything that is due.
func (y *year) claim() int {
	ctx, now := y.merchant(), y.Now()
	until := now.Add(time.Minute)
	before := len(y.queue)
	events, err := y.store.ClaimEvents(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range events {
		y.queue = append(y.queue, task.ForEvent(c))
	}
	charges, err := y.store.ClaimCharges(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range charges {
		y.queue = append(y.queue, task.ForCharge(c))
	}
	dunnings, err := y.store.ClaimDunnings(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range dunnings {
		y.queue = append(y.queue, task.ForDunning(c))
	}
	notices, err := y.store.ClaimNotices(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range notices {
		y.queue = append(y.queue, task.ForNotice(c))
	}
	return len(y.queue) - before
}
