package mutants_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// edit replaces a piece of a source file, which occurs in it once.
type edit struct{ file, old, new string }

// mutant is a guard that is removed by edits, and the test that must then fail.
type mutant struct {
	edits    []edit
	pkg      string // such as ./jobs
	test     string // the name of a test, or of a part of one: TestX/part
	postgres bool   // only PostgreSQL needs the guard
}

// all returns every mutant by the sentence that its guard keeps true.
func all() map[string]mutant {
	mutants := map[string]mutant{}
	for _, some := range []map[string]mutant{sending(), recording(), sharing()} {
		maps.Copy(mutants, some)
	}
	return mutants
}

// TestMutants_AreUpToDate: each edit still finds what it replaces.
func TestMutants_AreUpToDate(t *testing.T) {
	t.Parallel()
	for guard, m := range all() {
		require.NotEmpty(t, m.edits, guard)
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("..", "..", e.file))
			require.NoError(t, err, guard)
			require.Equal(t, 1, strings.Count(string(text), e.old), "%s: the guarded code in %s has changed: %s", guard, e.file, e.old)
		}
	}
}
