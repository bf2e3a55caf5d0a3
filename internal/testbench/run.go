package testbench

import (
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
	"tranche/internal/task"
)

// claimed is how many rows of a kind are claimed at once.
const claimed = 100

// TakeIn stores webhooks, as the ingress does.
func (b *Bench) TakeIn(bodies ...[]byte) {
	b.t.Helper()
	for _, body := range bodies {
		e, err := stripegw.ParseEvent(body)
		require.NoError(b.t, err)
		e.Status, e.ReceivedAt, e.ClaimAfter = billing.EventPending, b.Now(), b.Now()
		_, err = b.Store.InsertEvents(b.t.Context(), []billing.Event{e})
		require.NoError(b.t, err)
	}
}

// Settle stores the webhooks that arrived and runs everything that is due now, until nothing is.
func (b *Bench) Settle() {
	b.t.Helper()
	for {
		b.TakeIn(b.Arrived()...)
		if b.RunDue() == 0 {
			return
		}
	}
}

// Advance simulates days, and runs everything that falls due each half day.
func (b *Bench) Advance(days int) {
	b.t.Helper()
	for range 2 * days {
		b.SetNow(b.Now().Add(12 * time.Hour))
		b.Settle()
	}
}

// RunDue claims and runs everything that is due now, and returns the number of rows.
func (b *Bench) RunDue() int {
	b.t.Helper()
	ctx, now := b.t.Context(), b.Now()
	until := now.Add(Lease)
	events, err := b.Store.ClaimEvents(ctx, now, until, claimed)
	n := run(b, task.ForEvent, events, err)
	charges, err := b.Store.ClaimCharges(ctx, now, until, claimed)
	n += run(b, task.ForCharge, charges, err)
	dunnings, err := b.Store.ClaimDunnings(ctx, now, until, claimed)
	n += run(b, task.ForDunning, dunnings, err)
	// A notice is due at once, but its first task is in the queue, which this bench does not have.
	notices, err := b.Store.ClaimNotices(ctx, until, until, claimed)
	n += run(b, task.ForNotice, notices, err)
	now = b.Now()
	deliveries, err := b.Store.ClaimDeliveries(ctx, now, now.Add(Lease), claimed)
	return n + run(b, task.ForDelivery, deliveries, err)
}

// run runs the tasks of claimed rows, and returns their number.
func run[C any](b *Bench, taskOf func(C) billing.Task, claims []C, err error) int {
	b.t.Helper()
	require.NoError(b.t, err)
	for _, c := range claims {
		b.Do(taskOf(c))
	}
	return len(claims)
}

// Do runs one task, which must succeed.
func (b *Bench) Do(t billing.Task) {
	b.t.Helper()
	require.NoError(b.t, b.Worker.Do(b.t.Context(), t))
}
