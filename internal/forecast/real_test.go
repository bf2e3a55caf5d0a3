package forecast_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/forecast"
	"tranche/internal/outbox"
	"tranche/internal/planning"
	"tranche/internal/store"
	"tranche/internal/store/sqlite"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/internal/testbench"
	"tranche/internal/view"
)

var (
	start   = testbench.Start
	morning = testbench.Morning
)

const (
	good         = "4242424242424242"
	upcomingDays = 3
)

// reality is the real run: the shared bench on a database in a file. It advances to the next due
// row, which it finds with its own SQL.
type reality struct {
	*testbench.Bench
	t     testing.TB
	store *store.Store
	sql   *sql.DB
	file  string
}

func newReality(t testing.TB) *reality {
	r := &reality{t: t, file: filepath.Join(t.TempDir(), "tranche.db")}
	empty, err := forecast.EmptyImage()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.file, empty, 0o600))
	r.store, err = sqlite.Open(t.Context(), r.file, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.sql, err = sql.Open("sqlite", "file:"+r.file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.sql.Close() })
	r.Bench = testbench.New(t, testbench.Config{Store: r.store, Silent: true})
	return r
}

// kept collects the tasks of the reminders.
type kept struct{ tasks []billing.Task }

func (k *kept) Enqueue(_ context.Context, tasks ...billing.Task) error {
	k.tasks = append(k.tasks, tasks...)
	return nil
}

func (r *reality) clock() clock.Clock { return clock.New(time.Time{}, 0, r.Now) }

// forecaster forecasts from the database as it is now.
func (r *reality) forecaster() *forecast.Forecaster {
	return forecast.New(forecast.Config{
		Store: r.store, Policies: dunning.DefaultPolicies(morning), Rules: billing.Rules{ChargeTime: morning}, UpcomingDays: upcomingDays, Merchant: testbench.Merchant(), Clock: r.clock(),
	}).ShareEmpty()
}

func (r *reality) forecast(req view.ForecastRequest) view.Forecast {
	r.t.Helper()
	got, err := r.forecaster().Forecast(r.t.Context(), req)
	require.NoError(r.t, err)
	return got
}

// started creates a plan, pays its first payment and processes the event.
func (r *reality) started(t terms.Terms) billing.PlanID {
	r.t.Helper()
	return r.startedWith(t, stripesim.Card{Number: good})
}

// startedWith is started with a given card.
func (r *reality) startedWith(t terms.Terms, card stripesim.Card) billing.PlanID {
	r.t.Helper()
	made, err := r.Planner.Create(r.t.Context(), planning.Request{Terms: t})
	require.NoError(r.t, err)
	if made.Setup.ID != "" {
		_, err = r.Browser.ConfirmCardSetup(r.t.Context(), made.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &card})
		require.NoError(r.t, err)
		r.settle()
		return made.Plan.ID
	}
	_, err = r.Browser.ConfirmCardPayment(r.t.Context(), made.FirstPayment.ClientSecret.Reveal(),
		stripesim.PaymentDetails{Card: &card, SetupFutureUsage: "off_session"})
	require.NoError(r.t, err)
	r.settle()
	return made.Plan.ID
}

// declines makes the issuer decline a charge a number of times; 0 means always.
func (r *reality) declines(id billing.ChargeID, code string, times int) {
	r.t.Helper()
	require.NoError(r.t, r.Sim.AddFault(stripesim.FaultRule{
		Action: stripesim.ActionDecline, Metadata: map[string]string{billing.MetaCharge: string(id)}, DeclineCode: code, Count: times,
	}))
}

// settle receives Stripe's webhooks and does what is due, until nothing is left.
func (r *reality) settle() {
	r.t.Helper()
	for {
		r.TakeIn(r.Arrived()...)
		r.remind()
		if r.RunDue() == 0 {
			return
		}
	}
}

// remind creates the advance notices.
func (r *reality) remind() {
	q := &kept{}
	_, err := outbox.Reminders{Store: r.store, Queue: q}.Upcoming(r.t.Context(), r.Now(), upcomingDays)
	require.NoError(r.t, err)
	for _, task := range q.tasks {
		r.Do(task)
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
			r.SetNow(until)
			return
		}
		r.SetNow(time.UnixMilli(next.Int64).UTC())
	}
}
