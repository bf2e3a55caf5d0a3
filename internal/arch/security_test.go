package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	quotedWord   = regexp.MustCompile("`(\\w+)`")
	newTable     = regexp.MustCompile(`CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	renamedTable = regexp.MustCompile(`ALTER TABLE (\w+) RENAME TO (\w+);`)
)

// section returns the part of a page below a heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), page))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(content), "\n## "+heading+"\n")
	require.True(t, found, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// wordsIn lists what stands between back quotes in a text.
func wordsIn(text string) []string {
	var words []string
	for _, match := range quotedWord.FindAllStringSubmatch(text, -1) {
		words = append(words, match[1])
	}
	return words
}

// unproven lists the rows of a table of claims whose last column names no test, or one that does
// not exist.
func unproven(table string, tests map[string]bool) []string {
	var bad []string
	for line := range strings.SplitSeq(table, "\n") {
		claim, rest, row := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || row && claim == "claim" {
			continue
		}
		names := wordsIn(rest)
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !tests[name] }) {
			bad = append(bad, line)
		}
	}
	return bad
}

// testsOf lists the test functions of all modules.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(root(t), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range testFunction.FindAllSubmatch(source, -1) {
			tests[string(match[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	return tests
}

// TestSecurityPage_EachClaimHasItsTest wants the tests that SECURITY.md names to exist.
func TestSecurityPage_EachClaimHasItsTest(t *testing.T) {
	t.Parallel()
	claims := section(t, "SECURITY.md", "Claims, and the tests that hold them")
	require.Greater(t, strings.Count(claims, "\n| "), 20)
	require.Empty(t, unproven(claims, testsOf(t)))
}

// TestUnproven_FindsARow wants a claim without a test to be found.
func TestUnproven_FindsARow(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{"TestThere": true}
	table := "| claim | tests |\n|---|---|\n| one | `TestThere` |\n"
	require.Empty(t, unproven(table, tests))
	require.Len(t, unproven(table+"| two | |\n| three | none |\n| four | `TestThere`, `TestGone` |\n", tests), 3)
}

// TestRetention_EachTableHasItsPeriod wants the list of retention periods to name every table
// once.
func TestRetention_EachTableHasItsPeriod(t *testing.T) {
	t.Parallel()
	named := wordsIn(section(t, "docs/erasure.md", "Retention"))
	named = slices.DeleteFunc(named, func(name string) bool { return strings.HasPrefix(name, "TRANCHE_") })
	slices.Sort(named)
	for _, engine := range []string{"sqlite", "postgres"} {
		files, err := filepath.Glob(filepath.Join(root(t), "internal", "store", engine, "migrations", "*.sql"))
		require.NoError(t, err)
		var tables []string
		for _, file := range files {
			steps, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range newTable.FindAllSubmatch(steps, -1) {
				tables = append(tables, string(match[1]))
			}
			for _, match := range renamedTable.FindAllSubmatch(steps, -1) {
				tables[slices.Index(tables, string(match[1]))] = string(match[2])
			}
		}
		slices.Sort(tables)
		require.Equal(t, tables, named, engine)
	}
}
