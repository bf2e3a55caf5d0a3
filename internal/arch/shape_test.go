package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// maxMethods bounds the methods of a type: each of them can reach all of its fields.
	maxMethods = 40
	// maxJobsLines bounds package jobs, which lists the tasks and leaves the work to others.
	maxJobsLines = 300
	// maxBillingFiles bounds the files of the domain. What has a name of its own gets a package.
	maxBillingFiles = 45
)

// wideTypes are the types that may have more than maxMethods methods, each with its reason.
var wideTypes = map[string]string{
	"cmd/tranche.cli":           "one method for each command, help text and step of one; all share the input, the output and two flags",
	"internal/stripesim.Server": "one method for each request of Stripe's API that is simulated; all read and write one state",
	"internal/store.Store":      "implements billing.Store, WebhookStore and the other interfaces of a database",
	"internal/store.reader":     "implements billing.Reader, for a database and for a transaction",
	"internal/store.tx":         "implements billing.Tx",
	"internal/stripegw.Gateway": "implements billing.Gateway",
}

func TestTypes_HaveFewMethods(t *testing.T) {
	t.Parallel()
	methods := map[string]int{}
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			countMethods(file, strings.TrimPrefix(p.ImportPath, module+"/"), methods)
		}
	}
	require.Empty(t, misshapen(methods, wideTypes))
}

// countMethods adds the methods that a file declares to the counts by package and type.
func countMethods(file *ast.File, pkg string, counts map[string]int) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
			counts[pkg+"."+receiverOf(f)]++
		}
	}
}

// receiverOf returns the name of a method's type, without its type parameters.
func receiverOf(f *ast.FuncDecl) string {
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	switch generic := e.(type) {
	case *ast.IndexExpr:
		e = generic.X
	case *ast.IndexListExpr:
		e = generic.X
	}
	return nameOf(e)
}

// misshapen returns the types with too many methods, and the exceptions that are not needed.
func misshapen(methods map[string]int, exceptions map[string]string) (faults []string) {
	for name, n := range methods {
		if n > maxMethods && exceptions[name] == "" {
			faults = append(faults, fmt.Sprintf("%s has %d methods, more than %d: split it by what it needs", name, n, maxMethods))
		}
	}
	for name := range exceptions {
		if methods[name] <= maxMethods {
			faults = append(faults, fmt.Sprintf("%s has %d methods and needs no exception", name, methods[name]))
		}
	}
	slices.Sort(faults)
	return faults
}

func TestMisshapen_FindsATypeAndAnException(t *testing.T) {
	t.Parallel()
	source := "package p\n"
	for i := range maxMethods {
		source += fmt.Sprintf("func (x *wide[K, V]) m%d() {}\nfunc (x narrow) m%d() {}\n", i, i)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source+"func (wide[K, V]) more() {}\nfunc plain() {}", 0)
	require.NoError(t, err)
	methods := map[string]int{}
	countMethods(file, "p", methods)
	require.Equal(t, map[string]int{"p.wide": maxMethods + 1, "p.narrow": maxMethods}, methods)
	require.Len(t, misshapen(methods, nil), 1)
	require.Empty(t, misshapen(methods, map[string]string{"p.wide": "a reason"}))
	require.Len(t, misshapen(methods, map[string]string{"p.wide": "a reason", "p.narrow": "a reason"}), 1)
}

func TestJobsAndBilling_StaySmall(t *testing.T) {
	t.Parallel()
	lines := 0
	for _, p := range listPackages(t) {
		switch p.ImportPath {
		case module + "/internal/billing":
			require.LessOrEqual(t, len(p.GoFiles), maxBillingFiles)
		case module + "/jobs":
			for _, name := range p.GoFiles {
				data, err := os.ReadFile(filepath.Join(p.Dir, name))
				require.NoError(t, err)
				lines += bytes.Count(data, []byte("\n"))
			}
		}
	}
	require.Positive(t, lines, "package jobs was not found")
	require.LessOrEqual(t, lines, maxJobsLines)
}
