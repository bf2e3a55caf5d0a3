package forecast_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/forecast"
	"tranche/internal/notify"
	"tranche/internal/outbox"
	"tranche/internal/planning"
	"tranche/internal/store"
	"tranche/internal/store/sqlite"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/internal/view"
	"tranche/jobs"
)

var (
	start   = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	morning = calendar.LocalTime{Hour: 9}
)

const (
	good         = "4242424242424242"
	upcomingDays = 3
)

// reality is the real run: a worker on a database in a file, against the simulator over HTTP, with
// a clock that the test sets. It advances to the next due row, which it finds with its own SQL.
type reality struct {
	t       testing.TB
	store   *store.Store
	sql     *sql.DB
	file    string
	sim     *stripesim.Server
	gateway *counting
	browser *stripesim.Browser
	planner *planning.Planner
	worker  *jobs.Worker

	mu     sync.Mutex
	now    time.Time
	bodies [][]byte
}

// counting counts the calls to Stripe.
type counting struct {
	billing.Gateway
	calls int
}

func (g *counting) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	g.calls++
	return g.Gateway.CreatePaymentIntent(ctx, key, p)
}

func (g *counting) ConfirmPaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	g.calls++
	return g.Gateway.ConfirmPaymentIntent(ctx, key, p)
}

func newReality(t testing.TB) *reality {
	r := &reality{t: t, now: start, file: filepath.Join(t.TempDir(), "tranche.db")}
	empty, err := forecast.EmptyImage()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.file, empty, 0o600))
	r.store, err = sqlite.Open(t.Context(), r.file, sqlite.Options{})
	require.NoError(t, err)
	r.sql, err = sql.Open("sqlite", "file:"+r.file)
	require.NoError(t, err)
	arrivals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, body)
		r.mu.Unlock()
	}))
	r.sim = stripesim.New(stripesim.Options{
		Now: r.Now, Webhooks: []stripesim.WebhookEndpoint{{URL: arrivals.URL, Secret: "whsec_test"}}, WebhookConcurrency: 1,
	})
	server := httptest.NewServer(r.sim)
	t.Cleanup(func() { arrivals.Close(); r.sim.Close(); server.Close(); _ = r.sql.Close(); _ = r.store.Close() })
	r.browser = &stripesim.Browser{BaseURL: server.URL}
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_real", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	r.gateway = &counting{Gateway: gateway}
	r.planner = planning.New(planning.Config{Store: r.store, Gateway: r.gateway, Now: r.Now, Rules: billing.Rules{ChargeTime: morning}})
	r.worker = jobs.New(jobs.Config{
		Store: r.store, Gateway: r.gateway, Queue: lost{}, Mailer: notify.Kept{}, Planner: r.planner, Rules: billing.Rules{ChargeTime: morning}, Webhooks: r.store,
		Policies: dunning.DefaultPolicies(morning), Merchant: merchant(), MessageDomain: "shop.example",
		Clock: r.clock(), Lease: time.Minute, Log: zerolog.Nop(),
	})
	return r
}

func merchant() notify.Merchant { return notify.Merchant{Name: "Example Shop"} }

// lost is a queue that loses every task.
type lost struct{}

func (lost) Enqueue(context.Context, ...billing.Task) error { return nil }

// kept collects the tasks of the reminders.
type kept struct{ tasks []billing.Task }

func (k *kept) Enqueue(_ context.Context, tasks ...billing.Task) error {
	k.tasks = append(k.tasks, tasks...)
	return nil
}

func (r *reality) clock() clock.Clock { return clock.New(time.Time{}, 0, r.Now) }

// Now is the test's clock.
func (r *reality) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *reality) setNow(t time.Time) {
	r.mu.Lock()
	r.now = t
	r.mu.Unlock()
}

// forecaster forecasts from the database as it is now.
func (r *reality) forecaster() *forecast.Forecaster {
	return forecast.New(forecast.Config{
		Store: r.store, Policies: dunning.DefaultPolicies(morning), Rules: billing.Rules{ChargeTime: morning}, UpcomingDays: upcomingDays, Merchant: merchant(), Clock: r.clock(),
	}).ShareEmpty()
}

func (r *reality) forecast(req view.ForecastRequest) view.Forecast {
	r.t.Helper()
	got, err := r.forecaster().Forecast(r.t.Context(), req)
	require.NoError(r.t, err)
	return got
}

// termsWith returns the terms of a plan over four months, with changes.
func termsWith(change func(t *terms.Terms)) terms.Terms {
	t := terms.Terms{
		Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 100003, Parts: 4, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", Name: "Ada", TimeZone: "Europe/London"},
	}
	if change != nil {
		change(&t)
	}
	return t
}

