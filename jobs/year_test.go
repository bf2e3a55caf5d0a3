//go:build !race

package jobs_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
	"tranche/internal/stripesim"
	"tranche/jobs"
)

// Seeds of the year: a fixed few, or those in the environment: TRANCHE_YEAR_SEEDS=100 for that many
// more, TRANCHE_YEAR_SEED=17 for only that one.
const fixedSeeds = 2

func yearSeeds(t *testing.T) (seeds []uint64) {
	t.Helper()
	if one := os.Getenv("TRANCHE_YEAR_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	count := fixedSeeds
	if more := os.Getenv("TRANCHE_YEAR_SEEDS"); more != "" {
		n, err := strconv.Atoi(more)
		require.NoError(t, err)
		count = n
	}
	for seed := range count {
		seeds = append(seeds, uint64(seed))
	}
	return seeds
}

// TestAYearOfPlansWithEverythingThatHappensToThem simulates a year of many plans in a bubble, with
// declines, outages, lost answers, lost tasks, killed workers, suspended machines, late,
// duplicated, shuffled and lost webhooks, and random changes. It checks everything after every
// step. A failing seed is the name of its test, and the failure shows the plan and its latest
// actions.
func TestAYearOfPlansWithEverythingThatHappensToThem(t *testing.T) {
	t.Parallel()
	for _, seed := range yearSeeds(t) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			_, err := emptyImage() // outside of the bubble: it is shared
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) { liveThroughAYear(t, seed, 8, 16) })
		})
	}
}

// liveThroughAYear simulates one seed's year. It begins with the given number of plans, and adds
// more up to most.
func liveThroughAYear(t *testing.T, seed uint64, plans, most int) {
	pass(time.Until(start))
	y := newYear(t, seed)
	defer y.Platform.Close() // in the bubble, whose goroutines end in it
	for n := range plans {
		y.begin(n)
	}
	steps := 0
	for end := start.AddDate(1, 0, 0); y.Now().Before(end); steps++ {
		y.sleep()
		y.Sim.ClearFaults()
		switch y.chance.IntN(10) {
		case 0, 1, 2:
			y.something()
		case 3:
			if len(y.plans) < most {
				y.begin(len(y.plans))
			}
		}
		y.work()
		y.check()
	}
	y.comeToRest()
	t.Logf("seed %d: %d steps, %d kinds of transition, %d mails, Stripe's faults: %v", seed, steps, len(y.world.seen), len(y.Mails.Mails), y.Sim.Faults())
	requireOnlyTransitions(t, y.world.seen)
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

// sleep lets time pass: usually hours, and now and then three days or a fortnight, as if the
// machine had been suspended.
func (y *year) sleep() {
	hours := 1 + y.chance.IntN(40)
	switch y.chance.IntN(60) {
	case 0:
		hours = 3 * 24
	case 1:
		hours = 14 * 24
	}
	pass(time.Duration(hours)*time.Hour + time.Duration(y.chance.IntN(3600))*time.Second)
}

// something changes a plan at random, at Stripe or by an operator.
func (y *year) something() {
	p := pick(y.chance, y.plans...)
	charges := y.Details(p.id).Charges
	s := &scene{bench: y.bench, id: p.id, charge: pick(y.chance, charges...)}
	if cards, err := y.Store.Cards(y.t.Context(), s.charge.CustomerID); err == nil && len(cards) > 0 {
		s.other = pick(y.chance, cards...).ID
	}
	var h scenario
	if list := atStripe(); y.chance.IntN(3) == 0 {
		h = pick(y.chance, list...)
	} else {
		op := pick(y.chance, operatortest.Operations()...)
		if rare := op == operator.OpRefund || op == operator.OpCancel || op == operator.OpPayAll; rare && y.chance.IntN(3) > 0 {
			op = operator.OpResume
		}
		h = scenario{name: string(op), do: func(s *scene) (string, error) { return "", s.operate(op) }}
	}
	before := y.Details(p.id)
	cannot, err := h.do(s)
	y.noted("%s charge %d of %s: %s (%s, %v)", y.Now().Format(time.DateTime), s.charge.Sequence, before.Plan.Reference, h.name, cannot, err)
	var refused *operator.RefusedError
	var invalid *billing.InvalidError
	require.True(y.t, err == nil || errors.As(err, &refused) || errors.As(err, &invalid), "%v", err)
	p.touched = p.touched || err == nil && cannot == "" && h.group == ""
	if err != nil {
		require.Equal(y.t, before.Plan, y.Details(p.id).Plan, "it was refused")
		require.Equal(y.t, before.Charges, y.Details(p.id).Charges, "it was refused")
	}
}

// noted remembers the latest actions.
func (y *year) noted(format string, args ...any) {
	y.cause = append(y.cause, fmt.Sprintf(format, args...))
	if len(y.cause) > 30 {
		y.cause = y.cause[1:]
	}
}

// work does the due work, on a bad day or a good one, in several rounds. Leases end between the
// rounds.
func (y *year) work() {
	y.lost = false
	y.badDay()
	for range 3 {
		y.round()
		pass(2 * time.Minute)
	}
	y.Sim.ClearFaults()
	y.Gateway.Before, y.Gateway.After = nil, nil
	y.badPost()
	for range 4 { // in any order, but all of it, as on a good day
		y.round()
		pass(15 * time.Minute)
	}
}

// badDay causes failures at Stripe, or of the worker.
func (y *year) badDay() {
	fault := func(action stripesim.FaultAction, probability float64, code string) {
		require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: action, Method: "POST", Path: "/v1/payment_intents*", Probability: probability, DeclineCode: code}))
		require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{
			Action: action, Method: "POST", Path: "/v1/payment_intents/*/confirm", Probability: probability, DeclineCode: code,
		}))
	}
	switch y.chance.IntN(10) {
	case 0, 1, 2, 3:
		fault(stripesim.ActionDecline, 0.7, pick(y.chance, "insufficient_funds", "insufficient_funds", "generic_decline", "expired_card", "authentication_required", "stolen_card"))
	case 4:
		fault(stripesim.ActionAnswerLost, 0.5, "")
	case 5:
		fault(pick(y.chance, stripesim.ActionServerError, stripesim.ActionServerErrorExecuted, stripesim.ActionRateLimit, stripesim.ActionConflict), 0.5, "")
	case 6:
		require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionConnectionReset}))
	case 7:
		y.Gateway.Before = func() { y.Gateway.Before = nil; panic(killed{}) }
	case 8:
		y.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			y.Gateway.After = nil
			panic(killed{})
		}
	}
}

