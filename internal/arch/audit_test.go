package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// auditedPackages are where people, customers and the merchant's servers change data.
var auditedPackages = []string{"internal/operator", "internal/planning", "internal/recovery", "internal/importing", "handlers"}

// changesRows matches the methods of the interfaces of billing that change rows. Those that open
// and close incidents make their entries themselves.
var changesRows = regexp.MustCompile(`^(Insert|Update|Delete|Revoke|Erase|BindConsent|Rebind).+`)

// writesEntry matches the methods of planwork.Tx that write audit entries.
var writesEntry = regexp.MustCompile(`^(Add)?Audit(By|Plan|Card|First)?$`)

// unaudited are the functions that change rows without an audit entry, each with the reason.
var unaudited = map[string]string{
	"handlers.insert":                      "takes in events of Stripe, which the inbox shows",
	"internal/operator.once":               "keeps the idempotency key of the change that is made in it",
	"internal/operator.put":                "step of a change, whose entry is written at its end",
	"internal/operator.muteRefunds":        "step of a change, whose entry is written at its end",
	"internal/planning.confirm":            "step of creating a plan, which insertRows ends with plan.created",
	"internal/planning.insertConsent":      "step of creating a plan: the consent is a record of its own",
	"internal/planning.insertRows":         "step of creating a plan, whose entry its caller writes in the same transaction",
	"internal/planning.saveCustomer":       "step of creating a plan, whose entry its caller writes in the same transaction",
	"internal/planning.closeAttempt":       "records Stripe's answer to a request; plan.discarded follows",
	"internal/planning.recordFirstPayment": "records the PaymentIntent of the plan that plan.created reports",
}

// TestChanges_WriteAuditEntries: a function that changes rows writes an audit entry in the same
// call, or is called only by functions that do, or is in the list with a reason.
func TestChanges_WriteAuditEntries(t *testing.T) {
	t.Parallel()
	methods := rowMethods(t)
	require.Subset(t, methods, []string{"UpdatePlan", "DeletePlan", "RevokePayLinks", "EraseCustomer", "UpdateEndpoint"})
	var found []string
	for _, pkg := range auditedPackages {
		found = append(found, silentChanges(pkg, callsOf(t, pkg, methods))...)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(unaudited)), found)
}

// rowMethods returns the methods of billing's interfaces that change rows, apart from InsertAudit.
func rowMethods(t *testing.T) (methods []string) {
	t.Helper()
	for _, file := range parsed(t, "internal/billing") {
		ast.Inspect(file, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			for _, m := range i.Methods.List {
				for _, name := range m.Names {
					if changesRows.MatchString(name.Name) && name.Name != "InsertAudit" {
						methods = append(methods, name.Name)
					}
				}
			}
			return true
		})
	}
	return methods
}

// parsed returns the files of a package, without its tests.
func parsed(t *testing.T, pkg string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root(t), pkg, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// functionCalls is what a function calls: its names, and whether it changes rows and makes an entry
// by itself.
type functionCalls struct {
	names            []string
	changes, entered bool
}

// callsOf returns the calls of each function of a package.
func callsOf(t *testing.T, pkg string, methods []string) map[string]functionCalls {
	t.Helper()
	calls := map[string]functionCalls{}
	for _, file := range parsed(t, pkg) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			c := calls[f.Name.Name] // methods of several types that share a name count as one
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					c.names = append(c.names, n.Name) // a function may be passed on before it is called
					c.entered = c.entered || n.Name == "InsertAudit" || n.Name == "AuditEntry"
				case *ast.CallExpr:
					c.changes = c.changes || slices.Contains(methods, methodOf(n))
					c.entered = c.entered || writesEntry.MatchString(methodOf(n))
				}
				return true
			})
			calls[f.Name.Name] = c
		}
	}
	return calls
}

// methodOf returns the name of the method that is called; empty for a function, also one of another
// package.
func methodOf(c *ast.CallExpr) string {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := s.X.(*ast.Ident); ok && slices.Contains([]string{"billing", "operator", "planning", "recovery", "importing"}, of.Name) {
		return ""
	}
	return s.Sel.Name
}

// silentChanges returns the functions that change rows although neither they nor what they call
// makes an audit entry.
func silentChanges(pkg string, calls map[string]functionCalls) (silent []string) {
	for name, c := range calls {
		if c.changes && !makesEntry(name, calls, map[string]bool{}) {
			silent = append(silent, pkg+"."+name)
		}
	}
	return silent
}

// makesEntry reports whether a function, or one of the package that it calls, makes an audit entry.
func makesEntry(name string, calls map[string]functionCalls, seen map[string]bool) bool {
	seen[name] = true
	if calls[name].entered {
		return true
	}
	for _, called := range calls[name].names {
		if _, own := calls[called]; own && !seen[called] && makesEntry(called, calls, seen) {
			return true
		}
	}
	return false
}

func TestSilentChanges_FindsAFunction(t *testing.T) {
	t.Parallel()
	calls := map[string]functionCalls{
		"silent": {changes: true, names: []string{"helper"}}, "helper": {},
		"audited": {changes: true, names: []string{"record"}}, "record": {entered: true}, "reader": {names: []string{"record"}},
	}
	require.Equal(t, []string{"pkg.silent"}, silentChanges("pkg", calls))
}
