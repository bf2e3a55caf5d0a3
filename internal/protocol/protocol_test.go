package protocol_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

// guards are the rules of the protocol that the model can be compiled without, each with the faults
// that it takes to notice, and how the states are searched: breadth first finds the shortest way to
// damage, depth first is sooner where the way is long.
var guards = map[string]struct {
	faults  string
	breadth bool
}{
	"NEW_KEY":   {"1", true},
	"NO_LEASE":  {"1", true},
	"NO_HOLD":   {"1", true},
	"NO_LOOKUP": {"1", true},
	"NO_WAIT":   {"2", false},
	"NO_CHECK":  {"1", true},
	"NO_DEDUPE": {"1", true},
}

// TestProtocol_Holds searches every order of steps with one fault.
func TestProtocol_Holds(t *testing.T) {
	t.Parallel()
	testenv.Programs(t, "spin", "gcc")
	found := search(t, "", "1", false)
	require.Contains(t, found, "errors: 0", found)
	require.NotContains(t, found, "error: max search depth too small", found)
	require.NotContains(t, found, "Search not completed", found)
}

// TestProtocol_EachGuardIsNeeded removes one guard at a time: the model must find damage.
func TestProtocol_EachGuardIsNeeded(t *testing.T) {
	t.Parallel()
	testenv.Programs(t, "spin", "gcc")
	for guard, how := range guards {
		t.Run(guard, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, search(t, guard, how.faults, how.breadth), "errors: 1")
		})
	}
}

// TestProtocol_EachGuardIsTested compares the list of guards with the model's.
func TestProtocol_EachGuardIsTested(t *testing.T) {
	t.Parallel()
	model, err := os.ReadFile("charge.pml")
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	require.NoError(t, err)
	var removable []string
	for _, m := range regexp.MustCompile(`(?m)^#ifn?def (\w+_\w+)$`).FindAllStringSubmatch(string(model), -1) {
		removable = append(removable, m[1])
	}
	require.Len(t, removable, len(guards))
	for _, name := range removable {
		require.Contains(t, guards, name)
		require.Contains(t, string(page), "`"+name+"`")
	}
}

// search compiles the model without a guard, if one is named, and returns the checker's report.
func search(t *testing.T, guard, faults string, breadth bool) string {
	t.Helper()
	dir := t.TempDir()
	model, err := filepath.Abs("charge.pml")
	require.NoError(t, err)
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		return string(out)
	}
	compile := []string{"-DFAULTS=" + faults}
	if guard != "" {
		compile = append(compile, "-D"+guard)
	}
	run("spin", append(compile, "-a", model)...)
	flags := []string{"-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000", "-o", "pan", "pan.c"}
	if breadth {
		flags = append(flags, "-DBFS")
	}
	run("gcc", flags...)
	return run("./pan", "-m100000")
}
