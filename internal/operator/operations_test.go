package operator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/operator"
)

// TestOperations_Complete requires of each row that it can be made, and that its question names the
// answer.
func TestOperations_Complete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, spec := range operator.Operations() {
		name := string(spec.Noun) + " " + string(spec.Operation)
		require.False(t, seen[name], "%s is there twice", name)
		seen[name] = true
		require.Equal(t, spec.Operation, operator.Find(spec.Noun, spec.Operation).Operation)
		require.Equal(t, spec.Dangerous(), spec.Confirm.Question != "", name)
		require.Contains(t, spec.Confirm.Question, spec.Confirm.Word, name)
		if spec.Noun == operator.NounPlan || spec.Noun == operator.NounCharge {
			require.NotNil(t, spec.NewInput, name)
			require.True(t, strings.HasSuffix(spec.Route, "/"+spec.Name), name)
		}
	}
	require.Panics(t, func() { operator.Find(operator.NounEvent, operator.OpErase) })
}
