package importing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

// BenchmarkImport checks and imports files of 5,000 plans with three charges each; docs/import.md
// has the results.
func BenchmarkImport(b *testing.B) {
	const plans = 5000
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			var s billing.Store = open(b)
			file := 0
			for b.Loop() {
				file++
				var text strings.Builder
				text.WriteString(header)
				for n := range plans {
					id := fmt.Sprintf("%d-%d", file, n)
					fmt.Fprintf(&text, "%[1]s,installments,usd,500 2026-03-01; 500 2026-04-01; 501 2026-05-01,,,,,,,c%[1]s,c%[1]s@example.com,cus_%[1]s,pm_%[1]s,visa,4242,01/2030\n", id)
				}
				var faults []string
				_, done := run(b, s, options(&faults), text.String())
				require.EqualValues(b, plans, done.New)
			}
			b.ReportMetric(float64(file*plans)/b.Elapsed().Seconds(), "plans/s")
		})
	}
}
