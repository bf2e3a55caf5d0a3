package recovery_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/dunning"
	"tranche/internal/dunning/recovery"
)

var update = flag.Bool("update", false, "write docs/recovery-report.md anew")

const (
	naive = iota
	eager
	ours
	oursEarly
	allKnowing
)

func TestTheDefaultPolicyRecoversMoreWithFewerRetriesThanANaiveLadder(t *testing.T) {
	t.Parallel()
	for seed := uint64(21); seed <= 24; seed++ { // not those it was tuned on
		year := recovery.Compare(recovery.Options{Customers: 300, Days: 365, Seed: seed})
		for _, policy := range []int{ours, oursEarly} {
			require.Greater(t, year[policy].Share(), year[naive].Share(), "seed %d", seed)
			require.Less(t, year[policy].RetriesPerRecovery(), year[naive].RetriesPerRecovery(), "seed %d", seed)
		}
		require.Less(t, year[ours].RetriesPerRecovery(), year[eager].RetriesPerRecovery(), "and than one that tries nearly twice as often")
	}
}

func TestNobodyBeatsTheAllKnowing(t *testing.T) {
	t.Parallel()
	year := recovery.Compare(recovery.Options{Customers: 200, Days: 365, Seed: 31})
	for i, r := range year {
		if i != allKnowing {
			require.Less(t, r.Share(), year[allKnowing].Share(), r.Name)
		}
		require.LessOrEqual(t, r.Recovered, r.Failed)
		require.Equal(t, year[0].Charges, r.Charges, "the same charges fall due for each")
	}
	require.LessOrEqual(t, year[allKnowing].RetriesPerRecovery(), 1.0, "it never tries in vain")
}

func TestTheSameSeedGivesTheSameYear(t *testing.T) {
	t.Parallel()
	o := recovery.Options{Customers: 50, Days: 200, Seed: 3}
	first := recovery.Compare(o)
	require.Equal(t, first, recovery.Compare(o))
	other := o
	other.Seed = 4
	require.NotEqual(t, recovery.Compare(o), recovery.Compare(other))
}

func TestAPolicyWithoutRetriesRecoversOnlyWhatCustomersPay(t *testing.T) {
	t.Parallel()
	p := recovery.DefaultPolicy()
	for _, l := range []*dunning.Ladder{&p.Funds, &p.Limit, &p.Temporary, &p.Declined} {
		l.Days = nil
	}
	r := recovery.Run(recovery.Options{Customers: 200, Days: 365, Seed: 5}, recovery.Ours(p))
	require.Zero(t, r.Retries)
	require.Positive(t, r.Recovered)
	require.Less(t, r.Share(), 0.4)
}

// TestTheReportInTheDocumentationIsTheOneThatIsMade runs what make recovery-report runs; go test -update writes it.
func TestTheReportInTheDocumentationIsTheOneThatIsMade(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/recovery-report.md"
	var all [][]recovery.Result
	for seed := uint64(recovery.FirstSeed); seed < recovery.FirstSeed+recovery.Years; seed++ {
		all = append(all, recovery.Compare(recovery.Standard(seed)))
	}
	var table bytes.Buffer
	recovery.Markdown(&table, recovery.Sum(all))
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	between := regexp.MustCompile(`(?s)(<!-- table -->\n).*?(<!-- end of table -->)`)
	want := between.ReplaceAllString(string(doc), "${1}"+strings.ReplaceAll(table.String(), "$", "$$")+"${2}")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
	}
	require.Equal(t, want, string(doc), "go test ./internal/dunning/recovery -update writes it")
}
