package outbox

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWebhookBackoff_Bounds holds the waits to what their comments and docs/webhooks.md promise.
func TestWebhookBackoff_Bounds(t *testing.T) {
	t.Parallel()
	waits := webhookBackoff()
	require.True(t, slices.IsSorted(waits), "each wait is at least as long as the one before")
	total := time.Duration(0)
	for _, w := range waits {
		total += w
	}
	require.InDelta(t, 72, total.Hours(), 4, "three days in total")
	require.Less(t, total, giveUpAfter, "an endpoint is disabled after the tries of a message")
	require.GreaterOrEqual(t, len(waits)+1, 10, "tries of a message")
}
