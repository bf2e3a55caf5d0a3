package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

func transactionTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"an error leaves nothing":             errorLeavesNothing,
		"a panic leaves nothing":              panicLeavesNothing,
		"an update of an old version":         oldVersion,
		"an update of what does not exist":    updateOfNothing,
		"LockPlan keeps others out":           lockPlanExcludes,
		"DeletePlan":                          deletePlan,
		"DeletePlan of what reached Stripe":   deletePlanRefused,
		"a canceled context ends an update":   canceledUpdate,
		"a charge found by a replaced intent": replacedIntent,
	}
}

func errorLeavesNothing(t *testing.T, f *fixture) {
	c := f.customer()
	p, charges := f.newPlan(c.ID, 2)
	broken := errors.New("broken")
	err := f.Update(t.Context(), func(tx billing.Tx) error {
		changed := c
		changed.Name = "changed"
		require.NoError(t, tx.UpdateCustomer(t.Context(), changed))
		require.NoError(t, tx.InsertPlan(t.Context(), p, charges))
		require.NoError(t, tx.InsertAudit(t.Context(), billing.AuditEntry{At: f.now}))
		return broken
	})
	require.ErrorIs(t, err, broken)
	f.nothingOf(c, p)
}

func panicLeavesNothing(t *testing.T, f *fixture) {
	c := f.customer()
	p, charges := f.newPlan(c.ID, 2)
	require.PanicsWithValue(t, "broken", func() {
		_ = f.Update(t.Context(), func(tx billing.Tx) error {
			require.NoError(t, tx.InsertPlan(t.Context(), p, charges))
			panic("broken")
		})
	})
	f.nothingOf(c, p)
}

// nothingOf wants the customer as it was and no plan, and that the next transaction is not kept
// waiting.
func (f *fixture) nothingOf(c billing.Customer, p billing.Plan) {
	f.t.Helper()
	same(f.t, c)(f.Customer(f.t.Context(), c.ID))
	_, err := f.Plan(f.t.Context(), p.ID)
	require.ErrorIs(f.t, err, billing.ErrNotFound)
	charges, err := f.PlanCharges(f.t.Context(), p.ID)
	require.NoError(f.t, err)
	require.Empty(f.t, charges)
	entries, err := f.AuditTrail(f.t.Context(), billing.AuditFilter{})
	require.NoError(f.t, err)
	require.Empty(f.t, entries)
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, nil) })
}

func oldVersion(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	c, err := f.Customer(t.Context(), p.CustomerID)
	require.NoError(t, err)
	for what, change := range map[string]func(tx billing.Tx) error{
		"customer": func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), c) },
		"plan":     func(tx billing.Tx) error { return tx.UpdatePlan(t.Context(), p) },
		"charge":   func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), charges[0]) },
	} {
		require.NoError(t, f.Update(t.Context(), change), what)
		require.ErrorIs(t, f.Update(t.Context(), change), billing.ErrConflict, what)
	}
	read, err := f.Plan(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, p.Version+1, read.Version)
}

func updateOfNothing(t *testing.T, f *fixture) {
	p, charges := f.newPlan(f.customer().ID, 1)
	card := billing.Card{ID: "card_none", CustomerID: p.CustomerID, Status: billing.CardActive, CreatedAt: f.now, UpdatedAt: f.now}
	for what, change := range map[string]func(tx billing.Tx) error{
		"customer": func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), billing.Customer{ID: "cust_none"}) },
		"card":     func(tx billing.Tx) error { return tx.UpdateCard(t.Context(), card) },
		"plan":     func(tx billing.Tx) error { return tx.UpdatePlan(t.Context(), p) },
		"charge":   func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), charges[0]) },
		"attempt": func(tx billing.Tx) error {
			return tx.UpdateAttempt(t.Context(), f.newAttempt(charges[0].ID, 1, billing.OutcomeError))
		},
		"notice": func(tx billing.Tx) error { return tx.UpdateNotice(t.Context(), f.newNotice(charges[0], "step")) },
		"event":  func(tx billing.Tx) error { return tx.UpdateEvent(t.Context(), f.newEvents(1)[0]) },
		"lock": func(tx billing.Tx) error {
			_, err := tx.LockPlan(t.Context(), "plan_none")
			return err
		},
		"delete": func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), "plan_none") },
	} {
		require.ErrorIs(t, f.Update(t.Context(), change), billing.ErrNotFound, what)
	}
}

