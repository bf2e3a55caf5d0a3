package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/open"
	"tranche/internal/testenv"
)

// failedCharge creates a database with a failed charge, and returns the charge's id and the
// database's address.
func failedCharge(t *testing.T) (billing.Store, billing.Charge, func(in string, args ...string) (code int, out, talk string)) {
	t.Helper()
	url := testenv.SQLite(t)
	command := func(in string, args ...string) (int, string, string) {
		var out, talk heard
		code := run(t.Context(), args, func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }, strings.NewReader(in), &out, &talk)
		return code, string(out.bytes()), string(talk.bytes())
	}
	code, _, talk := command("", "migrate")
	require.Equal(t, exitOK, code, talk)
	s, err := open.Store(t.Context(), url, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	customer := billing.Customer{ID: billing.NewCustomerID(at), Reference: "ada", CreatedAt: at, UpdatedAt: at, Version: 1}
	card := billing.Card{ID: billing.NewCardID(at), CustomerID: customer.ID, PaymentMethod: "pm_1", Brand: "visa", Last4: "4242", Status: billing.CardActive, CreatedAt: at, UpdatedAt: at}
	plan := billing.Plan{
		ID: billing.NewPlanID(at), Reference: "order-1", CustomerID: customer.ID, CardID: card.ID, Kind: billing.KindInstallments,
		Status: billing.PlanPastDue, Currency: "usd", Total: 1000, Terms: []byte("{}"), CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	charge := billing.Charge{
		ID: billing.NewChargeID(at), PlanID: plan.ID, CustomerID: customer.ID, Sequence: 1, Amount: 1000, Currency: "usd", DueAt: at,
		Status: billing.ChargeFailed, AttemptCount: 1, Reason: "Stripe refused the request: no such thing", CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	attempt := billing.Attempt{
		ID: billing.AttemptIDFor(charge.ID, 1, billing.InitiatorMerchant), ChargeID: charge.ID, Number: 1, Initiator: billing.InitiatorMerchant, SendCount: 1, Outcome: billing.OutcomeError,
		Failure: billing.Failure{Code: "parameter_missing", Message: "Missing required param"}, RequestID: "req_7", CreatedAt: at, FinishedAt: at,
	}
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(t.Context(), customer))
		require.NoError(t, tx.InsertCard(t.Context(), card))
		require.NoError(t, tx.InsertPlan(t.Context(), plan, []billing.Charge{charge}))
		require.NoError(t, tx.InsertAttempt(t.Context(), attempt))
		require.NoError(t, tx.PinPolicy(t.Context(), billing.PinnedPolicy{Hash: "hash", Name: "default", Content: []byte("{}"), CreatedAt: at}))
		return tx.InsertDunning(t.Context(), billing.Dunning{
			ChargeID: charge.ID, Status: billing.DunningOpen, Policy: "hash", BeganAt: at, DeadlineAt: at.AddDate(0, 0, 30), HeldAt: at, ClaimAfter: at.AddDate(0, 0, 1),
		})
	}))
	return s, charge, command
}

func TestAChargeThatFailedForAReasonOfOursIsSeenAndTriedAgain(t *testing.T) {
	t.Parallel()
	s, charge, command := failedCharge(t)
	id := string(charge.ID)

	code, out, _ := command("", "doctor")
	require.Equal(t, exitFailed, code) // no key is set
	require.Contains(t, out, "alarm charges_refused")
	require.Contains(t, out, id)
	require.Contains(t, out, "no such thing")
	code, out, _ = command("", "charge", "list", "--status", "failed")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, id)
	code, out, _ = command("", "charge", "show", id)
	require.Equal(t, exitOK, code)
	for _, said := range []string{"charge 1 of 1 of plan order-1", "no such thing", "parameter_missing", "Missing required param", "req_7"} {
		require.Contains(t, out, said)
	}
	code, out, _ = command("", "charge", "show", id, "--json")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"plan": "`+string(charge.PlanID)+`"`)

	for _, answer := range []string{"", "no\n", "yes\n"} {
		code, _, talk := command(answer, "charge", "retry", id)
		require.Equal(t, exitFailed, code)
		require.Contains(t, talk, "10.00 USD")
		require.Contains(t, talk, "nothing was changed")
	}
	code, out, talk := command("retry\n", "charge", "retry", id)
	require.Equal(t, exitOK, code, talk)
	require.Contains(t, out, "retrying")
	now, err := s.Charge(t.Context(), charge.ID)
	require.NoError(t, err)
	require.Equal(t, billing.ChargeRetrying, now.Status)
	require.False(t, now.ClaimAfter.After(time.Now()))
	code, out, _ = command("", "charge", "list", "--overdue")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, id)
	code, out, _ = command("", "charge", "show", id)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "which was failed, is to be tried again by hand -> tried at once")
}

func TestARetryIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	s, charge, command := failedCharge(t)
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		charge.Status = billing.ChargeSucceeded
		return tx.UpdateCharge(t.Context(), charge)
	}))
	code, _, talk := command("", "charge", "retry", string(charge.ID), "--yes")
	require.Equal(t, exitFailed, code)
	require.Contains(t, talk, "is not tried: it is succeeded")
}
