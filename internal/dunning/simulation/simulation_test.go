package simulation_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/dunning"
	"tranche/internal/dunning/simulation"
)

var update = flag.Bool("update", false, "write docs/recovery-report.md")

const (
	naive = iota
	eager
	ours
	oursEarly
	allKnowing
)

func TestCompare_DefaultPolicyBeatsNaiveLadder(t *testing.T) {
	t.Parallel()
	for seed := uint64(21); seed <= 24; seed++ { // none of the seeds it was tuned on
		year := simulation.Compare(simulation.Options{Customers: 300, Days: 365, Seed: seed})
		for _, policy := range []int{ours, oursEarly} {
			require.Greater(t, year[policy].Share(), year[naive].Share(), "seed %d", seed)
			require.Less(t, year[policy].RetriesPerRecovery(), year[naive].RetriesPerRecovery(), "seed %d", seed)
		}
		require.Less(t, year[ours].RetriesPerRecovery(), year[eager].RetriesPerRecovery(), "and than one that tries nearly twice as often")
	}
}

func TestCompare_AllKnowingIsTheCeiling(t *testing.T) {
	t.Parallel()
	year := simulation.Compare(simulation.Options{Customers: 200, Days: 365, Seed: 31})
	for i, r := range year {
		if i != allKnowing {
			require.Less(t, r.Share(), year[allKnowing].Share(), r.Name)
		}
		require.LessOrEqual(t, r.Recovered, r.Failed)
		require.Equal(t, year[0].Charges, r.Charges, "the same charges fall due for each")
	}
	require.LessOrEqual(t, year[allKnowing].RetriesPerRecovery(), 1.0, "it never tries in vain")
}

func TestCompare_SameSeedSameYear(t *testing.T) {
	t.Parallel()
	o := simulation.Options{Customers: 50, Days: 200, Seed: 3}
	first := simulation.Compare(o)
	require.Equal(t, first, simulation.Compare(o))
	other := o
	other.Seed = 4
	require.NotEqual(t, simulation.Compare(o), simulation.Compare(other))
}

func TestRun_PolicyWithoutRetries(t *testing.T) {
	t.Parallel()
	p := simulation.DefaultPolicy()
	for _, l := range []*dunning.Ladder{&p.Funds, &p.Limit, &p.Temporary, &p.Declined} {
		l.Days = nil
	}
	r := simulation.Run(simulation.Options{Customers: 200, Days: 365, Seed: 5}, simulation.Ours(p))
	require.Zero(t, r.Retries)
	require.Positive(t, r.Recovered)
	require.Less(t, r.Share(), 0.4)
}

// TestReport_MatchesTheDocumentation makes the report of make recovery-report; -update writes it.
func TestReport_MatchesTheDocumentation(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/recovery-report.md"
	var all [][]simulation.Result
	for seed := uint64(simulation.FirstSeed); seed < simulation.FirstSeed+simulation.Years; seed++ {
		all = append(all, simulation.Compare(simulation.Standard(seed)))
	}
	var table bytes.Buffer
	simulation.Markdown(&table, simulation.Sum(all))
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	between := regexp.MustCompile(`(?s)(<!-- table -->\n).*?(<!-- end of table -->)`)
	want := between.ReplaceAllString(string(doc), "${1}"+strings.ReplaceAll(table.String(), "$", "$$")+"${2}")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
	}
	require.Equal(t, want, string(doc), "go test ./internal/dunning/simulation -update writes it")
}
