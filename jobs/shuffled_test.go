//go:build !race

package jobs_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDuplicatedLateAndShuffledEventsChangeNothing: the same events lead to the same result in any
// order and any number.
func TestDuplicatedLateAndShuffledEventsChangeNothing(t *testing.T) {
	t.Parallel()
	straight := lifetime(t, nil)
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, straight, lifetime(t, rand.New(rand.NewPCG(seed, 1))))
		})
	}
}
