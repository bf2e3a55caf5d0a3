//go:build !race

package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/planning"
	"tranche/internal/store"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/internal/testbench"
	"tranche/jobs"
)

// restores is how many databases TestRestores_Random takes back in time: RESTORES, or else a few.
func restores(t *testing.T) int {
	t.Helper()
	text := os.Getenv("RESTORES")
	if text == "" {
		return 12
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// TestRestores_Random takes databases back by minutes, days and weeks, while customers pay, cards
// are replaced and payments are refunded. The simulator's own ledger decides: no charge is paid
// twice, and every due charge is made or explained.
func TestRestores_Random(t *testing.T) {
	t.Parallel()
	n := restores(t)
	c := &restoreCount{want: n, ways: map[string]int{}}
	for seed := range n {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			w := wayOf(seed)
			c.add(w.name, restoreOnce(t, w, uint64(seed)))
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			c.say(fmt.Sprintf("restores: %d databases went back in time: 0 second charges, nothing owed lost", c.done), c.summary())
		}
	})
}

// restoreCount counts the databases that went back. It prints progress if RESTORES is set.
type restoreCount struct {
	mu         sync.Mutex
	want, done int
	forgotten  int
	ways       map[string]int
}

// add counts a database that lost a number of attempts.
func (c *restoreCount) add(way string, forgotten int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	c.forgotten += forgotten
	c.ways[way]++
	if step := max(c.want/20, 1); c.done%step == 0 {
		c.say(fmt.Sprintf("restores: %d of %d, %d attempts forgotten so far", c.done, c.want, c.forgotten))
	}
}

// summary counts the ways that databases went back.
func (c *restoreCount) summary() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.ways)) {
		parts = append(parts, fmt.Sprintf("%d %s", c.ways[name], name))
	}
	return fmt.Sprintf("restores: %d attempts were forgotten; %s", c.forgotten, strings.Join(parts, ", "))
}

func (c *restoreCount) say(lines ...string) {
	if os.Getenv("RESTORES") == "" {
		return
	}
	for _, line := range lines {
		fmt.Fprintln(os.Stderr, line)
	}
}

// movedStore is a database that a failover moves to another server.
type movedStore struct {
	*store.Store
	moves int64
}

// Moves counts the failovers.
func (s *movedStore) Moves() int64 { return s.Store.Moves() + s.moves }

// pages is a witness in memory.
type pages struct{ marks []catchup.Mark }

func (p *pages) Note(_ context.Context, m catchup.Mark) error {
	p.marks = append(p.marks, m)
	if len(p.marks) > catchup.MaxMarks {
		p.marks = p.marks[1:]
	}
	return nil
}

func (p *pages) Marks(context.Context) ([]catchup.Mark, error) {
	return append([]catchup.Mark(nil), p.marks...), nil
}

func (p *pages) Forget(_ context.Context, marks ...catchup.Mark) error {
	gone := map[catchup.Mark]bool{}
	for _, m := range marks {
		gone[m] = true
	}
	var kept []catchup.Mark
	for _, m := range p.marks {
		if !gone[m] {
			kept = append(kept, m)
		}
	}
	p.marks = kept
	return nil
}

// lossy is a bench whose database goes back.
type lossy struct {
	*bench
	rng     *rand.Rand
	way     way
	past    past
	db      *movedStore
	guard   *binding.Guard
	witness catchup.Witness
	gate    *catchup.Gate
	plans   []planning.Created
	extra   int
}

// restoreOnce takes a database back once, and returns how many attempts it forgot.
func restoreOnce(t *testing.T, w way, seed uint64) (forgotten int) {
	l := &lossy{rng: rand.New(rand.NewPCG(seed, 10)), way: w, past: w.make(t)}
	s := l.past.Open()
	l.bench = newBenchOn(t, s, "")
	if l.rng.IntN(2) == 0 {
		l.witness = &pages{}
	}
	l.use(s)
	require.NoError(t, l.guard.Check(t.Context()))
	l.restart()
	l.sell()
	l.live(l.rng.IntN(45))
	l.sweep()
	l.past.Backup()
	lost := []time.Duration{3 * time.Minute, 5 * time.Hour, 30 * time.Hour, 9 * 24 * time.Hour, 25 * 24 * time.Hour, 40 * 24 * time.Hour}[l.rng.IntN(6)]
	if w.server && l.rng.IntN(3) == 0 {
		lost = 5 * time.Hour
	}
	l.lose(lost)
	l.Arrived() // webhooks that were answered are not sent again
	before := l.attempts()
	l.past.Restore()
	running := (w.server || w.failsOver && l.rng.IntN(3) == 0) && lost < 24*time.Hour
	if running {
		l.failOver()
	} else {
		l.use(l.past.Open())
		l.rebind()
	}
	t.Logf("lost %s, with %d attempts known before; the process keeps running: %t", lost, len(before), running)
	forgotten = len(before) - len(l.known(before))
	noticed := l.way.server || l.witness != nil && len(l.known(l.marked())) < len(l.marked())
	if running {
		l.catchUp()
	} else {
		l.SetNow(l.Now().Add(time.Duration(l.rng.IntN(26)) * time.Hour))
		l.restart()
	}
	l.requireNoticed(noticed, forgotten)
	l.live(75)
	l.judge()
	return forgotten
}

