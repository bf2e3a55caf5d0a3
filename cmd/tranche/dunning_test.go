package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

// inDunning changes the charge of failedCharge to one that was declined for insufficient funds an
// hour ago.
func inDunning(t *testing.T) (billing.Charge, func(in string, args ...string) (code int, out, talk string)) {
	t.Helper()
	s, charge, command := failedCharge(t)
	policy := dunning.DefaultPolicy(calendar.LocalTime{Hour: 9})
	content, hash, err := policy.Canonical()
	require.NoError(t, err)
	remind, final, deadline := policy.Milestones(charge.ID, charge.DueAt, time.UTC)
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		attempts, err := tx.Attempts(t.Context(), charge.ID)
		require.NoError(t, err)
		a := attempts[0]
		a.Outcome, a.Failure = billing.OutcomeDeclined, billing.Failure{Code: "card_declined", DeclineCode: "insufficient_funds"}
		a.Params.PaymentMethod, a.Fingerprint = "pm_1", "fp_1"
		require.NoError(t, tx.UpdateAttempt(t.Context(), a))
		charge.Status, charge.DeclineCode, charge.Reason = billing.ChargeRetrying, "insufficient_funds", "declined with insufficient_funds; retry 1 of 6"
		charge.NextAttemptAt = charge.DueAt.AddDate(0, 0, 3)
		charge.ClaimAfter = charge.NextAttemptAt
		require.NoError(t, tx.UpdateCharge(t.Context(), charge))
		require.NoError(t, tx.PinPolicy(t.Context(), billing.PinnedPolicy{Hash: hash, Name: policy.Name, Content: content, CreatedAt: charge.DueAt}))
		return tx.UpdateDunning(t.Context(), billing.Dunning{
			ChargeID: charge.ID, Status: billing.DunningOpen, Policy: hash, BeganAt: charge.DueAt,
			RemindAt: remind, FinalAt: final, DeadlineAt: deadline, ClaimAfter: remind,
		})
	}))
	return charge, command
}

func TestExplainSaysWhatHappenedWhyAndWhatComesNext(t *testing.T) {
	t.Parallel()
	charge, command := inDunning(t)
	code, out, talk := command("", "dunning", "explain", string(charge.ID))
	require.Equal(t, exitOK, code, talk)
	for _, said := range []string{
		"charge 1 of plan order-1, 10.00 USD, is retrying.",
		"Attempt 1. Tranche tried the saved card: declined with insufficient_funds: too little money on the account. The customer sees the reason (funds).",
		"Dunning started with policy default.", "There was too little money; a later attempt may succeed, best after a payday.",
		charge.NextAttemptAt.UTC().Format("Mon 2 Jan 2006 15:04 MST") + "  It is tried again with the saved card.",
		"The customer gets the final notice, if it is still unpaid.", "The plan is given up (defaulted), if it is still unpaid",
		"At this amount on the card ending 4242, over all plans", "1 of 20 declines in 30 days allowed by visa",
	} {
		require.Contains(t, out, said)
	}
	code, out, _ = command("", "dunning", "explain", string(charge.ID), "--json")
	require.Equal(t, exitOK, code)
	var e dunning.Explanation
	require.NoError(t, json.Unmarshal([]byte(out), &e))
	require.Equal(t, dunning.ClassFunds, e.Class)
	require.Len(t, e.Next, 3)
	require.Equal(t, 1, e.Caps[0].Declines)
	code, _, talk = command("", "dunning", "explain", "chg_none")
	require.Equal(t, exitFailed, code)
	require.Contains(t, talk, "not found")
}

func TestExplainOfAChargeThatNeverFailed(t *testing.T) {
	t.Parallel()
	_, charge, command := failedCharge(t)
	code, out, talk := command("", "dunning", "explain", string(charge.ID))
	require.Equal(t, exitOK, code, talk)
	require.Contains(t, out, "Stripe refused the request with parameter_missing, and no card was asked")
	require.Contains(t, out, "Nothing by itself.")
}
