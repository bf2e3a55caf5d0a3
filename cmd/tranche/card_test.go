package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestACardIsRemovedByCommand: the command prints the new card of each plan before it asks for
// confirmation, and the removal is permanent.
func TestACardIsRemovedByCommand(t *testing.T) {
	t.Parallel()
	s, charge, command := failedCharge(t)
	plan, err := s.Plan(t.Context(), charge.PlanID)
	require.NoError(t, err)
	id := string(plan.CardID)

	code, out, _ := command("", "card", "list", "ada")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, id)
	code, out, _ = command("", "card", "default", id)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "default")
	code, out, talk := command("", "card", "remove", id, "--dry-run", "--json")
	require.Equal(t, exitOK, code, talk)
	require.Contains(t, out, `"why": "the customer did not agree that another card be charged"`)
	code, _, talk = command("no\n", "card", "remove", "pm_1")
	require.Equal(t, exitFailed, code)
	require.Contains(t, talk, "plan order-1: its next charge asks the customer for a card: the customer did not agree")
	require.Contains(t, talk, "nothing was changed")
	card, err := s.Card(t.Context(), plan.CardID)
	require.NoError(t, err)
	require.Equal(t, billing.CardActive, card.Status)

	code, out, talk = command("remove\n", "card", "remove", id)
	require.Equal(t, exitOK, code, talk)
	require.Contains(t, out, "removed ")
	code, out, _ = command("", "card", "show", id)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "detached")
	code, _, talk = command("", "card", "release", id, "--yes")
	require.Equal(t, exitFailed, code)
	require.Contains(t, talk, "it is detached")
}
