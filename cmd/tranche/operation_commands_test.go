package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/operator"
)

// TestCommands_EveryOperation requires a command for each operation, with a flag for each field of
// its input, a dry run, and --yes if it is dangerous.
func TestCommands_EveryOperation(t *testing.T) {
	t.Parallel()
	root := new(cli).root()
	for _, spec := range operator.Operations() {
		cmd, rest, err := root.Find(strings.Fields(spec.Command()))
		require.NoError(t, err, spec.Command())
		require.Empty(t, rest, spec.Command())
		require.Equal(t, spec.Name, cmd.Name())
		if spec.Operation != operator.OpUpdate { // it asks only if charges move
			require.Equal(t, spec.Dangerous(), cmd.Flags().Lookup("yes") != nil, "%s --yes", spec.Command())
		}
		undone := spec.Operation == operator.OpPause || spec.Operation == operator.OpRetry || spec.Operation == operator.OpClose
		require.Equal(t, !undone, cmd.Flags().Lookup("dry-run") != nil, "%s --dry-run", spec.Command())
		if spec.NewInput == nil {
			continue
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(spec.NewInput()).Elem()) {
			flag := strings.ReplaceAll(f.Tag.Get("json"), "_", "-")
			if flag == "dates" {
				flag = "shift"
			}
			require.NotNil(t, cmd.Flags().Lookup(flag), "%s --%s", spec.Command(), flag)
		}
	}
}
