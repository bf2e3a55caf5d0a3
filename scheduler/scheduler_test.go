package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/store/storetest"
	"tranche/scheduler"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// taken is a queue that keeps its tasks, or fails if the test set a failure.
type taken struct {
	mu   sync.Mutex
	ids  []string
	fail error
}

// Enqueue keeps the tasks' ids.
func (q *taken) Enqueue(_ context.Context, tasks ...billing.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return q.fail
	}
	for _, t := range tasks {
		q.ids = append(q.ids, t.ID)
	}
	return nil
}

func (q *taken) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ids)
}

var tasks = scheduler.Tasks{
	Charge: func(c billing.Claim) billing.Task {
		return billing.Task{Kind: "charge", ID: fmt.Sprint(c.ChargeID, c.Lease)}
	},
	Event: func(c billing.EventClaim) billing.Task {
		return billing.Task{Kind: "event", ID: fmt.Sprint(c.EventID, c.Lease)}
	},
	Notice: func(c billing.NoticeClaim) billing.Task {
		return billing.Task{Kind: "notice", ID: fmt.Sprint(c.NoticeID, c.Lease)}
	},
	Delivery: func(c billing.DeliveryClaim) billing.Task {
		return billing.Task{Kind: "delivery", ID: fmt.Sprint(c.DeliveryID, c.Lease)}
	},
}

func newScheduler(cal billing.Calendar, q billing.Queue, at func() time.Time, batch int) *scheduler.Scheduler {
	return scheduler.New(scheduler.Config{
		Calendar: cal, Queue: q, Tasks: tasks, Clock: clock.New(time.Time{}, 0, at), Tick: time.Second, Lease: time.Minute,
		Batch: batch, Log: zerolog.Nop(),
	})
}

// owe stores n plans, each with one due charge, two later charges, an unhandled event and an unsent
// notice.
func owe(t *testing.T, s billing.Store, n int) {
	t.Helper()
	ctx := t.Context()
	customer := billing.Customer{ID: billing.NewCustomerID(now), Reference: "ada", CreatedAt: now, UpdatedAt: now}
	require.NoError(t, s.Update(ctx, func(tx billing.Tx) error { return tx.InsertCustomer(ctx, customer) }))
	events := make([]billing.Event, n)
	for i := range n {
		plan := billing.Plan{
			ID: billing.NewPlanID(now), Reference: fmt.Sprint("order-", i), CustomerID: customer.ID, Kind: billing.KindInstallments,
			Status: billing.PlanActive, Currency: "usd", Total: 300, Terms: []byte("{}"), CreatedAt: now, UpdatedAt: now,
		}
		charges := make([]billing.Charge, 3)
		for k := range charges {
			due := now.AddDate(0, k, 0)
			charges[k] = billing.Charge{
				ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: customer.ID, Sequence: k + 1, Amount: 100, Currency: "usd",
				DueAt: due, NextAttemptAt: due, ClaimAfter: due, Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
			}
		}
		notice := billing.Notice{
			ID: billing.NewNoticeID(now), Kind: billing.NoticePaymentFailed, PlanID: plan.ID, ChargeID: charges[0].ID, CustomerID: customer.ID,
			Step: "1", Channel: billing.ChannelEmail, To: "ada@example.com", Status: billing.NoticePending, ClaimAfter: now, CreatedAt: now,
		}
		require.NoError(t, s.Update(ctx, func(tx billing.Tx) error {
			if err := tx.InsertPlan(ctx, plan, charges); err != nil {
				return err
			}
			_, err := tx.InsertNotice(ctx, notice)
			return err
		}))
		events[i] = billing.Event{
			ID: fmt.Sprint("evt_", i), Type: "payment_intent.succeeded", ObjectID: "pi_1", Payload: []byte("{}"), CreatedAt: now,
			ReceivedAt: now, Status: billing.EventPending, ClaimAfter: now,
		}
	}
	_, err := s.InsertEvents(ctx, events)
	require.NoError(t, err)
}

func TestWhatIsDueIsEnqueuedOnceForALeaseAndAgainAfterIt(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		owe(t, s, 3)
		at, q := now, &taken{}
		sched := newScheduler(s, q, func() time.Time { return at }, 0)
		n, err := sched.RunOnce(t.Context())
		require.NoError(t, err)
		require.Equal(t, 9, n, "three charges, three events, three notices; the later charges wait")
		n, err = sched.RunOnce(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "leased")
		at = at.Add(time.Minute)
		n, err = sched.RunOnce(t.Context())
		require.NoError(t, err)
		require.Equal(t, 9, n, "the lease is over and the work is not done")
		require.Len(t, q.ids, 18)
		seen := map[string]bool{}
		for _, id := range q.ids {
			require.False(t, seen[id], "another lease is another task")
			seen[id] = true
		}
		require.Equal(t, at, sched.LastTick())
	})
}

