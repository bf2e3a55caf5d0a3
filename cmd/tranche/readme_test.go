package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// insideReadme is set for the commands of TestReadmeCommands, in case they run the tests again.
const insideReadme = "TRANCHE_INSIDE_README_TEST"

// TestReadmeCommands follows the README in a fresh clone of the repository, with Go, git, make and
// the usual shell tools, and nothing else on the PATH.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	require.Empty(t, os.Getenv(insideReadme), "the README's commands run this test again")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err, "there is no README.md at the root of the repository")
	commands := startCommands(t, string(readme))
	require.Equal(t, []string{"make demo", "make test"}, commands, `the commands under "## Start" in README.md`)

	clone := freshCopy(t, root)
	env := strangersEnv(t)
	run := func(command string) string {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
		cmd.Dir, cmd.Env = clone, env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", command, out)
		return string(out)
	}
	out := run(commands[0])
	require.Contains(t, out, "LEDGER")
	require.Contains(t, out, "TOTALS")
	require.NotContains(t, out, "DIFFER")

	out = run(strings.Replace(commands[1], "make", "make -n", 1))
	raced := racedTests.FindStringSubmatch(out)
	require.NotNil(t, raced, "with the race detector, every package but some: %s", out)
	for left := range strings.SplitSeq(raced[1], "|") {
		require.Regexp(t, `bin/testreport \. -- -shuffle=on [^;]*`+regexp.QuoteMeta(" ./"+strings.TrimPrefix(left, "tranche/"))+` `, out, "and those without it")
	}
	require.Regexp(t, `bin/testreport .* -- -shuffle=on -timeout=\w+ \./\.\.\.`, out, "and without, where there is no C compiler")
	for _, module := range modules(t, clone) {
		require.Regexp(t, `bin/testreport[^;]* `+module+` `, out, "the module in %s is tested", module)
	}
}

// racedTests matches the run of the tests with the race detector, and the packages it excludes.
var racedTests = regexp.MustCompile(`bin/testreport \. -- -race -shuffle=on -timeout=\w+ \$\(go list \./\.\.\. \| grep -vxE '([^']*)'\)`)

// startCommands returns the lines of the first fenced block under the heading "## Start".
func startCommands(t *testing.T, readme string) []string {
	t.Helper()
	_, start, found := strings.Cut("\n"+readme, "\n## Start\n")
	require.True(t, found, `README.md has no heading "## Start"`)
	start, _, _ = strings.Cut(start, "\n## ")
	_, block, found := strings.Cut(start, "\n```")
	require.True(t, found, `README.md has no fenced block under "## Start"`)
	_, block, _ = strings.Cut(block, "\n") // the language
	block, _, found = strings.Cut(block, "```")
	require.True(t, found, "the fenced block has no end")
	var commands []string
	for line := range strings.Lines(block) {
		if line = strings.TrimSpace(line); line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// freshCopy copies the files that a commit would hold: no binary, no database, no ignored file.
func freshCopy(t *testing.T, root string) string {
	t.Helper()
	clone := t.TempDir()
	for _, name := range sources(t, root) {
		info, err := os.Stat(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not committed yet
		}
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(clone, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(clone, name), text, info.Mode()))
	}
	return clone
}

// sources lists the files of the repository, or the files that are not built in an unpacked
// archive.
func sources(t *testing.T, root string) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
		cmd.Dir = root
		names, err := cmd.Output()
		require.NoError(t, err, "git ls-files")
		return strings.Split(strings.TrimRight(string(names), "\x00"), "\x00")
	}
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path == "bin":
			return fs.SkipDir
		case entry.Type().IsRegular():
			names = append(names, path)
		}
		return nil
	}))
	return names
}

// strangersEnv is an environment with only the programs that the README requires on the PATH. It
// uses this machine's Go caches and proxy, so that nothing is compiled or fetched twice.
func strangersEnv(t *testing.T) []string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"sh", "go", "git", "make", "mkdir", "rm", "cp", "mv", "cat", "awk", "sed", "grep", "env", "uname", "tr", "sort", "head", "tail"} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		path, err = filepath.EvalSymlinks(path)
		require.NoError(t, err)
		if name == "awk" || name == "sh" {
			require.NoError(t, os.Symlink(path, filepath.Join(bin, filepath.Base(path)))) // some choose their behavior by their own name
		}
		if _, err := os.Lstat(filepath.Join(bin, name)); err != nil {
			require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
		}
	}
	env := []string{"PATH=" + bin, "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), insideReadme + "=1"}
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOTOOLCHAIN"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		require.NoError(t, err)
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return env
}

// modules returns the folders that hold a module, as paths from the root.
func modules(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "go.mod" {
			found = append(found, filepath.Dir(path))
		}
		return err
	}))
	require.Contains(t, found, ".")
	require.Greater(t, len(found), 1)
	return found
}
