package contract_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
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
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/jobs"
)

// The five cards of the guide.
const (
	cardGood        = "4242424242424242"
	cardAuthOnce    = "4000002500003155"
	cardAuthAlways  = "4000002760003184"
	cardThenNoFunds = "4000008260003178"
	cardNeverFunds  = "4000000000009995"
)

// wallClock is a clock that the test sets.
type wallClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *wallClock { return &wallClock{now: time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)} }

// Now returns the time.
func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// set sets the time, which never goes back.
func (c *wallClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.now) {
		c.now = at
	}
}

// shop is the real code with a real store and any server that claims to be Stripe. It runs tasks
// directly that the scheduler would claim.
type shop struct {
	t       *testing.T
	clock   *wallClock
	store   billing.Store
	gateway *stripegw.Gateway
	planner *planning.Planner
	worker  *jobs.Worker
	arrived func() [][]byte // takes the webhooks that were sent since it was asked last
	plans   []billing.PlanID
	turns   int // how often something was due
}

func openShop(t *testing.T, stripe http.Handler, wall *wallClock, arrived func() [][]byte) *shop {
	t.Helper()
	server := httptest.NewServer(stripe)
	t.Cleanup(server.Close)
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_123", APIBase: server.URL, HTTPTimeout: 10 * time.Second})
	require.NoError(t, err)
	s := &shop{t: t, clock: wall, store: storetest.SQLite(t), gateway: gateway, arrived: arrived}
	morning := calendar.LocalTime{Hour: 9}
	s.planner = planning.New(planning.Config{Store: s.store, Gateway: gateway, Now: wall.Now, Rules: billing.Rules{ChargeTime: morning}})
	s.worker = jobs.New(jobs.Config{
		Store: s.store, Gateway: gateway, Queue: lost{}, Mailer: kept{}, Planner: s.planner, Rules: billing.Rules{ChargeTime: morning},
		Policies: dunning.DefaultPolicies(morning), Merchant: notify.Merchant{Name: "Example Shop"}, MessageDomain: "shop.example",
		Clock: clock.New(time.Time{}, 0, wall.Now), Lease: time.Minute, Log: zerolog.Nop(),
	})
	return s
}

// twoParts returns terms of two parts, a month apart.
func twoParts(reference, customer string) terms.Terms {
	return terms.Terms{
		Reference: reference, Kind: billing.KindInstallments, Currency: "usd", Total: 100003, Parts: 2, Every: "1 month",
		Customer: terms.Customer{Reference: customer, Email: "ada@example.com", Name: "Ada", TimeZone: "Europe/London"},
	}
}

// plan makes a plan for a customer of its own.
func (s *shop) plan(reference string) planning.Created {
	s.t.Helper()
	return s.planFor(reference, "cust-"+reference)
}

func (s *shop) planFor(reference, customer string) planning.Created {
	s.t.Helper()
	return s.create(twoParts(reference, customer))
}

func (s *shop) create(t terms.Terms) planning.Created {
	s.t.Helper()
	created, err := s.planner.Create(s.t.Context(), planning.Request{Terms: t})
	require.NoError(s.t, err)
	s.plans = append(s.plans, created.Plan.ID)
	return created
}

// takeIn stores the webhooks that arrived, as the ingress does.
func (s *shop) takeIn() {
	s.t.Helper()
	for _, body := range s.arrived() {
		e, err := stripegw.ParseEvent(body)
		require.NoError(s.t, err)
		e.Status, e.ReceivedAt, e.ClaimAfter = billing.EventPending, s.clock.Now(), s.clock.Now()
		_, err = s.store.InsertEvents(s.t.Context(), []billing.Event{e})
		require.NoError(s.t, err)
	}
}

// maxTurns is far more than any plan here needs: a shop that reaches it repeats itself endlessly.
const maxTurns = 600

// settle runs what is due now until nothing is due.
func (s *shop) settle() {
	s.t.Helper()
	for {
		s.takeIn()
		if s.runDue() == 0 {
			return
		}
		s.turns++
		require.Less(s.t, s.turns, maxTurns, "it repeats itself endlessly")
	}
}

func (s *shop) runDue() int {
	s.t.Helper()
	ctx, now := s.t.Context(), s.clock.Now()
	until := now.Add(time.Minute)
	events, err := s.store.ClaimEvents(ctx, now, until, 100)
	require.NoError(s.t, err)
	for _, c := range events {
		require.NoError(s.t, s.worker.Do(ctx, task.ForEvent(c)))
	}
	charges, err := s.store.ClaimCharges(ctx, now, until, 100)
	require.NoError(s.t, err)
	for _, c := range charges {
		require.NoError(s.t, s.worker.Do(ctx, task.ForCharge(c)))
	}
	return len(events) + len(charges)
}

// live advances the clock from one due time to the next for a number of days.
func (s *shop) live(days int) {
	s.t.Helper()
	end := s.clock.Now().AddDate(0, 0, days)
	for {
		s.settle()
		next := s.nextDue()
		if next.IsZero() || next.After(end) {
			s.clock.set(end)
			s.settle()
			return
		}
		s.clock.set(next)
	}
}

// nextDue returns when the scheduler would next find a due row; zero for never.
func (s *shop) nextDue() time.Time {
	s.t.Helper()
	var times []time.Time
	charges, err := s.store.PlanCharges(s.t.Context(), s.plans...)
	require.NoError(s.t, err)
	for _, c := range charges {
		times = append(times, c.ClaimAfter)
	}
	events, err := s.store.Events(s.t.Context(), billing.EventFilter{Status: billing.EventPending})
	require.NoError(s.t, err)
	for _, e := range events {
		times = append(times, e.ClaimAfter)
	}
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(times, time.Time.Compare)
}

func (s *shop) details(id billing.PlanID) billing.Details {
	s.t.Helper()
	d, err := billing.LoadDetails(s.t.Context(), s.store, id)
	require.NoError(s.t, err)
	return d
}

// statuses returns the statuses of the plan's charges, and the plan's.
func (s *shop) statuses(id billing.PlanID) []string {
	s.t.Helper()
	d := s.details(id)
	all := []string{}
	for _, c := range d.Charges {
		all = append(all, string(c.Status))
	}
	return append(all, string(d.Plan.Status))
}

// lost is a queue that loses every task.
type lost struct{}

// Enqueue drops the tasks.
func (lost) Enqueue(context.Context, ...billing.Task) error { return nil }

// kept is a mail server that accepts every mail.
type kept struct{}

// Send keeps the mail.
func (kept) Send(context.Context, billing.Mail) (billing.Delivery, error) {
	return billing.Delivery{Kept: true}, nil
}
