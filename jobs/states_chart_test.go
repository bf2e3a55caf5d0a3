//go:build !race

package jobs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

const architecturePage = "../ARCHITECTURE.md"

// The chart is between these marks.
const chartBegins, chartEnds = "<!-- states:begin -->\n", "<!-- states:end -->\n"

// TestTheChartOfStatesIsThatOfTheCode compares the chart in ARCHITECTURE.md with the transitions of
// internal/billing.
func TestTheChartOfStatesIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(architecturePage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), chartBegins)
	require.True(t, found)
	_, after, found := strings.Cut(rest, chartEnds)
	require.True(t, found)
	want := before + chartBegins + statesChart() + chartEnds + after
	if *update {
		require.NoError(t, os.WriteFile(architecturePage, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(page), "go test ./jobs -run ChartOfStates -update writes it")
}

// statesChart draws the transitions: first the charges, with the unpaid statuses in one line and
// the others in another; then the plans, whose names begin with plan_.
func statesChart() string {
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart LR\n")
	open := billing.OpenChargeStatuses()
	all := allChargeStatuses()
	writeArrows(&b, "", open, all, billing.ChargeStatus.CanBecome)
	writeArrows(&b, "", all[len(open):], all, billing.ChargeStatus.CanBecome)
	writeArrows(&b, "plan_", billing.PlanStatuses(), billing.PlanStatuses(), billing.PlanStatus.CanBecome)
	b.WriteString("```\n")
	return b.String()
}

// writeArrows writes one line with the arrows of some statuses.
func writeArrows[S ~string](b *strings.Builder, prefix string, from, all []S, can func(from, to S) bool) {
	var arrows []string
	for _, s := range from {
		var to []string
		for _, next := range all {
			if can(s, next) {
				to = append(to, prefix+string(next))
			}
		}
		if len(to) > 0 {
			arrows = append(arrows, prefix+string(s)+" --> "+strings.Join(to, " & "))
		}
	}
	b.WriteString("  " + strings.Join(arrows, "; ") + "\n")
}
