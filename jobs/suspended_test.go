package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/jobs"
)

// pausing runs a function after the transaction that writes an attempt.
type pausing struct {
	billing.Store
	after func()
}

// Update runs the function once.
func (s *pausing) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if do := s.after; do != nil {
		s.after = nil
		do()
	}
	return err
}

func TestCollectCharge_SuspendedAndCanceled(t *testing.T) {
	for _, asleep := range []time.Duration{5 * time.Second, 59 * time.Second, 61 * time.Second} {
		t.Run(asleep.String(), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.started(good, nil)
				task := b.claimed(p)
				stored := b.store
				b.with(func(c *jobs.Config) {
					c.Store = &pausing{stored, func() {
						b.setNow(b.Now().Add(time.Second))
						_, err := b.operator().Cancel(b.t.Context(), p.Plan.ID, "stop")
						require.NoError(b.t, err)
						b.setNow(b.Now().Add(asleep - time.Second))
					}}
				})
				require.NoError(b.t, b.worker.Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease)))
				count, _ := b.succeededAtStripe()
				require.Equal(b.t, 1, count)
			})
		})
	}
}

func TestCollectCharge_SuspendedAndClockSetBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		task := b.claimed(p)
		stored := b.store
		b.with(func(c *jobs.Config) {
			c.Store = &pausing{stored, func() {
				at := b.Now()
				b.setNow(at.Add(10 * time.Minute))
				_, err := b.operator().Pause(b.t.Context(), p.Plan.ID, "stop")
				require.NoError(b.t, err)
				other := b.newWorker()
				claims, err := stored.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
				require.NoError(b.t, err)
				for _, c := range claims {
					require.NoError(b.t, other.Do(b.t.Context(), collectTask(string(c.ChargeID), c.Lease)))
				}
				b.setNow(at.Add(-time.Minute))
			}}
		})
		require.NoError(b.t, b.worker.Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease)))
		count, _ := b.succeededAtStripe()
		require.Equal(b.t, 1, count)
	})
}

// TestCollectCharge_SuspendedInTheGateway suspends the worker while it waits for a connection.
func TestCollectCharge_SuspendedInTheGateway(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		task := b.claimed(p)
		b.gateway.before = func() {
			b.gateway.before = nil
			b.setNow(b.Now().Add(6 * time.Second))
		}
		require.NoError(b.t, b.worker.Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease)))
		count, _ := b.succeededAtStripe()
		require.Equal(b.t, 1, count)
		require.Equal(b.t, billing.ChargeCollecting, b.charge(p.Plan.ID, 2).Status)
		b.setNow(b.Now().Add(2 * time.Minute))
		b.settle()
		count, _ = b.succeededAtStripe()
		require.Equal(b.t, 2, count, "the charge is made at the next look")
	})
}
