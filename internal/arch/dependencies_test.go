package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// dependencyRow finds the module in a row of docs/dependencies.md.
var dependencyRow = regexp.MustCompile(`(?m)^\| ([a-z0-9.-]+\.[a-z]+/[^ ]+) \| [^ ]`)

// directRequirement finds a module that a go.mod requires directly.
var directRequirement = regexp.MustCompile(`(?m)^\t([a-z0-9.-]+\.[a-z]+/\S+) \S+$`)

// TestDependencies_EachHasItsReason compares docs/dependencies.md with the direct requirements of
// every go.mod.
func TestDependencies_EachHasItsReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "dependencies.md"))
	require.NoError(t, err)
	var required []string
	err = filepath.WalkDir(root(t), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "go.mod" {
			return err
		}
		text, err := os.ReadFile(path)
		required = append(required, modules(directRequirement, text)...)
		return err
	})
	require.NoError(t, err)
	slices.Sort(required)
	explained := modules(dependencyRow, page)
	slices.Sort(explained)
	require.Equal(t, slices.Compact(required), explained)
}

// modules lists the first group of every match.
func modules(pattern *regexp.Regexp, text []byte) []string {
	var found []string
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		found = append(found, string(match[1]))
	}
	return found
}
