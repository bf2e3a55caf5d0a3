package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestResult_LastLine(t *testing.T) {
	t.Parallel()
	r := result{
		charges: 12, faults: map[string]int{killWorker: 2, "latency": 5},
		recovered: map[string][]time.Duration{killWorker: {3 * time.Second, time.Second}},
		damage:    damage{{kindDouble, "ch_1"}, {kindUnexplained, "ch_2"}, {kindUnexplained, "ch_3"}},
	}
	var out strings.Builder
	r.print(&out)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Equal(t, "charges=12 faults=7 double=1 lost=0 wrong=0 duplicate_notices=0 unexplained=2", lines[len(lines)-1])
	require.Contains(t, out.String(), "unexplained: ch_3\n")
	require.Regexp(t, `kill_worker +2 +3\.0 s +3\.0 s`, out.String())
}
