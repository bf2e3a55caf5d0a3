package operator_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
	"tranche/internal/store/storetest"
)

// life is a plan under random changes and payments.
type life struct {
	*rapid.T
	store    billing.Store
	now      time.Time
	plan     billing.PlanID
	card     billing.CardID
	versions int
}

// TestRandomChangesKeepTheRules runs random changes on a random plan, with payments and declines in
// between.
func TestRandomChangesKeepTheRules(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]struct {
		open  func(testing.TB) billing.Store
		steps int
	}{
		"sqlite":   {func(t testing.TB) billing.Store { return storetest.SQLite(t) }, 15},
		"postgres": {func(t testing.TB) billing.Store { return storetest.Postgres(t) }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := engine.open(t)
			rapid.Check(t, func(rt *rapid.T) {
				l := begin(rt, store)
				for range rapid.IntRange(1, engine.steps).Draw(rt, "steps") {
					l.step()
				}
			})
		})
	}
}

// begin stores a random plan whose first charge is paid.
func begin(t *rapid.T, store billing.Store) *life {
	currency := rapid.SampledFrom([]money.Currency{"usd", "eur", "jpy", "kwd", "isk", "huf"}).Draw(t, "currency")
	parts := rapid.IntRange(1, 6).Draw(t, "parts")
	customer := billing.Customer{ID: billing.NewCustomerID(now), CreatedAt: now, UpdatedAt: now, Version: 1}
	customer.Reference = string(customer.ID)
	customer.TimeZone = rapid.SampledFrom([]string{"UTC", "Europe/London", "America/New_York", "Asia/Kolkata"}).Draw(t, "zone")
	card := billing.Card{ID: billing.NewCardID(now), CustomerID: customer.ID, Status: billing.CardActive, CreatedAt: now, UpdatedAt: now}
	card.PaymentMethod = "pm_" + string(card.ID)
	plan := billing.Plan{
		ID: billing.NewPlanID(now), CustomerID: customer.ID, CardID: card.ID, Kind: billing.KindInstallments, Status: billing.PlanActive, Currency: currency,
		Terms: []byte(`{"every":"1 month"}`), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	plan.Reference = string(plan.ID)
	var charges []billing.Charge
	for i := range parts + 1 {
		due := now.AddDate(0, i, 0)
		c := billing.Charge{
			ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: customer.ID, Sequence: i + 1, Amount: 1_000_000, Currency: currency, DueAt: due,
			Status: billing.ChargeScheduled, NextAttemptAt: due, ClaimAfter: due, CreatedAt: now, UpdatedAt: now, Version: 1,
		}
		plan.Total += c.Amount
		charges = append(charges, c)
	}
	first := &charges[0]
	first.Status, first.PaymentIntent, first.PaidAt = billing.ChargeSucceeded, "pi_"+string(first.ID), now
	first.NextAttemptAt, first.ClaimAfter = time.Time{}, time.Time{}
	ctx := t.Context()
	require.NoError(t, store.Update(ctx, func(tx billing.Tx) error {
		return errors.Join(tx.InsertCustomer(ctx, customer), tx.InsertCard(ctx, card), tx.InsertPlan(ctx, plan, charges))
	}))
	return &life{T: t, store: store, now: now, plan: plan.ID, card: card.ID}
}

func (l *life) charges() []billing.Charge {
	list, err := l.store.PlanCharges(l.Context(), l.plan)
	require.NoError(l, err)
	return list
}

// step advances the clock, makes a payment, or changes the plan and checks the result.
func (l *life) step() {
	before := l.charges()
	switch rapid.IntRange(0, 3).Draw(l.T, "what") {
	case 0:
		l.now = l.now.Add(time.Duration(rapid.IntRange(1, 40*24).Draw(l.T, "hours")) * time.Hour)
	case 1:
		l.happens()
	default:
		l.changes(before)
	}
}

// happens changes a due charge as a worker would.
func (l *life) happens() {
	ctx := l.Context()
	require.NoError(l, l.store.Update(ctx, func(tx billing.Tx) error {
		plan, err := tx.LockPlan(ctx, l.plan)
		require.NoError(l, err)
		charges, err := tx.PlanCharges(ctx, l.plan)
		require.NoError(l, err)
		for i := range charges {
			c := &charges[i]
			if c.NextAttemptAt.IsZero() || c.NextAttemptAt.After(l.now) {
				continue
			}
			if c.Status.Ended() { // its PaymentIntent is canceled
				c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
				require.NoError(l, tx.UpdateCharge(ctx, *c))
				continue
			}
			if !plan.Status.Collects() {
				continue
			}
			next := billing.ChargeCollecting
			if c.Status == billing.ChargeCollecting {
				next = rapid.SampledFrom([]billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeRetrying, billing.ChargeFailed, billing.ChargeRequiresPaymentMethod}).Draw(l.T, "outcome")
				c.PaymentIntent = "pi_" + string(c.ID)
				c.AttemptCount++
			}
			at := time.Time{}
			if next == billing.ChargeCollecting || next == billing.ChargeRetrying {
				at = l.now
			}
			require.NoError(l, c.Move(next, "", at))
			require.NoError(l, tx.UpdateCharge(ctx, *c))
		}
		if next := plan.StatusAfter(charges); next != plan.Status {
			plan.Status = next
			return tx.UpdatePlan(ctx, plan)
		}
		if plan.Status == billing.PlanPastDue && rapid.IntRange(0, 4).Draw(l.T, "default") == 0 {
			plan.Status = billing.PlanDefaulted
			return tx.UpdatePlan(ctx, plan)
		}
		return nil
	}))
}