// use starts a process on a store.
func (l *lossy) use(s *store.Store) {
	l.Store, l.db = s, &movedStore{Store: s}
	l.Planner = planning.New(l.PlannerConfig())
	l.Worker = l.NewWorker()
	l.With(func(c *jobs.Config) { c.Log = zerolog.Nop() })
	gateway, ok := l.Gateway.Gateway.(*stripegw.Gateway)
	require.True(l.t, ok)
	l.guard = binding.New(s, gateway, clock.New(time.Time{}, 0, l.Now).WithMonotonic(l.Monotonic))
	l.With(func(c *jobs.Config) { c.Act = l.guard.Check })
	if file, ok := l.past.(interface{ Witness() catchup.Witness }); ok {
		l.witness = file.Witness()
	}
}

// failOver connects the running process to another server.
func (l *lossy) failOver() {
	if l.way.server {
		reconnected(l.t, l.db.Store)
	} else {
		l.db.moves++
	}
	held, ok := errors.AsType[*catchup.HeldError](l.gate.Check(l.t.Context()))
	require.True(l.t, ok, "charges are held")
	require.Contains(l.t, held.Why, "another server")
}

// rebind does what `tranche bind --yes` does if the database is in another place.
func (l *lossy) rebind() {
	ctx := l.t.Context()
	_, moved := l.past.(*movedFile)
	_, refused := errors.AsType[*binding.MismatchError](l.guard.Check(ctx))
	require.Equal(l.t, moved, refused, "only a file in another place is refused")
	if !moved {
		return
	}
	calls := l.Gateway.Calls
	l.RunDue()
	require.Equal(l.t, calls, l.Gateway.Calls, "nothing is charged before the database is bound")
	held, _, err := l.guard.State(ctx)
	require.NoError(l.t, err)
	require.NoError(l.t, catchup.CompareAfterBind(ctx, l.db, held))
	require.NoError(l.t, l.guard.Rebind(ctx))
	l.SetNow(l.Now().Add(2 * time.Minute)) // claimed rows come back when their leases end
}

