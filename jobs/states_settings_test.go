//go:build !race

package jobs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/sqlite"
)

// setting is a way to bring a plan into a state by production code. Its second charge of three,
// three months apart, is the one under test. While the first payment is open, it is the first
// charge.
type setting struct {
	plan   billing.PlanStatus
	charge billing.ChargeStatus
	put    func(b *bench) billing.PlanID
}

// chargeSettings has a setting for each status of a charge, in the order that a charge reaches
// them.
func chargeSettings() []setting {
	return []setting{
		{billing.PlanActive, billing.ChargeScheduled, func(b *bench) billing.PlanID { return b.putStarted() }},
		{billing.PlanActive, billing.ChargeCollecting, putCollecting},
		{billing.PlanPastDue, billing.ChargeRetrying, func(b *bench) billing.PlanID { return b.putDeclined("insufficient_funds") }},
		{billing.PlanPastDue, billing.ChargeRequiresAction, func(b *bench) billing.PlanID { return b.putDeclined("authentication_required") }},
		{billing.PlanPastDue, billing.ChargeRequiresPaymentMethod, func(b *bench) billing.PlanID { return b.putDeclined("expired_card") }},
		{billing.PlanPastDue, billing.ChargeFailed, func(b *bench) billing.PlanID {
			b.policies("[policy.default]\nat_end = \"keep\"")
			return b.putGivenUp()
		}},
		{billing.PlanActive, billing.ChargeSucceeded, func(b *bench) billing.PlanID { return b.putPaid() }},
		{billing.PlanActive, billing.ChargeCanceled, func(b *bench) billing.PlanID {
			id := b.putDeclined("expired_card")
			_, err := b.Operator().WriteOff(b.t.Context(), b.Charge(id, 2).ID, "")
			require.NoError(b.t, err)
			b.Settle()
			return id
		}},
		{billing.PlanPaused, billing.ChargeRefunded, func(b *bench) billing.PlanID {
			id := b.putPaid()
			b.post("/v1/refunds", "payment_intent", b.Charge(id, 2).PaymentIntent)
			b.hearAll()
			return id
		}},
		{billing.PlanPaused, billing.ChargeDisputed, func(b *bench) billing.PlanID {
			id := b.putPaid()
			_, err := b.Sim.Dispute(b.Charge(id, 2).PaymentIntent, "fraudulent")
			require.NoError(b.t, err)
			b.hearAll()
			return id
		}},
	}
}

// planSettings has a setting for each status of a plan.
func planSettings() []setting {
	return []setting{
		{billing.PlanAwaitingFirstPayment, billing.ChargeRequiresPaymentMethod, func(b *bench) billing.PlanID { return b.Plan(quarterly).Plan.ID }},
		{billing.PlanActive, billing.ChargeScheduled, func(b *bench) billing.PlanID { return b.putStarted() }},
		{billing.PlanPastDue, billing.ChargeRetrying, func(b *bench) billing.PlanID { return b.putDeclined("insufficient_funds") }},
		{billing.PlanPaused, billing.ChargeRetrying, func(b *bench) billing.PlanID {
			id := b.putDeclined("insufficient_funds")
			_, err := b.Operator().Pause(b.t.Context(), id, "")
			require.NoError(b.t, err)
			return id
		}},
		{billing.PlanDefaulted, billing.ChargeFailed, func(b *bench) billing.PlanID { return b.putGivenUp() }},
		{billing.PlanCompleted, billing.ChargeSucceeded, func(b *bench) billing.PlanID {
			id := b.putPaid()
			b.SetNow(b.Charge(id, 3).DueAt)
			b.Settle()
			return id
		}},
		{billing.PlanCanceled, billing.ChargeCanceled, func(b *bench) billing.PlanID {
			id := b.putDeclined("expired_card")
			_, err := b.Operator().Cancel(b.t.Context(), id, "")
			require.NoError(b.t, err)
			b.Settle()
			return id
		}},
	}
}

func (b *bench) putStarted() billing.PlanID { return b.Started(good, quarterly).Plan.ID }

func (b *bench) putPaid() billing.PlanID {
	id := b.putStarted()
	b.SetNow(b.Charge(id, 2).DueAt)
	b.Settle()
	return id
}

// putDeclined is a plan whose card was declined once, and is good after that.
func (b *bench) putDeclined(code string) billing.PlanID {
	id := b.startedWith(declinesLater(code, "sim_decline_count", "1"), quarterly)
	b.SetNow(b.Charge(id, 2).DueAt)
	b.Settle()
	return id
}

func (b *bench) putGivenUp() billing.PlanID {
	id := b.putDeclined("expired_card")
	b.untilGivenUp(b.Charge(id, 2))
	return id
}

// putCollecting is a plan whose charge was paid at Stripe while the answer and the webhooks were
// lost.
func putCollecting(b *bench) billing.PlanID {
	id := b.putStarted()
	b.SetNow(b.Charge(id, 2).DueAt)
	b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
		return billing.PaymentIntent{}, errors.New("the answer was lost")
	}
	b.RunDue()
	b.Gateway.After = nil
	b.Arrived()
	return id
}

// subject returns the charge of a setting that is under test.
func (s setting) subject(b *bench, id billing.PlanID) billing.Charge {
	if s.plan == billing.PlanAwaitingFirstPayment {
		return b.Charge(id, 1)
	}
	return b.Charge(id, 2)
}

// emptyImage is an empty database with the schema, made once.
var emptyImage = sync.OnceValues(func() ([]byte, error) {
	s, err := sqlite.NewScratch(context.Background())
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	return s.Image(context.Background())
})

// scratch is an empty store in memory, for tests that need hundreds of them.
func scratch(t testing.TB) *sqlite.Scratch {
	t.Helper()
	image, err := emptyImage()
	require.NoError(t, err)
	s, err := sqlite.ScratchOf(t.Context(), image)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// step is one recorded change of a status.
type step struct{ of, from, to string }

// witness is a store that records every change of a status.
type witness struct {
	*sqlite.Scratch
	mu   *sync.Mutex
	seen map[step]bool
}

func (w witness) saw(of, from, to string) {
	if from != to {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[step{of, from, to}] = true
	}
}

// Update runs a transaction whose changes of a status are recorded.
func (w witness) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return w.Scratch.Update(ctx, func(tx billing.Tx) error { return fn(witnessTx{tx, w}) })
}

type witnessTx struct {
	billing.Tx
	w witness
}

// UpdateCharge records the change.
func (t witnessTx) UpdateCharge(ctx context.Context, c billing.Charge) error {
	before, err := t.Charge(ctx, c.ID)
	if err == nil {
		t.w.saw("charge", string(before.Status), string(c.Status))
	}
	return t.Tx.UpdateCharge(ctx, c)
}

// UpdatePlan records the change.
func (t witnessTx) UpdatePlan(ctx context.Context, p billing.Plan) error {
	before, err := t.Plan(ctx, p.ID)
	if err == nil {
		t.w.saw("plan", string(before.Status), string(p.Status))
	}
	return t.Tx.UpdatePlan(ctx, p)
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
