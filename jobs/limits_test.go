package jobs_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

// guarded is the circuit breaker of a bench, which probes often, and the number of probes that it
// has let through.
type guarded struct {
	*stripegw.Breaker
	probes atomic.Int32
}

// guard puts a circuit breaker, and a limiter if there is one, between the bench's worker and
// Stripe.
func (b *bench) guard(limiter billing.Limiter) *guarded {
	b.t.Helper()
	const probe = 200 * time.Millisecond
	g := &guarded{}
	g.Breaker = stripegw.NewBreaker(stripegw.BreakerConfig{
		FirstProbe: probe, MaxProbe: probe,
		Changed: func(to stripegw.BreakerState, _ time.Duration) {
			if to == stripegw.BreakerHalfOpen {
				g.probes.Add(1)
			}
		},
	})
	gateway, err := stripegw.New(stripegw.Config{
		SecretKey: "sk_test_bench", APIBase: b.Browser.BaseURL, HTTPTimeout: 5 * time.Second, Breaker: g.Breaker, Limiter: limiter,
	})
	require.NoError(b.t, err)
	b.t.Cleanup(gateway.Close)
	b.Gateway.Gateway = gateway
	b.With(func(c *jobs.Config) { c.Acquire = gateway.Acquire })
	return g
}

// opens is how many calls without an answer open the circuit breaker.
const opens = stripegw.DefaultFailures

// requireOnlyProbesWritten requires that attempts were written only for the calls that opened the
// circuit breaker and for its probes. It returns the number of charges without an attempt.
func (b *bench) requireOnlyProbesWritten(g *guarded, all []planning.Created) (parked int) {
	b.t.Helper()
	written := 0
	for _, p := range all {
		c, attempts := b.Charge(p.Plan.ID, 2), b.attempts(p)
		require.NotEmpty(b.t, c.Reason)
		require.True(b.t, c.ClaimAfter.After(b.Now()), "it comes back by itself")
		require.LessOrEqual(b.t, len(attempts), 1)
		if written += len(attempts); len(attempts) == 0 {
			parked++
			require.Equal(b.t, billing.ChargeScheduled, c.Status)
			require.Contains(b.t, c.Reason, "Stripe is not answering")
		}
	}
	require.LessOrEqual(b.t, written, opens+int(g.probes.Load()))
	return parked
}

// plans starts several plans of two parts and moves to the time at which the second parts are due.
func (b *bench) plans(n int) []planning.Created {
	b.t.Helper()
	var all []planning.Created
	for i := range n {
		all = append(all, b.Started(good, func(t *terms.Terms) {
			t.Reference, t.Customer.Reference, t.Parts = fmt.Sprintf("order-%d", i), fmt.Sprintf("customer-%d", i), 2
		}))
	}
	b.SetNow(b.Charge(all[0].Plan.ID, 2).DueAt)
	return all
}

// attempts lists the attempts at a plan's second charge.
func (b *bench) attempts(p planning.Created) []billing.Attempt {
	b.t.Helper()
	d := b.Details(p.Plan.ID)
	return d.Attempts[d.Charges[1].ID]
}

// TestAnOutageParksChargesAndSpendsNoAttempt has an outage of Stripe while eight charges are due.
func TestAnOutageParksChargesAndSpendsNoAttempt(t *testing.T) {
	const plans = 8
	eachEngine(t, func(b *bench) {
		all := b.plans(plans)
		breaker := b.guard(nil)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionConnectionReset}))
		b.RunDue()
		b.requireOnlyProbesWritten(breaker, all)
		for range 3 { // for hours, with a probe now and then that fails too
			b.whenProbed(breaker)
			b.SetNow(b.Now().Add(time.Hour))
			b.RunDue()
			b.requireOnlyProbesWritten(breaker, all)
		}
		b.Sim.ClearFaults()
		require.Eventually(b.t, func() bool {
			b.SetNow(b.Now().Add(20 * time.Minute))
			b.RunDue()
			count, _ := b.Succeeded()
			return count == 2*plans
		}, 20*time.Second, 25*time.Millisecond)
		require.Equal(b.t, stripegw.BreakerClosed, breaker.State())
		b.Settle()
		for _, p := range all {
			require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
			require.Len(b.t, b.attempts(p), 1, "one attempt, however long the outage")
		}
	})
}

// whenProbed waits until the breaker lets a call through.
func (b *bench) whenProbed(breaker *guarded) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return breaker.State() != stripegw.BreakerOpen }, 20*time.Second, time.Millisecond)
}

func TestServerErrorsOpenTheBreakerBeforeMoreAttemptsAreWritten(t *testing.T) {
	eachEngine(t, func(b *bench) {
		all := b.plans(8)
		breaker := b.guard(nil)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Method: http.MethodPost}))
		b.RunDue()
		parked := b.requireOnlyProbesWritten(breaker, all)
		b.Sim.ClearFaults()
		b.whenProbed(breaker)
		b.SetNow(b.Now().Add(2 * time.Minute))
		b.RunDue()
		require.Equal(b.t, stripegw.BreakerClosed, breaker.State(), "that Stripe repeats old errors under their keys does not keep it open")
		done := 0
		for _, p := range all {
			if b.Charge(p.Plan.ID, 2).Status.Paid() {
				done++
			}
		}
		require.Equal(b.t, parked, done, "the parked charges are paid; the others wait until Stripe forgets its errors")
	})
}

// crowded is a limiter that never grants a permit.
type crowded struct{ asked, slowed int }

// Wait fails.
func (l *crowded) Wait(context.Context, billing.Bucket) error {
	l.asked++
	return fmt.Errorf("the turn did not come: %w", billing.ErrUnavailable)
}

