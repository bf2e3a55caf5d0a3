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
				p := b.Started(good, nil)
				task := b.claimed(p)
				stored := b.Store
				b.With(func(c *jobs.Config) {
					c.Store = &pausing{stored, func() {
						b.SetNow(b.Now().Add(time.Second))
						_, err := b.Operator().Cancel(b.t.Context(), p.Plan.ID, "stop")
						require.NoError(b.t, err)
						b.SetNow(b.Now().Add(asleep - time.Second))
					}}
				})
				b.Do(collectTask(string(task.ChargeID), task.Lease))
				count, _ := b.Succeeded()
				require.Equal(b.t, 1, count)
			})
		})
	}
}

func TestCollectCharge_SuspendedAndClockSetBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		stored := b.Store
		b.With(func(c *jobs.Config) {
			c.Store = &pausing{stored, func() {
				at := b.Now()
				b.SetNow(at.Add(10 * time.Minute))
				_, err := b.Operator().Pause(b.t.Context(), p.Plan.ID, "stop")
				require.NoError(b.t, err)
				other := b.NewWorker()
				claims, err := stored.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
				require.NoError(b.t, err)
				for _, c := range claims {
					require.NoError(b.t, other.Do(b.t.Context(), collectTask(string(c.ChargeID), c.Lease)))
				}
				b.SetNow(at.Add(-time.Minute))
			}}
		})
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		count, _ := b.Succeeded()
		require.Equal(b.t, 1, count)
	})
}

// TestCollectCharge_SuspendedInTheGateway suspends the worker while it waits for a connection.
func TestCollectCharge_SuspendedInTheGateway(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		b.Gateway.Before = func() {
			b.Gateway.Before = nil
			b.SetNow(b.Now().Add(6 * time.Second))
		}
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		count, _ := b.Succeeded()
		require.Equal(b.t, 1, count)
		require.Equal(b.t, billing.ChargeCollecting, b.Charge(p.Plan.ID, 2).Status)
		b.SetNow(b.Now().Add(2 * time.Minute))
		b.Settle()
		count, _ = b.Succeeded()
		require.Equal(b.t, 2, count, "the charge is made at the next look")
	})
}
