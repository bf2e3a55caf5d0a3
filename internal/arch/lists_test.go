package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cappedLists are the methods that return billing.MaxPage rows at most, by the filter that they
// take.
var cappedLists = map[string]string{
	"Plans": "PlanFilter", "Notices": "NoticeFilter", "Consents": "ConsentFilter", "Events": "EventFilter", "ListCustomers": "CustomerFilter",
	"AuditTrail": "AuditFilter", "Deliveries": "DeliveryFilter", "ListCharges": "ChargeFilter",
}

// TestList_CappedWithoutLimit requires a limit for each list that is read once. A caller that needs
// every row uses billing.EachPlan and the like, because a single list omits rows beyond the first
// page.
func TestList_CappedWithoutLimit(t *testing.T) {
	files := 0
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "internal/store/") || strings.Contains(file, "internal/billing/lists.go") {
			continue
		}
		files++
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		require.NoError(t, err)
		for _, at := range uncounted(parsed) {
			t.Errorf("%s: a list that is cut at billing.MaxPage: use billing.EachPlan or its like, or set Limit", set.Position(at))
		}
	}
	require.Greater(t, files, 100)
}

// uncounted finds the calls of capped lists whose filter sets no limit.
func uncounted(file *ast.File) (found []token.Pos) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		called, ok := call.Fun.(*ast.SelectorExpr)
		filter, isLiteral := call.Args[1].(*ast.CompositeLit)
		if ok && isLiteral && cappedLists[called.Sel.Name] == nameOf(filter.Type) && !sets(filter, "Limit") {
			found = append(found, call.Pos())
		}
		return true
	})
	return found
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

func sets(literal *ast.CompositeLit, field string) bool {
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok && nameOf(pair.Key) == field {
			return true
		}
	}
	return false
}

func TestUncounted_FindsACall(t *testing.T) {
	const source = `package p
func f() { s.Plans(ctx, billing.PlanFilter{Customer: id}); s.Plans(ctx, billing.PlanFilter{Limit: 1}); s.Plans(ctx, f) }`
	parsed, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	require.NoError(t, err)
	require.Len(t, uncounted(parsed), 1)
}

// goFiles lists the Go files of the module.
func goFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return err
	})
	require.NoError(t, err)
	return files
}