// Throttled counts the reports of throttling.
func (l *crowded) Throttled(context.Context, billing.Bucket) { l.slowed++ }

func TestAChargeWhoseTurnDoesNotComeIsDeferred(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plans(1)[0]
		limiter := &crowded{}
		b.guard(limiter)
		calls := b.Gateway.Calls
		claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		b.Do(collectTask(string(claims[0].ChargeID), claims[0].Lease-1))
		require.Zero(b.t, limiter.asked, "a stale task asks for no permit")

		b.Do(collectTask(string(claims[0].ChargeID), claims[0].Lease))
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, 1, limiter.asked)
		require.Equal(b.t, calls, b.Gateway.Calls)
		require.Empty(b.t, b.attempts(p))
		require.Equal(b.t, billing.ChargeScheduled, c.Status)
		require.Contains(b.t, c.Reason, "the turn did not come")
		require.WithinRange(b.t, c.ClaimAfter, b.Now().Add(time.Minute), b.Now().Add(75*time.Second))

		ctx, cancel := context.WithCancel(b.t.Context())
		b.SetNow(c.ClaimAfter)
		claims, err = b.Store.ClaimCharges(ctx, b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		b.With(func(c *jobs.Config) {
			c.Acquire = func(ctx context.Context) (context.Context, func(), error) { cancel(); return ctx, func() {}, nil }
		})
		require.ErrorIs(b.t, b.Worker.Do(ctx, collectTask(string(claims[0].ChargeID), claims[0].Lease)), context.Canceled)
		require.Empty(b.t, b.attempts(p), "a task that is stopped while it waits writes nothing")
	})
}

// TestALockedPaymentIntentIsTriedAgainUnderTheSameKey: the customer's own payment is in flight at
// the time of a retry.
func TestALockedPaymentIntentIsTriedAgainUnderTheSameKey(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plans(1)[0]
		limiter := &free{}
		b.guard(limiter)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionLockTimeout, Method: http.MethodPost, Count: 2}))
		b.RunDue()
		first := b.attempts(p)
		require.Equal(b.t, billing.OutcomeUnknown, first[0].Outcome)
		for range 3 {
			b.SetNow(b.Now().Add(time.Minute))
			b.Settle()
		}
		require.True(b.t, b.Charge(p.Plan.ID, 2).Status.Paid())
		after := b.attempts(p)
		require.Len(b.t, after, 1)
		require.Equal(b.t, 3, after[0].SendCount)
		require.Equal(b.t, first[0].IdempotencyKey, after[0].IdempotencyKey)
		require.Zero(b.t, limiter.slowed, "a locked object is no reason to slow others down")
	})
}

// free is a limiter without a wait.
type free struct{ slowed int }

// Wait grants every permit.
func (*free) Wait(context.Context, billing.Bucket) error { return nil }

// Throttled counts the reports of throttling.
func (l *free) Throttled(context.Context, billing.Bucket) { l.slowed++ }

// crossing counts the calls in flight at the same time, and can hold them.
type crossing struct {
	billing.Gateway
	entered chan struct{}
	release chan struct{}

	mu              sync.Mutex
	now, most, made int
}

// CreatePaymentIntent counts and passes the call on.
func (g *crossing) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	g.mu.Lock()
	g.now, g.made = g.now+1, g.made+1
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	g.entered <- struct{}{}
	<-g.release
	defer func() { g.mu.Lock(); g.now--; g.mu.Unlock() }()
	return g.Gateway.CreatePaymentIntent(ctx, key, p)
}

// TestOneCallAtATimeForEachCharge runs the same task in many workers, before, during and after the
// call.
func TestOneCallAtATimeForEachCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		const workers = 8
		p := b.plans(1)[0]
		g := &crossing{Gateway: b.Gateway.Gateway, entered: make(chan struct{}, workers), release: make(chan struct{})}
		claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		run := func() error {
			config := b.WorkerConfig()
			config.Gateway = g
			return jobs.New(config).Do(b.t.Context(), collectTask(string(claims[0].ChargeID), claims[0].Lease))
		}
		ended := make(chan error, workers)
		for range workers {
			go func() { ended <- run() }()
		}
		<-g.entered
		for range workers - 1 {
			require.NoError(b.t, <-ended, "the others leave the charge alone")
		}
		require.NoError(b.t, run(), "and so does one that comes later")
		close(g.release)
		require.NoError(b.t, <-ended)
		require.NoError(b.t, run())
		require.Equal(b.t, []int{1, 1}, []int{g.most, g.made})
		require.True(b.t, b.Charge(p.Plan.ID, 2).Status.Paid())
		require.Len(b.t, b.attempts(p), 1)
	})
}

// TestAFrozenWorkersChargeIsTakenUpWhenItsLeaseEnds: the same request is sent once more, but not
// before the lease ends.
func TestAFrozenWorkersChargeIsTakenUpWhenItsLeaseEnds(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plans(1)[0]
		calls := b.Gateway.Calls
		b.Gateway.Before = func() { b.Gateway.Before = nil; panic(killed{}) }
		dying(b.t, func() { b.RunDue() })
		c := b.Charge(p.Plan.ID, 2)
		for range 3 { // the queue considers the worker dead and runs its task again
			b.SetNow(b.Now().Add(19 * time.Second))
			b.Do(collectTask(string(c.ID), c.Lease))
		}
		require.Equal(b.t, calls+1, b.Gateway.Calls)
		b.SetNow(c.ClaimAfter)
		b.Settle()
		require.Equal(b.t, calls+2, b.Gateway.Calls)
		require.True(b.t, b.Charge(p.Plan.ID, 2).Status.Paid())
		require.Len(b.t, b.attempts(p), 1)
	})
}
