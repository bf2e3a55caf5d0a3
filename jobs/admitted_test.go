package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
	"tranche/jobs"
)

// TestCollectCharge_WaitingForItsTurn changes the charge while a worker waits for its permit to
// call Stripe. The check that is repeated under the plan's lock keeps the charge from being made.
func TestCollectCharge_WaitingForItsTurn(t *testing.T) {
	for name, tc := range map[string]struct {
		meanwhile func(b *bench, task billing.Claim, charge, part *refuse)
		sent      int // by another worker
	}{
		"declined by another worker": {func(b *bench, task billing.Claim, _, _ *refuse) {
			require.NoError(b.t, b.NewWorker().Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease)))
		}, 1},
		"claimed again": {func(b *bench, _ billing.Claim, _, _ *refuse) {
			b.SetNow(b.Now().Add(2 * time.Minute))
			claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 1)
			require.NoError(b.t, err)
			require.Len(b.t, claims, 1)
		}, 0},
		"charges wait now": {func(_ *bench, _ billing.Claim, charge, _ *refuse) {
			charge.err = errNo
		}, 0},
		"the clock is wrong now": {func(_ *bench, _ billing.Claim, _, part *refuse) {
			part.err = errNo
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(thenNoFunds, nil)
				task := b.claimed(p)
				before := b.Gateway.Calls
				charge, part := &refuse{}, &refuse{}
				b.With(func(c *jobs.Config) { c.Charge, c.TakePart = charge.ask, part.ask })
				b.With(func(c *jobs.Config) {
					c.Acquire = func(ctx context.Context) (context.Context, func(), error) {
						tc.meanwhile(b, task, charge, part)
						return ctx, func() {}, nil
					}
				})
				err := b.Worker.Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease))
				if err != nil {
					require.ErrorIs(b.t, err, errNo, "another process is to take the task")
				}
				require.Equal(b.t, tc.sent, b.Gateway.Calls-before)
				require.Len(b.t, b.Details(p.Plan.ID).Attempts[task.ChargeID], tc.sent)
			})
		})
	}
}

// TestCollectCharge_StaleTask: a task that has nothing to do uses no permit.
func TestCollectCharge_StaleTask(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		b.With(func(c *jobs.Config) {
			c.Acquire = func(ctx context.Context) (context.Context, func(), error) {
				require.Fail(b.t, "a turn is taken")
				return ctx, func() {}, nil
			}
		})
		b.Do(collectTask(string(task.ChargeID), task.Lease-1))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(-time.Second))
		b.Do(collectTask(string(task.ChargeID), task.Lease))
	})
}

// TestNote_BeforeStripeIsCalled reports each attempt that is sent, after its commit and before the
// call to Stripe. A look-up sends nothing.
func TestNote_BeforeStripeIsCalled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		var noted []billing.AttemptID
		b.With(func(c *jobs.Config) {
			c.Note = func(_ context.Context, id billing.AttemptID) { noted = append(noted, id) }
		})
		attempts := func() []billing.Attempt { return b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID] }
		b.Gateway.Before = func() {
			require.Len(b.t, attempts(), 1)
			require.Equal(b.t, []billing.AttemptID{attempts()[0].ID}, noted)
		}
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.loseAnswer()
		b.RunDue()
		b.Arrived()
		require.Len(b.t, noted, 1)
		b.SetNow(b.Now().Add(25 * time.Hour))
		b.RunDue()
		b.paidOnce(p.Plan.ID, 2)
		require.Len(b.t, noted, 1, "it was looked up")
	})
}

// TestLookUp_PaymentOfAnotherCharge looks for a lost request among the customer's payments: the
// payment of the previous charge does not pay this one.
func TestLookUp_PaymentOfAnotherCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts, t.Total = 3, 3000 })
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 3).DueAt)
		g := b.hold()
		b.Settle()
		require.Len(b.t, g.held, 1)
		g.hold = false
		b.SetNow(b.Now().Add(30 * time.Hour)) // the request never reaches Stripe
		b.Settle()
		b.paidOnce(p.Plan.ID, 2, 3)
		attempts := b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 3).ID]
		require.Len(b.t, attempts, 2)
		require.Equal(b.t, billing.OutcomeError, attempts[0].Outcome, "no card was charged")
	})
}