// changes tries one operation and checks the result.
func (l *life) changes(before []billing.Charge) {
	ctx, o := l.Context(), operator.New(l.store, func() time.Time { return l.now }, billing.Rules{})
	target := rapid.SampledFrom(before).Draw(l.T, "charge").ID
	due := l.now.AddDate(0, 0, rapid.IntRange(-3, 90).Draw(l.T, "days")).Format(time.DateOnly)
	amount := rapid.Int64Range(0, 5_000).Draw(l.T, "amount") * 100
	ops := slices.DeleteFunc(operatortest.Operations(), func(o operator.Operation) bool {
		return (o == operator.OpCancel || o == operator.OpRefund) && rapid.IntRange(0, 5).Draw(l.T, "end") > 0
	})
	op := rapid.SampledFrom(ops).Draw(l.T, "operation")
	result, err := operatortest.Values{
		Remaining: amount * 3, Fee: amount, Discount: amount, Amount: amount, First: amount, Parts: rapid.IntRange(1, 3).Draw(l.T, "parts"),
		Due: due, FeeDue: due, CollectDue: rapid.SampledFrom([]string{"", due}).Draw(l.T, "asked for"),
		Dates: rapid.SampledFrom([]operator.Resumption{operator.CatchUp, operator.Shift}).Draw(l.T, "how"), Resumed: operator.MissedDaily,
		Restarted: operator.MissedAll, CatchUp: rapid.SampledFrom([]billing.CatchUp{billing.CatchUpDaily, billing.CatchUpAll}).Draw(l.T, "catch_up"), Card: l.card,
	}.Make(ctx, o, op, l.plan, target)
	after := l.charges()
	if err != nil {
		var refused *operator.RefusedError
		var invalid *billing.InvalidError
		require.True(l, errors.As(err, &refused) || errors.As(err, &invalid), "%s: %v", op, err)
		require.Equal(l, before, after, "%s was refused and changed something", op)
		return
	}
	if len(result.Charges) > 0 {
		require.Equal(l, ids(after), ids(result.Charges), "%s returned other charges than it stored", op)
	}
	if op != operator.OpRetry {
		l.versioned(after)
	}
	l.holds(op, before, after)
}

func ids(charges []billing.Charge) (all []billing.ChargeID) {
	for _, c := range charges {
		all = append(all, c.ID)
	}
	return all
}

// versioned requires that the change is the plan's next version, and that the earlier versions are
// kept.
func (l *life) versioned(after []billing.Charge) {
	versions, err := billing.PlanVersions(l.Context(), l.store, l.plan)
	require.NoError(l, err)
	require.Len(l, versions, max(l.versions, 1)+1)
	l.versions = len(versions)
	last := versions[len(versions)-1]
	want, err := billing.Agreed(after)
	require.NoError(l, err)
	require.JSONEq(l, string(want), string(last.Charges))
	require.True(l, json.Valid(versions[0].Charges))
}

// holds checks the rules that hold after every change.
func (l *life) holds(op operator.Operation, before, after []billing.Charge) {
	plan, err := l.store.Plan(l.Context(), l.plan)
	require.NoError(l, err)
	require.Equal(l, billing.SumOf(after), plan.Total, "%s", op)
	var open time.Time
	for i, c := range after {
		require.Equal(l, i+1, c.Sequence, "%s", op)
		require.Empty(l, c.Currency.AmountProblem(c.Amount), "%s", op)
		if c.Dropped {
			require.Equal(l, billing.ChargeCanceled, c.Status, "%s", op)
		}
		if c.Status == billing.ChargeCanceled && c.PaymentIntent == "" {
			require.Zero(l, c.NextAttemptAt, "%s: a canceled charge is to be tried", op)
		}
		if !c.Status.Ended() {
			require.True(l, c.DueAt.After(open), "%s: charge %d falls due before the one before it", op, c.Sequence)
			open = c.DueAt
		}
	}
	for _, was := range before {
		is := after[slices.IndexFunc(after, func(c billing.Charge) bool { return c.ID == was.ID })]
		if was.Status == billing.ChargeCollecting {
			require.Equal(l, was, is, "%s changed a charge that is under way", op)
		}
		if was.Status.Ended() {
			require.Equal(l, was.Status, is.Status, "%s", op)
			require.Equal(l, was.Amount, is.Amount, "%s", op)
		}
		if was.PaymentIntent != "" || was.AttemptCount > 0 {
			require.Equal(l, was.Amount, is.Amount, "%s: Stripe has it for another amount", op)
		}
	}
}
