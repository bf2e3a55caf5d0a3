package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// atOnce is the number of tests that run in parallel: they wait for clocks and processes, and
// hardly use the processor.
const atOnce = "8"

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"tranche": main})
}

// tests runs all tests and then removes the built binary.
type tests struct{ m *testing.M }

// Run implements testscript.TestingM.
func (p tests) Run() int {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	code := p.m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	return code
}

// builtIn is the folder of the binary, once it is built.
var builtIn string

// build builds the binary like `make build`, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	var err error
	if builtIn, err = os.MkdirTemp("", "tranche-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(builtIn, "tranche")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// binary returns the path of the built program.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	require.NoError(t, err)
	return path
}

// bareEnv returns an environment without settings: the variables of a fresh account, and vars. The
// folders belong to the test.
func bareEnv(t *testing.T, vars ...string) []string {
	t.Helper()
	return append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, vars...)
}

func TestVersionIsStampedByTheBuild(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), binary(t), "version")
	cmd.Env = bareEnv(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("tranche dev (%s, Stripe API 2023-10-16)\n", runtime.Version()), string(out))
}