// attempts lists all attempts in the database.
func (l *lossy) attempts() (ids []billing.AttemptID) {
	for _, p := range l.plans {
		for _, all := range l.Details(p.Plan.ID).Attempts {
			for _, a := range all {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}

// marked lists the attempts that the witness knows.
func (l *lossy) marked() []billing.AttemptID {
	marks, err := l.witness.Marks(l.t.Context())
	require.NoError(l.t, err)
	ids := make([]billing.AttemptID, len(marks))
	for i, m := range marks {
		ids[i] = m.Attempt
	}
	return ids
}

// known returns the given attempts that are still in the database.
func (l *lossy) known(ids []billing.AttemptID) []billing.AttemptID {
	found, err := l.db.KnownAttempts(l.t.Context(), ids...)
	require.NoError(l.t, err)
	return found
}

// requireNoticed requires that the loss is recorded, and that the database has caught up.
func (l *lossy) requireNoticed(noticed bool, forgotten int) {
	l.t.Helper()
	rewinds, err := l.db.Rewinds(l.t.Context())
	require.NoError(l.t, err)
	if noticed {
		require.NotEmpty(l.t, rewinds)
	}
	for _, r := range rewinds {
		require.NotZero(l.t, r.CaughtUpAt)
	}
	if l.way.exact {
		require.Zero(l.t, forgotten, "a synchronous standby has every commit")
	} else if l.way.server {
		require.NotZero(l.t, forgotten, "the loss is behind a charge")
	}
}

// restart ends the worker and starts another, whose gate is closed.
func (l *lossy) restart() {
	clk := clock.New(time.Time{}, 0, l.Now)
	gateway, ok := l.Gateway.Gateway.(*stripegw.Gateway)
	require.True(l.t, ok)
	l.gate = catchup.New(catchup.Config{
		Store: l.db, Record: stripegw.NewRecord(gateway, 0), Types: stripeevents.Types(), Witness: l.witness, Clock: clk, Log: zerolog.Nop(),
		Pause: func(ctx context.Context) error { l.RunDue(); return ctx.Err() },
	})
	l.With(func(c *jobs.Config) { c.Charge, c.Doubt, c.Note = l.gate.Check, l.gate.Doubt, l.gate.Note })
	if l.rng.IntN(2) == 0 { // charges are due before the gate has opened
		calls := l.Gateway.Calls
		l.RunDue()
		require.Equal(l.t, calls, l.Gateway.Calls, "nothing is charged before Stripe's record is caught up")
	}
	l.catchUp()
}

func (l *lossy) catchUp() {
	l.t.Helper()
	require.NoError(l.t, l.gate.CatchUp(l.t.Context()))
	require.NoError(l.t, l.gate.Check(l.t.Context()))
}

// sweep moves the cursor of the sweep, as its periodic job does every 15 minutes.
func (l *lossy) sweep() {
	l.Settle()
	ctx, now := l.t.Context(), l.Now()
	c, ok, err := l.Store.(*store.Store).ClaimPeriodicJob(ctx, catchup.SweepJob, now, now, now)
	require.NoError(l.t, err)
	if ok {
		require.NoError(l.t, l.Store.(*store.Store).FinishPeriodicJob(ctx, c, now, now))
	}
}

// sell creates plans with every kind of card.
func (l *lossy) sell() {
	cards := []string{good, good, thenNoFunds, otherCard}
	for i := range 2 + l.rng.IntN(2) {
		p := l.Started(cards[l.rng.IntN(len(cards))], func(t *terms.Terms) {
			t.Reference, t.Customer.Reference = fmt.Sprintf("order-%d", i), fmt.Sprintf("customer-%d", i)
			if l.rng.IntN(3) == 0 {
				*t = terms.Terms{Reference: t.Reference, Kind: billing.KindRecurring, Currency: "usd", Amount: 2500, Every: "1 week", Parts: 8, Customer: t.Customer}
			}
		})
		l.plans = append(l.plans, p)
	}
}

// live simulates days.
func (l *lossy) live(days int) {
	for range days {
		l.pass(24 * time.Hour)
		l.sweep()
	}
}

// pass lets time pass, and runs everything that falls due in it at its time.
func (l *lossy) pass(d time.Duration) {
	until := l.Now().Add(d)
	for next := l.nextDue(); !next.IsZero() && next.Before(until); next = l.nextDue() {
		l.SetNow(next)
		l.Settle()
	}
	l.SetNow(until)
	l.Settle()
}

// lose simulates the time that the database will lose, with random actions.
func (l *lossy) lose(lost time.Duration) {
	until := l.Now().Add(lost)
	for l.Now().Before(until) {
		step := min(lost, 12*time.Hour)
		l.pass(step)
		if l.rng.IntN(3) == 0 {
			l.something()
		}
		l.Settle()
		if l.rng.IntN(2) == 0 {
			l.sweep()
		}
	}
	if l.rng.IntN(2) == 0 || l.way.server {
		l.untilCharged()
	}
}

// untilCharged lets time pass until a charge is made, so that the loss follows it directly.
func (l *lossy) untilCharged() {
	calls := l.Gateway.Calls
	for next := l.nextDue(); l.Gateway.Calls == calls && !next.IsZero(); next = l.nextDue() {
		l.SetNow(next)
		l.RunDue()
	}
}

// nextDue returns when the next charge of all plans falls due; zero if none does.
func (l *lossy) nextDue() time.Time {
	var next time.Time
	for _, p := range l.plans {
		for _, c := range l.Details(p.Plan.ID).Charges {
			if at := c.NextAttemptAt; at.After(l.Now()) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// something runs a random action of a customer or the merchant.
func (l *lossy) something() {
	d := l.Details(l.plans[l.rng.IntN(len(l.plans))].Plan.ID)
	if !d.Plan.Status.Collects() {
		return
	}
	c := d.Charges[l.rng.IntN(len(d.Charges))]
	l.extra++
	switch l.rng.IntN(4) {
	case 0:
		l.payAhead(c)
	case 1:
		l.newCard(d.Plan.ID, otherCard)
	case 2:
		if c.PaymentIntent != "" && !c.Status.Ended() && c.Sequence > 1 {
			l.replace(c)
		}
	case 3:
		if c.Status == billing.ChargeSucceeded && c.Sequence > 1 && l.rng.IntN(4) == 0 {
			l.post("/v1/refunds", "payment_intent", c.PaymentIntent)
		}
	}
}

// payAhead pays a charge that has no PaymentIntent, as the recovery page does.
func (l *lossy) payAhead(c billing.Charge) {
	if c.PaymentIntent != "" || c.Status.Ended() {
		return
	}
	l.payNew(c)
}

// replace creates another PaymentIntent for a charge and has the customer pay it, as the worker and
// the page do together.
func (l *lossy) replace(c billing.Charge) {
	ctx := l.t.Context()
	d, err := l.Store.Dunning(ctx, c.ID)
	if err != nil {
		return // the charge never failed
	}
	d.Replacing = c.PaymentIntent
	require.NoError(l.t, l.Store.Update(ctx, func(tx billing.Tx) error { return tx.UpdateDunning(ctx, d) }))
	_, err = l.Gateway.CancelPaymentIntent(ctx, "replace-"+c.PaymentIntent, c.PaymentIntent)
	require.NoError(l.t, err)
	l.TakeIn(l.Arrived()...)
	l.RunDue()
	if fresh := l.Charge(c.PlanID, c.Sequence); fresh.PaymentIntent == "" {
		l.payNew(fresh)
	}
}

func (l *lossy) payNew(c billing.Charge) {
	made := billing.AttemptIDFor(c.ID, c.AttemptCount+1, billing.InitiatorCustomer)
	pi, err := l.Gateway.CreatePaymentIntent(l.t.Context(), string(made), billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: l.StripeCustomer(c.PlanID), Metadata: c.Metadata("order", made),
	})
	require.NoError(l.t, err)
	require.NoError(l.t, l.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
}

// heardOf lists the events about a charge's payments.
func (l *lossy) heardOf(c billing.Charge) string {
	out := ""
	events, err := l.Store.Events(l.t.Context(), billing.EventFilter{})
	require.NoError(l.t, err)
	for _, pi := range l.Intents() {
		if pi.Metadata[billing.MetaCharge] != string(c.ID) {
			continue
		}
		out += fmt.Sprintf("%s %s\n", pi.ID, pi.Status)
		for _, e := range events {
			if e.ObjectID == pi.ID {
				out += fmt.Sprintf("  %s %s received %s: %s %s\n", e.ID, e.Type, e.ReceivedAt, e.Status, e.Reason)
			}
		}
	}
	return out
}

// judge compares the simulator's ledger with the plans' charges.
func (l *lossy) judge() {
	l.t.Helper()
	paid := map[billing.ChargeID]int64{}
	for _, raw := range l.Sim.PaymentIntents() {
		var pi testbench.Intent
		require.NoError(l.t, json.Unmarshal(raw, &pi))
		if pi.Status != "succeeded" {
			continue
		}
		c := billing.ChargeID(pi.Metadata[billing.MetaCharge])
		require.Zero(l.t, paid[c], "charge %s is paid twice", c)
		paid[c] = pi.AmountReceived
	}
	for _, p := range l.plans {
		d := l.Details(p.Plan.ID)
		for _, c := range d.Charges {
			got := paid[c.ID]
			delete(paid, c.ID)
			name := fmt.Sprintf("plan %s charge %d (%s): %s %q", d.Plan.Status, c.Sequence, c.ID, c.Status, c.Reason)
			switch {
			case c.Status.Settled() || c.Status == billing.ChargeRefunded:
				require.Equal(l.t, c.Amount, got, name)
			case got > 0:
				require.Fail(l.t, "paid at Stripe and not here", "%s\n%s", name, l.heardOf(c))
			case c.Status == billing.ChargeCanceled:
				require.Fail(l.t, "owed and canceled", name)
			case !c.NextAttemptAt.IsZero() && c.NextAttemptAt.Before(l.Now().Add(-2*24*time.Hour)) && d.Plan.Status.Collects():
				require.Fail(l.t, "overdue", name)
			case c.Status == billing.ChargeScheduled && c.DueAt.Before(l.Now().Add(-2*24*time.Hour)) && d.Plan.Status.Collects():
				require.Fail(l.t, "due and never tried", name)
			}
		}
	}
	require.Empty(l.t, paid, "payments of charges that the database does not know")
	failed, err := l.Store.Events(l.t.Context(), billing.EventFilter{Status: billing.EventFailed})
	require.NoError(l.t, err)
	for _, e := range failed {
		require.Fail(l.t, "event can't be handled", "%s %s: %s", e.Type, e.ObjectID, e.Reason)
	}
}
