package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAKilledImportIsFinishedByAnother kills an import with SIGKILL in the middle, and runs it
// again: each plan is imported once.
func TestAKilledImportIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	const plans = 2500
	due := time.Now().AddDate(0, 2, 0).Format(time.DateOnly)
	var text strings.Builder
	text.WriteString("reference,kind,currency,paid,charges,customer,stripe_customer,card,card_brand,card_last4,card_exp\n")
	for n := range plans {
		fmt.Fprintf(&text, "order-%[1]d,deposit,usd,5000,10000 %[2]s,c-%[3]d,cus_%[3]d,pm_%[3]d,visa,4242,01/2099\n", n, due, n/2)
	}
	file := filepath.Join(t.TempDir(), "plans.csv")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	for name, settings := range map[string]func(t *testing.T) []string{"sqlite": onSQLite, "postgres and redis": onServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, settings(t)...)
			p, err := startProcess(t, "import", r.env, "plan", "import", file, "--yes")
			require.NoError(t, err)
			_, err = p.says(t.Context(), regexp.MustCompile(`(importing: \d+) lines`))
			require.NoError(t, err)
			p.kill()
			require.NotContains(t, p.said.String(), "order-", "the file has no faults")

			tranche := func(args ...string) string {
				cmd := exec.CommandContext(t.Context(), binary(t), args...)
				cmd.Env = r.env
				out, err := cmd.Output()
				require.NoError(t, err)
				return string(out)
			}
			var fresh, there int
			_, err = fmt.Sscanf(tranche("plan", "import", file, "--yes"), "2500 lines: %d new, %d existing, 0 invalid", &fresh, &there)
			require.NoError(t, err)
			require.Positive(t, fresh, "it was killed in the middle")
			require.Positive(t, there, "what was committed before stayed")
			require.Equal(t, plans, fresh+there)
			require.Contains(t, tranche("plan", "import", file), "2500 lines: 0 new, 2500 existing, 0 invalid")
			for what, rows := range map[string]int{"plans": plans, "charges": 2 * plans, "customers": plans / 2, "cards": plans / 2} {
				require.Equal(t, rows+1, strings.Count(tranche("export", what), "\n"), what)
			}
		})
	}
}
