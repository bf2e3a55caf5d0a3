package jobs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/jobs"
)

// TestEveryEventIsExplained holds docs/stripe-events.md to the types that are handled.
func TestEveryEventIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/stripe-events.md")
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1])
	}
	require.Equal(t, jobs.EventTypes(), listed)
}
