package jobs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tranche/internal/stripeevents"

	"github.com/stretchr/testify/require"
)

// TestReadme_EveryEventType compares the README's list of events for the webhook endpoint with the
// types that are handled. A type that begins with a dot has the object of the previous one.
func TestReadme_EveryEventType(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, list, found := strings.Cut(string(text), "\nSend the endpoint these events: ")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n\n")
	var listed []string
	object := ""
	for _, word := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(list, -1) {
		name := word[1]
		if strings.HasPrefix(name, ".") {
			name = object + name
		}
		object = name[:strings.LastIndex(name, ".")]
		listed = append(listed, name)
	}
	slices.Sort(listed)
	require.Equal(t, stripeevents.Types(), listed)
}

// TestEveryEventIsExplained compares docs/stripe-events.md with the types that are handled.
func TestEveryEventIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/stripe-events.md")
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1])
	}
	require.Equal(t, stripeevents.Types(), listed)
}