// started creates a plan, pays its first payment and processes the event.
func (r *reality) started(t terms.Terms) billing.PlanID {
	r.t.Helper()
	return r.startedWith(t, stripesim.Card{Number: good})
}

// startedWith is started with a given card.
func (r *reality) startedWith(t terms.Terms, card stripesim.Card) billing.PlanID {
	r.t.Helper()
	made, err := r.planner.Create(r.t.Context(), planning.Request{Terms: t})
	require.NoError(r.t, err)
	if made.Setup.ID != "" {
		_, err = r.browser.ConfirmCardSetup(r.t.Context(), made.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &card})
		require.NoError(r.t, err)
		r.settle()
		return made.Plan.ID
	}
	_, err = r.browser.ConfirmCardPayment(r.t.Context(), made.FirstPayment.ClientSecret.Reveal(),
		stripesim.PaymentDetails{Card: &card, SetupFutureUsage: "off_session"})
	require.NoError(r.t, err)
	r.settle()
	return made.Plan.ID
}

// declines makes the issuer decline a charge a number of times; 0 means always.
func (r *reality) declines(id billing.ChargeID, code string, times int) {
	r.t.Helper()
	require.NoError(r.t, r.sim.AddFault(stripesim.FaultRule{
		Action: stripesim.ActionDecline, Metadata: map[string]string{billing.MetaCharge: string(id)}, DeclineCode: code, Count: times,
	}))
}

// settle receives Stripe's webhooks and does what is due, until nothing is left.
func (r *reality) settle() {
	r.t.Helper()
	ctx := r.t.Context()
	for {
		require.NoError(r.t, r.sim.Drain(ctx))
		r.mu.Lock()
		bodies := r.bodies
		r.bodies = nil
		r.mu.Unlock()
		for _, body := range bodies {
			e, err := stripegw.ParseEvent(body)
			require.NoError(r.t, err)
			e.Status, e.ReceivedAt, e.ClaimAfter = billing.EventPending, r.Now(), r.Now()
			_, err = r.store.InsertEvents(ctx, []billing.Event{e})
			require.NoError(r.t, err)
		}
		if r.runDue() == 0 {
			return
		}
	}
}

func (r *reality) runDue() int {
	r.t.Helper()
	ctx, now := r.t.Context(), r.Now()
	until := now.Add(time.Minute)
	r.remind()
	events, err := r.store.ClaimEvents(ctx, now, until, 100)
	require.NoError(r.t, err)
	for _, c := range events {
		require.NoError(r.t, r.worker.Do(ctx, task.ForEvent(c)))
	}
	charges, err := r.store.ClaimCharges(ctx, now, until, 100)
	require.NoError(r.t, err)
	for _, c := range charges {
		require.NoError(r.t, r.worker.Do(ctx, task.ForCharge(c)))
	}
	dunnings, err := r.store.ClaimDunnings(ctx, now, until, 100)
	require.NoError(r.t, err)
	for _, c := range dunnings {
		require.NoError(r.t, r.worker.Do(ctx, task.ForDunning(c)))
	}
	notices, err := r.store.ClaimNotices(ctx, until, until, 100) // the queue loses their first task
	require.NoError(r.t, err)
	for _, c := range notices {
		require.NoError(r.t, r.worker.Do(ctx, task.ForNotice(c)))
	}
	return len(events) + len(charges) + len(dunnings) + len(notices)
}

// remind creates the advance notices.
func (r *reality) remind() {
	q := &kept{}
	_, err := outbox.Reminders{Store: r.store, Queue: q}.Upcoming(r.t.Context(), r.Now(), upcomingDays)
	require.NoError(r.t, err)
	for _, task := range q.tasks {
		require.NoError(r.t, r.worker.Do(r.t.Context(), task))
	}
}

// live runs until a time, from one due row to the next.
func (r *reality) live(until time.Time) {
	r.t.Helper()
	for {
		r.settle()
		var next sql.NullInt64
		require.NoError(r.t, r.sql.QueryRowContext(r.t.Context(), `SELECT min(at) FROM (
			SELECT claim_after AS at FROM charges UNION SELECT claim_after FROM dunnings UNION SELECT claim_after FROM notices
			UNION SELECT due_at - $1 FROM charges WHERE status = 'scheduled') WHERE at > $2`,
			int64(upcomingDays*24*time.Hour/time.Millisecond), r.Now().UnixMilli()).Scan(&next))
		if !next.Valid || next.Int64 > until.UnixMilli() {
			r.setNow(until)
			return
		}
		r.setNow(time.UnixMilli(next.Int64).UTC())
	}
}

func (r *reality) details(id billing.PlanID) billing.Details {
	r.t.Helper()
	d, err := billing.LoadDetails(r.t.Context(), r.store, id)
	require.NoError(r.t, err)
	return d
}
