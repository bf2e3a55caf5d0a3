package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planLockers are the files that lock plans, each with the reason. Whatever changes a plan or its
// charges does so by planwork, which locks the plan: these files change neither.
var planLockers = map[string]string{
	"internal/planwork/work.go":          "the unit of work",
	"internal/cards/duplicates.go":       "locks all plans of a customer in their order, before planwork changes them one by one",
	"internal/operator/cards.go":         "locks all plans of a customer in their order, before planwork changes them one by one",
	"internal/operator/erase.go":         "reads whether the plans have ended, and removes personal data from their rows",
	"internal/outbox/check.go":           "reads whether a notice is still true, so that the plan does not change before the notice is marked as sent",
	"internal/recovery/card.go":          "hands out the plan's own SetupIntent, or revokes the card of several plans: the workers' last check comes before or after",
	"internal/stripecustomer/unknown.go": "releases a Stripe customer that does not exist; plans keep their rows",
}

func TestLockPlan_ChangesGoThroughPlanwork(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for _, p := range listPackages(t) {
		if strings.HasPrefix(p.ImportPath, module+"/internal/store") {
			continue // implements the lock
		}
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			if !callsLockPlan(parsed) {
				continue
			}
			short, err := filepath.Rel(root(t), file)
			require.NoError(t, err)
			short = filepath.ToSlash(short)
			found[short] = planLockers[short]
		}
	}
	require.Equal(t, planLockers, found, "change the plan by planwork.Work.Do or In, or say here why not")
}

func callsLockPlan(file *ast.File) (calls bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		calls = calls || ok && sel.Sel.Name == "LockPlan"
		return true
	})
	return calls
}