func TestManySchedulersEnqueueEachRowOnce(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		owe(t, s, 40)
		q := &taken{}
		var wg sync.WaitGroup
		faults := make([]error, 4)
		for i := range faults {
			sched := newScheduler(s, q, func() time.Time { return now }, 7)
			wg.Go(func() { _, faults[i] = sched.RunOnce(t.Context()) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(faults...))
		require.Len(t, q.ids, 120)
	})
}

func TestAQueueThatIsAwayCostsALeaseAndNothingElse(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	owe(t, s, 1)
	at, q := now, &taken{fail: billing.ErrUnavailable}
	sched := newScheduler(s, q, func() time.Time { return at }, 0)
	_, err := sched.RunOnce(t.Context())
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.True(t, sched.LastTick().IsZero(), "a look that failed does not count as one")
	q.fail = nil
	at = at.Add(time.Minute)
	n, err := sched.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

func TestNoMoreChargesAreClaimedThanTheWorkersGetTo(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	owe(t, s, 3)
	q := &taken{}
	sched := newScheduler(s, q, func() time.Time { return now }, 0)
	waiting := scheduler.MaxWaiting
	sched.Waiting = func(context.Context) (int, error) { return waiting, nil }
	n, err := sched.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 6, n, "events and notices go on")
	waiting = 0
	n, err = sched.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n, "and so do charges, once there is room")
}

// TestABurstOfMessagesIsHandedOutAsItGoesOut: ten thousand tasks at once would fill the queue, and
// their leases would end there.
func TestABurstOfMessagesIsHandedOutAsItGoesOut(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	require.NoError(t, s.InsertEndpoint(t.Context(), billing.Endpoint{
		ID: billing.NewEndpointID(now), URL: "https://shop.example", Status: billing.EndpointEnabled, CreatedAt: now, UpdatedAt: now,
	}))
	entries := make([]billing.AuditEntry, 3*scheduler.MaxWaitingDeliveries)
	for i := range entries {
		entries[i] = billing.AuditEntry{At: now, Action: "charge.succeeded"}
	}
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertAudit(t.Context(), entries...) }))
	q := &taken{}
	sched := newScheduler(s, q, func() time.Time { return now }, 0)
	done := 0
	sched.WaitingDeliveries = func(context.Context) (int, error) { return q.count() - done, nil }
	for round := range 3 {
		n, err := sched.RunOnce(t.Context())
		require.NoError(t, err)
		require.Equal(t, scheduler.MaxWaitingDeliveries, n)
		n, err = sched.RunOnce(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "they wait")
		done = (round + 1) * scheduler.MaxWaitingDeliveries
	}
	n, err := sched.RunOnce(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

// months is a calendar with one charge due each day, and one day that fails.
type months struct {
	mu   sync.Mutex
	next time.Time
	bad  bool
}

// ClaimCharges claims the charge of each day that has come.
func (m *months) ClaimCharges(_ context.Context, now, _ time.Time, _ int) ([]billing.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bad {
		m.bad = false
		return nil, errors.New("the database is away")
	}
	var claims []billing.Claim
	for ; !m.next.After(now); m.next = m.next.AddDate(0, 0, 1) {
		claims = append(claims, billing.Claim{ChargeID: billing.ChargeID(m.next.Format(time.DateOnly))})
	}
	return claims, nil
}

// ClaimEvents has none.
func (*months) ClaimEvents(context.Context, time.Time, time.Time, int) ([]billing.EventClaim, error) {
	return nil, nil
}

// ClaimNotices has none.
func (*months) ClaimNotices(context.Context, time.Time, time.Time, int) ([]billing.NoticeClaim, error) {
	return nil, nil
}

// ClaimDeliveries has none.
func (*months) ClaimDeliveries(context.Context, time.Time, time.Time, int) ([]billing.DeliveryClaim, error) {
	return nil, nil
}

// ReleaseClaims has none.
func (*months) ReleaseClaims(context.Context, time.Time, time.Time) (int, error) { return 0, nil }

func TestTheLoopLivesThroughAYearAndABadDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cal, q := &months{next: start.AddDate(0, 0, 1)}, &taken{}
		sched := newScheduler(cal, q, time.Now, 0)
		sched.Tick = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { sched.Run(ctx) })
		for day := range 365 {
			cal.mu.Lock()
			cal.bad = day == 100
			cal.mu.Unlock()
			<-time.After(24 * time.Hour) // in the bubble, so no real time passes
			synctest.Wait()
		}
		require.Equal(t, 365, q.count())
		cancel()
		running.Wait()
	})
}
