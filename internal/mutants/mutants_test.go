//go:build mutants

package mutants_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutants_AreNoticed removes one guard at a time. The named test must then fail, by an
// assertion and not because the source does not compile.
func TestMutants_AreNoticed(t *testing.T) {
	t.Parallel()
	for guard, m := range all() {
		t.Run(guard, func(t *testing.T) {
			t.Parallel()
			out := without(t, m)
			require.Contains(t, out, "--- FAIL", "no test notices that this guard is gone:\n%s", out)
			require.NotContains(t, out, "[build failed]", out)
		})
	}
}

// without runs the mutant's test without its guard, and returns the output.
func without(t *testing.T, m mutant) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	texts := map[string]string{}
	for _, e := range m.edits {
		if texts[e.file] == "" {
			text, err := os.ReadFile(filepath.Join(root, e.file))
			require.NoError(t, err)
			texts[e.file] = string(text)
		}
		texts[e.file] = strings.Replace(texts[e.file], e.old, e.new, 1)
	}
	dir := t.TempDir()
	for file, text := range texts {
		changed := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay.Replace)))
		require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
		overlay.Replace[filepath.Join(root, file)] = changed
	}
	plan, err := json.Marshal(overlay)
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, plan, 0o600))
	run := "^" + strings.ReplaceAll(m.test, "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), "go", "test", "-trimpath", "-vet=off", "-count=1", "-failfast", "-timeout=5m", "-overlay", list, "-run", run, m.pkg)
	cmd.Dir, cmd.Env = root, os.Environ()
	if !m.postgres {
		cmd.Env = append(cmd.Env, "TEST_ENGINE=sqlite")
	}
	out, err := cmd.CombinedOutput()
	if err == nil {
		require.NotContains(t, string(out), "no tests to run", "there is no test %s in %s", m.test, m.pkg)
	}
	return string(out)
}