func lockPlanExcludes(t *testing.T, f *fixture) {
	const workers, rounds = 4, 10
	p, _ := f.plan(1)
	var g errgroup.Group
	for range workers {
		g.Go(func() error {
			for range rounds {
				err := f.Update(t.Context(), func(tx billing.Tx) error {
					p, err := tx.LockPlan(t.Context(), p.ID)
					if err != nil {
						return err
					}
					p.Total++
					return tx.UpdatePlan(t.Context(), p)
				})
				if err != nil {
					return err // a conflict would mean that the lock does not hold
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	read, err := f.Plan(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, p.Total+workers*rounds, read.Total)
}

func deletePlan(t *testing.T, f *fixture) {
	kept, keptCharges := f.plan(2)
	p, charges := f.plan(2)
	for _, list := range [][]billing.Charge{keptCharges, charges} {
		f.update(func(tx billing.Tx) error {
			plan := list[0].PlanID
			require.NoError(t, tx.InsertAttempt(t.Context(), f.newAttempt(list[0].ID, 1, billing.OutcomeError)))
			require.NoError(t, tx.InsertRequest(t.Context(), billing.Request{Key: string(plan), PlanID: plan, CreatedAt: f.now}))
			_, err := tx.InsertNotice(t.Context(), f.newNotice(list[0], "step"))
			require.NoError(t, err)
			return tx.InsertAudit(t.Context(), billing.AuditEntry{At: f.now, PlanID: plan})
		})
	}
	f.update(func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), p.ID) })
	count := func(p billing.Plan, charges []billing.Charge) (n int) {
		if _, err := f.Plan(t.Context(), p.ID); !errors.Is(err, billing.ErrNotFound) {
			n++
		}
		if _, err := f.Request(t.Context(), string(p.ID)); !errors.Is(err, billing.ErrNotFound) {
			n++
		}
		list, err := f.PlanCharges(t.Context(), p.ID)
		require.NoError(t, err)
		attempts, err := f.Attempts(t.Context(), charges[0].ID)
		require.NoError(t, err)
		notices, err := f.Notices(t.Context(), billing.NoticeFilter{Plan: p.ID})
		require.NoError(t, err)
		entries, err := f.AuditTrail(t.Context(), billing.AuditFilter{Plan: p.ID})
		require.NoError(t, err)
		return n + len(list) + len(attempts) + len(notices) + len(entries)
	}
	require.Equal(t, 0, count(p, charges))
	entries, err := f.AuditTrail(t.Context(), billing.AuditFilter{Subject: string(p.ID)})
	require.NoError(t, err)
	require.Len(t, entries, 1, "its audit entries stay")
	require.Equal(t, 7, count(kept, keptCharges), "others are left alone")
}

func deletePlanRefused(t *testing.T, f *fixture) {
	now, before := f.plan2("pi_now"), f.plan2("")
	a := f.newAttempt(before[0].ID, 1, billing.OutcomeCanceled)
	a.PaymentIntent = "pi_before" // the charge has it no more
	f.update(func(tx billing.Tx) error { return tx.InsertAttempt(t.Context(), a) })
	for _, charges := range [][]billing.Charge{now, before} {
		plan := charges[0].PlanID
		err := f.Update(t.Context(), func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), plan) })
		require.ErrorIs(t, err, billing.ErrConflict)
		same(t, charges)(f.PlanCharges(t.Context(), plan))
	}
}

// plan2 adds a plan with two charges. The first charge has the PaymentIntent.
func (f *fixture) plan2(paymentIntent string) []billing.Charge {
	f.t.Helper()
	p, charges := f.newPlan(f.customer().ID, 2)
	charges[0].PaymentIntent = paymentIntent
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, charges) })
	return charges
}

func canceledUpdate(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	p, _ := f.newPlan(f.customer().ID, 0)
	err := f.Update(ctx, func(tx billing.Tx) error {
		require.NoError(t, tx.InsertPlan(ctx, p, nil))
		cancel()
		return tx.UpdatePlan(ctx, p)
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, billing.ErrUnavailable, "it was the caller who gave up")
	_, err = f.Plan(t.Context(), p.ID)
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func replacedIntent(t *testing.T, f *fixture) {
	charges := f.plan2("pi_new")
	a := f.newAttempt(charges[0].ID, 1, billing.OutcomeCanceled)
	a.PaymentIntent = "pi_old"
	f.update(func(tx billing.Tx) error { return tx.InsertAttempt(t.Context(), a) })
	same(t, charges[0])(f.ChargeByPaymentIntent(t.Context(), "pi_new"))
	same(t, charges[0])(f.ChargeByPaymentIntent(t.Context(), "pi_old"))
}
