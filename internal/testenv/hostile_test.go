package testenv_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

func TestHostile_ReplacesValuesAndNames(t *testing.T) {
	const doc = `{"a": "b", "c": [1, true, null], "d": {"e": "f\"g"}}`
	made := map[string]bool{}
	for seed := range uint64(500) {
		got := testenv.Hostile(rand.New(rand.NewPCG(seed, 0)), doc)
		require.NotEqual(t, doc, got)
		require.Equal(t, got, testenv.Hostile(rand.New(rand.NewPCG(seed, 0)), doc))
		made[got] = true
	}
	require.Greater(t, len(made), 450)
	for _, v := range testenv.HostileValues() {
		require.NotEmpty(t, v)
	}
}
