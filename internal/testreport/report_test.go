package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeModule makes a module of one package from file name to content.
func writeModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example\n\ngo 1.26.0\n"
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// tested runs the whole command over modules and returns what it printed and its exit code.
func tested(t *testing.T, skipFails bool, modules ...string) (string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append(modules, "--", "./..."), skipFails, &stdout, &stderr)
	return stdout.String() + stderr.String(), code
}

const passing = `package example
import "testing"
func TestGood(t *testing.T) {
	t.Log("chatter")
	t.Run("one/with slash", func(t *testing.T) {})
	t.Run("two", func(t *testing.T) {})
}
func TestAlone(t *testing.T) {}
`

const skipping = `package example
import "testing"
func TestRedis(t *testing.T) { t.Skip("no Redis at 127.0.0.1:6379") }
func TestEngines(t *testing.T) {
	t.Run("postgres", func(t *testing.T) { t.SkipNow() })
	t.Run("sqlite", func(t *testing.T) {})
}
`

const failing = `package example
import "testing"
func TestParent(t *testing.T) {
	t.Run("child", func(t *testing.T) { t.Error("the reason") })
	t.Run("sibling", func(t *testing.T) { t.Log("chatter") })
}
func TestOwn(t *testing.T) {
	t.Run("fine", func(t *testing.T) {})
	t.Error("after the subtests")
}
`

func TestPassingTestsAreOneLineForEachPackage(t *testing.T) {
	t.Parallel()
	out, code := tested(t, true, writeModule(t, map[string]string{"a_test.go": passing}))
	require.Zero(t, code, out)
	require.Contains(t, out, "ok  \texample")
	require.NotContains(t, out, "chatter")
	require.Contains(t, out, "\n3 passed, 0 failed, 0 skipped\n", "subtests stand for their parent")
}

func TestSkippedTestsAreNamedWithTheirReason(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{"a_test.go": skipping})
	out, code := tested(t, false, dir)
	require.Zero(t, code, out)
	require.Contains(t, out, "skipped: example TestRedis (no Redis at 127.0.0.1:6379)\n")
	require.Contains(t, out, "skipped: example TestEngines/postgres (no reason given)\n")
	require.Contains(t, out, "\n1 passed, 0 failed, 2 skipped\n")

	out, code = tested(t, true, dir)
	require.Equal(t, 1, code, "a skip is a failure where services are required")
	require.Contains(t, out, "REQUIRE_SERVICES=1")
}

func TestFailuresAreShownInFull(t *testing.T) {
	t.Parallel()
	out, code := tested(t, false, writeModule(t, map[string]string{"a_test.go": failing}))
	require.Equal(t, 1, code)
	require.Contains(t, out, "the reason")
	require.Contains(t, out, "after the subtests")
	require.Contains(t, out, "--- FAIL: TestParent/child")
	require.Contains(t, out, "FAIL\texample")
	require.NotContains(t, out, "chatter")
	require.Contains(t, out, "failed: example TestParent/child\n")
	require.Contains(t, out, "failed: example TestOwn\n")
	require.Contains(t, out, "\n2 passed, 2 failed, 0 skipped\n")
}

func TestWhatDiesOutsideATestIsAFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, says string }{
		"does not build":      {"package example\nfunc TestX(t *testing.T) {}\n", "undefined: testing"},
		"panics":              {"package example\nimport \"testing\"\nfunc TestX(t *testing.T) { panic(\"boom\") }\n", "boom"},
		"leaves by itself":    {"package example\nimport (\"os\"; \"testing\")\nfunc TestX(t *testing.T) { os.Exit(3) }\n", "failed: example TestX"},
		"fails before a test": {"package example\nimport (\"os\"; \"testing\")\nfunc TestMain(m *testing.M) { os.Exit(4) }\n", "exit status 4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := tested(t, false, writeModule(t, map[string]string{"a_test.go": c.source}))
			require.Equal(t, 1, code, out)
			require.Contains(t, out, c.says)
			require.Contains(t, out, "\n0 passed, 1 failed, 0 skipped\n")
		})
	}
}

func TestEveryModuleIsRunAndTheFirstFailureDecides(t *testing.T) {
	t.Parallel()
	bad := writeModule(t, map[string]string{"a_test.go": failing})
	good := writeModule(t, map[string]string{"a_test.go": passing})
	out, code := tested(t, false, bad, good)
	require.Equal(t, 1, code)
	require.Contains(t, out, "\n5 passed, 2 failed, 0 skipped\n", "two packages of one name do not mix")
}

func TestARunWithoutTestsDoesNotPass(t *testing.T) {
	t.Parallel()
	out, code := tested(t, false, writeModule(t, map[string]string{"a.go": "package example\n"}))
	require.Equal(t, 1, code)
	require.Contains(t, out, "no test ran")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--", "./..."}, {"."}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, false, &stdout, &stderr))
		require.Contains(t, stderr.String(), "usage:")
	}
}

func TestTheSlowestAreNamed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newReport(&out)
	for i := range 30 {
		name := fmt.Sprintf("TestN%d", i)
		r.add(event{Action: "pass", Package: "example", Test: name, Elapsed: float64((i * 7) % 30)})
	}
	r.add(event{Action: "pass", Package: "example"})
	r.summary()
	var seconds []string
	for line := range strings.Lines(out.String()) {
		if rest, ok := strings.CutPrefix(line, "slow: "); ok {
			seconds = append(seconds, strings.Fields(rest)[0])
		}
	}
	require.Equal(t, strings.Fields("29 28 27 26 25 24 23 22 21 20 19 18 17 16 15"), seconds)
}
