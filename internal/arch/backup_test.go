package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBackupPage_EveryCommandIsRun requires a name for each command of docs/backup.md: a test runs
// the command by that name.
func TestBackupPage_EveryCommandIsRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "backup.md"))
	require.NoError(t, err)
	var tests []string
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests = append(tests, string(text))
		}
	}
	require.Empty(t, notRun(string(page), tests))
}

// fence begins or ends a block of a page.
var fence = regexp.MustCompile("(?m)^```(.*)$")

// notRun lists the blocks of a page that no test asks for by name.
func notRun(page string, tests []string) (blocks []string) {
	for i, begin := range fence.FindAllStringSubmatch(page, -1) {
		if i%2 == 1 { // the end of a block
			continue
		}
		name, named := strings.CutPrefix(begin[1], "sh ")
		run := slices.ContainsFunc(tests, func(text string) bool {
			return named && regexp.MustCompile(`\bBackupBlock\(\w+(\.\w+)*, "`+regexp.QuoteMeta(name)+`"\)`).MatchString(text)
		})
		if !run {
			blocks = append(blocks, begin[1])
		}
	}
	return blocks
}

func TestNotRun_FindsABlock(t *testing.T) {
	t.Parallel()
	const page = "```sh run\ntrue\n```\n```sh left-out\ntrue\n```\n```\nno name\n```\n```sh\ntrue\n```\n"
	require.Equal(t, []string{"sh left-out", "", "sh"}, notRun(page, []string{`testenv.BackupBlock(f.t, "run")`}))
}
