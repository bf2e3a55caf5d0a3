package operator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// newOperator returns an operator that makes changes at now, without rules.
func newOperator(s operator.Store) *operator.Operator {
	return operator.New(s, func() time.Time { return now }, billing.Rules{})
}

// story is a plan with a card and one charge, as changed by a test.
type story struct {
	plan    billing.Plan
	charge  billing.Charge
	card    billing.CardStatus
	attempt billing.Outcome // of an attempt; none when empty
}

func stored(t *testing.T, s billing.Store, change func(*story)) billing.Charge {
	t.Helper()
	customer := billing.Customer{ID: billing.NewCustomerID(now), CreatedAt: now, UpdatedAt: now, Version: 1}
	customer.Reference = string(customer.ID)
	card := billing.Card{ID: billing.NewCardID(now), CustomerID: customer.ID, Brand: "visa", Last4: "4242", CreatedAt: now, UpdatedAt: now}
	card.PaymentMethod = "pm_" + string(card.ID)
	due := now.Add(-time.Hour)
	st := story{
		card: billing.CardActive,
		plan: billing.Plan{
			ID: billing.NewPlanID(now), CustomerID: customer.ID, CardID: card.ID, Kind: billing.KindInstallments, Status: billing.PlanPastDue,
			Currency: "usd", Total: 100, Terms: []byte("{}"), CreatedAt: now, UpdatedAt: now, Version: 1,
		},
		charge: billing.Charge{
			ID: billing.NewChargeID(now), CustomerID: customer.ID, Sequence: 1, Amount: 100, Currency: "usd", DueAt: due,
			Status: billing.ChargeFailed, Reason: "declined 5 times", CreatedAt: now, UpdatedAt: now, Version: 1,
		},
	}
	st.plan.Reference, st.charge.PlanID = string(st.plan.ID), st.plan.ID
	change(&st)
	card.Status = st.card
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(t.Context(), customer))
		require.NoError(t, tx.InsertCard(t.Context(), card))
		require.NoError(t, tx.InsertPlan(t.Context(), st.plan, []billing.Charge{st.charge}))
		if st.attempt == "" {
			return nil
		}
		return tx.InsertAttempt(t.Context(), billing.Attempt{
			ID: billing.AttemptIDFor(st.charge.ID, 1, billing.InitiatorMerchant), ChargeID: st.charge.ID, Number: 1, Initiator: billing.InitiatorMerchant, Outcome: st.attempt, CreatedAt: now,
		})
	}))
	return st.charge
}

func TestWhatWaitsIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for _, status := range []billing.ChargeStatus{
			billing.ChargeFailed, billing.ChargeRequiresAction, billing.ChargeRequiresPaymentMethod, billing.ChargeRetrying, billing.ChargeScheduled,
		} {
			before := stored(t, s, func(st *story) { st.charge.Status, st.attempt = status, billing.OutcomeDeclined })
			_, err := newOperator(s).With(operator.Options{DryRun: true}).Retry(t.Context(), before.ID)
			require.NoError(t, err)
			unchanged, err := s.Charge(t.Context(), before.ID)
			require.NoError(t, err)
			require.Equal(t, before, unchanged)

			_, err = newOperator(s).Retry(billing.ActingAs(t.Context(), billing.Party{Actor: "cli:ada@ops1"}), before.ID)
			require.NoError(t, err, status)
			after, err := s.Charge(t.Context(), before.ID)
			require.NoError(t, err)
			require.Equal(t, now, after.NextAttemptAt)
			require.Equal(t, now, after.ClaimAfter)
			require.Equal(t, status == billing.ChargeScheduled, after.Status == billing.ChargeScheduled)
			claims, err := s.ClaimCharges(t.Context(), now, now.Add(time.Minute), 10)
			require.NoError(t, err)
			require.Len(t, claims, 1, "the scheduler finds it")
			trail, err := s.AuditTrail(t.Context(), billing.AuditFilter{Plan: before.PlanID})
			require.NoError(t, err)
			require.NotEmpty(t, trail)
			first := trail[0] // the plan's status may follow
			require.Equal(t, "charge.retry_requested", first.Action)
			require.Equal(t, billing.Actor("cli:ada@ops1"), first.Actor)
			require.Contains(t, first.Message, string(status))
		}
	})
}

func TestWhatMustNotBeTriedIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	for why, change := range map[string]func(*story){
		"it is succeeded":                        func(st *story) { st.charge.Status = billing.ChargeSucceeded },
		"it is canceled":                         func(st *story) { st.charge.Status = billing.ChargeCanceled },
		"a new one could charge twice":           func(st *story) { st.charge.Status = billing.ChargeCollecting },
		"the outcome of attempt 1 is not known":  func(st *story) { st.attempt = billing.OutcomeUnknown },
		"the outcome of attempt 1 is not known ": func(st *story) { st.attempt = billing.OutcomeProcessing },
		"is paused":                              func(st *story) { st.plan.Status = billing.PlanPaused },
		"is awaiting_first_payment":              func(st *story) { st.plan.Status = billing.PlanAwaitingFirstPayment },
		"it falls due 2026-05-01T13:00:00Z": func(st *story) {
			st.charge.Status, st.charge.DueAt = billing.ChargeScheduled, now.Add(time.Hour)
		},
		"no card was saved":                     func(st *story) { st.plan.CardID = "" },
		"the visa card ending 4242 is revoked":  func(st *story) { st.card = billing.CardRevoked },
		"the visa card ending 4242 is detached": func(st *story) { st.card = billing.CardDetached },
	} {
		before := stored(t, s, change)
		_, err := newOperator(s).Retry(billing.ActingAs(t.Context(), billing.Party{Actor: "cli:ada@ops1"}), before.ID)
		var refused *operator.RefusedError
		require.ErrorAs(t, err, &refused, why)
		require.ErrorContains(t, err, why)
		after, err := s.Charge(t.Context(), before.ID)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	_, err := newOperator(s).Retry(billing.ActingAs(t.Context(), billing.Party{Actor: "cli:ada@ops1"}), "chg_none")
	require.ErrorIs(t, err, billing.ErrNotFound)
}