// badPost causes failures of webhooks until the next step.
func (y *year) badPost() {
	if y.chance.IntN(3) > 0 {
		return
	}
	require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDuplicate, Probability: 0.3}))
	require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDelay, Probability: 0.3, Delay: stripesim.Duration(30 * time.Hour)}))
	require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookShuffle, Probability: 0.3, Delay: stripesim.Duration(time.Hour)}))
	require.NoError(y.t, y.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop, Probability: 0.1}))
}

// round stores the webhooks, enqueues due rows, loses, duplicates and shuffles tasks, and runs
// them.
func (y *year) round() {
	bodies := y.Arrived()
	if y.chance.IntN(4) == 0 {
		bodies = append(bodies, bodies...)
	}
	y.chance.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	y.TakeIn(bodies...)
	y.claim()
	switch y.chance.IntN(12) {
	case 0:
		y.queue, y.lost = nil, true
	case 1:
		y.queue = append(y.queue, y.queue...)
	}
	y.chance.Shuffle(len(y.queue), func(i, j int) { y.queue[i], y.queue[j] = y.queue[j], y.queue[i] })
	for len(y.queue) > 0 {
		task := y.queue[0]
		y.queue = y.queue[1:]
		y.run(task)
	}
}

// run runs a task. A worker that is killed loses the waiting tasks, and another worker replaces it.
func (y *year) run(task billing.Task) {
	defer func() {
		switch what := recover(); what {
		case nil:
		case killed{}:
			y.queue, y.lost = nil, true
			y.Worker = jobs.New(y.WorkerConfig())
		default:
			panic(what)
		}
	}()
	if err := y.Worker.Do(y.t.Context(), task); err != nil {
		require.ErrorIs(y.t, err, billing.ErrUnavailable, "%s", task.ID)
	}
}

// comeToRest fetches the events that webhooks lost, lets enough time pass, and compares both
// records.
func (y *year) comeToRest() {
	y.Sim.ClearFaults()
	pass(31 * time.Hour) // the last late webhooks
	y.backfill()
	for range 6 {
		y.round()
		pass(30 * time.Minute)
	}
	y.check()
	y.atRest()
	y.everyEntryHasAnActor()
}
