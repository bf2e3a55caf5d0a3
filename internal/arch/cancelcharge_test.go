package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// cancelHome is the one file that may give a charge the status canceled: it keeps the charge due
// until its PaymentIntent is canceled at Stripe too.
const cancelHome = "internal/billing/cancelcharge.go"

func TestChargeCanceled_OneHome(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			if where := givesCanceled(set, parsed); len(where) > 0 {
				short, err := filepath.Rel(root(t), file)
				require.NoError(t, err)
				found[filepath.ToSlash(short)] = where
			}
		}
	}
	require.Contains(t, found, cancelHome)
	delete(found, cancelHome)
	require.Empty(t, found, "use billing.Charge.Cancel")
}

func TestChargeCanceled_TheRuleBites(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code string
		hits int
	}{
		"assigned":     {"c.Status = billing.ChargeCanceled", 1},
		"among others": {"c.Status, c.Reason = billing.ChargeCanceled, why", 1},
		"literal":      {"c := billing.Charge{Status: billing.ChargeCanceled}; _ = c", 1},
		"moved":        {"_ = c.Move(billing.ChargeCanceled, why, next)", 1},
		"kept":         {"to := billing.ChargeCanceled; _ = to", 1},
		"compared":     {"_ = c.Status == billing.ChargeCanceled", 0},
		"switched":     {"switch c.Status { case billing.ChargeCanceled: }", 0},
		"shown":        {"show(c, billing.ChargeCanceled)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, "x.go", "package x\nfunc f() { "+tc.code+" }", parser.SkipObjectResolution)
			require.NoError(t, err)
			require.Len(t, givesCanceled(set, parsed), tc.hits)
		})
	}
}

// givesCanceled lists where a file gives something the status canceled: by assignment, in a
// literal, or as the status that a charge moves to.
func givesCanceled(set *token.FileSet, file *ast.File) []string {
	var where []string
	note := func(values ...ast.Expr) {
		for _, v := range values {
			if isCanceled(v) {
				where = append(where, set.Position(v.Pos()).String())
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			note(n.Rhs...)
		case *ast.KeyValueExpr:
			note(n.Value)
		case *ast.CallExpr:
			if name := calledName(n); name == "Move" || name == "move" || name == "moveTo" {
				note(n.Args...)
			}
		}
		return true
	})
	return where
}

func isCanceled(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "ChargeCanceled"
	case *ast.SelectorExpr:
		return e.Sel.Name == "ChargeCanceled"
	}
	return false
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
