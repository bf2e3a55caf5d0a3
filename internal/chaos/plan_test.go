package main

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlan_SameSeedSamePlan(t *testing.T) {
	t.Parallel()
	orders, faults := planOrders(7, 200, time.Minute), planFaults(7, time.Minute, 1, true)
	require.Equal(t, orders, planOrders(7, 200, time.Minute))
	require.NotEqual(t, orders, planOrders(8, 200, time.Minute))
	require.Equal(t, faults, planFaults(7, time.Minute, 1, true))
	require.NotEqual(t, faults, planFaults(8, time.Minute, 1, true))
}

func TestPlanFaults_LongRunHasEveryKind(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range planFaults(1, time.Hour, 1, true) {
		require.Less(t, s.At, time.Hour)
		require.Positive(t, s.For)
		seen[s.Kind], seen[s.Rule.Action] = true, true
		if s.Kind == stopWorker {
			require.Greater(t, s.For, lease, "a shorter stop keeps its lease")
		}
		if s.Kind == stripeFault {
			require.Greater(t, s.Rule.Probability, 0.0, "0 would mean always")
			require.LessOrEqual(t, s.Rule.Probability, 0.8)
		}
	}
	for _, k := range kinds {
		require.True(t, seen[k.kind], k.kind)
	}
	for _, action := range actions(true) {
		require.True(t, seen[action], action)
	}
}

func TestPlanFaults_WebhooksDroppedOnlyWithBackfill(t *testing.T) {
	t.Parallel()
	for _, s := range planFaults(1, time.Hour, 1, false) {
		require.NotEqual(t, "webhook_drop", s.Rule.Action)
	}
}

func TestPlanOrders_Valid(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range planOrders(3, 2000, time.Minute) {
		require.False(t, seen[o.Reference], o.Reference)
		seen[o.Reference], seen[o.Currency], seen[o.Kind], seen["own "+strconv.FormatBool(o.Own)] = true, true, true, true
		if o.Currency == "kwd" {
			require.Zero(t, o.Total%10, "three decimals, and the last must be 0")
			require.Zero(t, o.First%10)
		}
		require.GreaterOrEqual(t, o.parts(), 2)
		if o.First != 0 {
			require.Less(t, o.First, o.Total)
		}
		var terms struct {
			Total int64 `json:"total"`
		}
		require.NoError(t, json.Unmarshal(o.request(at), &terms))
		require.Equal(t, o.Total, terms.Total)
	}
	for _, name := range []string{"usd", "eur", "jpy", "kwd", "installments", "deposit", "own true", "own false"} {
		require.True(t, seen[name], name)
	}
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{"CHAOS_SECONDS": "60", "CHAOS_SEED": "5"}
	s, err := readSettings(func(name string) string { return env[name] })
	require.NoError(t, err)
	require.Equal(t, uint64(5), s.Seed)
	require.Equal(t, time.Minute, s.FaultPhase)
	require.Equal(t, 60, s.Plans)
	require.Contains(t, paces, s.Pace)
	for name, value := range map[string]string{"CHAOS_SECONDS": "0", "CHAOS_SEED": "-1", "CHAOS_PACE": "fast", "CHAOS_PLANS": "x", "CHAOS_SETTLE": "-2"} {
		_, err := readSettings(func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		})
		require.ErrorContains(t, err, name)
	}
}
