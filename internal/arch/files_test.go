package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// loopsAllowed are the packages whose files may call each other in a loop, each with the reason.
var loopsAllowed = map[string]string{
	"cmd/tranche":              "every file adds commands to one type, which gives them settings and output",
	"internal/stripesim":       "objects at Stripe refer to each other, as their files do",
	"internal/chaos":           "a test program: faults, world and audit are one run",
	"internal/store/storetest": "test-only: one suite in several files",
}

// call is a use of a function or method in another file of the package.
type call struct {
	from, to       string // files
	caller, callee string // functions
}

// TestFilesCallDown: a file calls down, not up, so that a package can be read from its top file to
// its lowest. Types and constants may be used in any direction.
func TestFilesCallDown(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	our := newChecker(t, packages)
	var broken, needless []string
	for _, p := range packages {
		if len(p.GoFiles) < 2 {
			continue
		}
		_, err := our.Import(p.ImportPath)
		require.NoError(t, err)
		found := loops(our.checked[p.ImportPath].callsBetweenFiles())
		_, allowed := loopsAllowed[strings.TrimPrefix(p.ImportPath, module+"/")]
		switch {
		case allowed && len(found) == 0:
			needless = append(needless, p.ImportPath)
		case !allowed:
			for _, line := range found {
				broken = append(broken, p.ImportPath+": "+line)
			}
		}
	}
	require.Empty(t, broken, "calls in a loop of files: move a function to the file where it belongs, or what both files need to a third")
	require.Empty(t, needless, "these packages have no loop any more: remove them from loopsAllowed")
}

func TestFilesCallDown_TheRuleBites(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files []string // a.go, b.go and so on
		want  []string
	}{
		"functions": {
			[]string{"func up() { down() }", "func down() { up() }"},
			[]string{"a.go calls b.go: up uses down", "b.go calls a.go: down uses up"},
		},
		"methods": {
			[]string{"type T struct{}; func (t *T) Up() { t.down() }", "func (t *T) down() { t.Up() }"},
			[]string{"a.go calls b.go: (*T).Up uses (*T).down", "b.go calls a.go: (*T).down uses (*T).Up"},
		},
		"three files": {
			[]string{"func one() { two() }", "func two() { three() }", "func three() { one() }"},
			[]string{"a.go calls b.go: one uses two", "b.go calls c.go: two uses three", "c.go calls a.go: three uses one"},
		},
		"other functions of two files": {
			[]string{"func up() { down() }; func helper() {}", "func down() { helper() }"},
			[]string{"a.go calls b.go: up uses down", "b.go calls a.go: down uses helper"},
		},
		"a table": {
			[]string{"var table = []func(){down}; func read() {}", "func down() { read() }"},
			[]string{"a.go calls b.go: table uses down", "b.go calls a.go: down uses read"},
		},
		"an interface's method": {
			[]string{"type I interface{ Do() }; func up(i I) { down(i) }", "func down(i I) { i.Do() }"},
			[]string{"a.go calls b.go: up uses down", "b.go calls a.go: down uses (I).Do"},
		},
		"a generic method": {
			[]string{"type G[T any] struct{}; func (G[T]) Up() {}; func up() { down() }", "func down() { G[int]{}.Up() }"},
			[]string{"a.go calls b.go: up uses down", "b.go calls a.go: down uses (G[T]).Up"},
		},
		"below a loop": {
			[]string{"func up() { down() }", "func down() { up(); lowest() }", "func lowest() {}"},
			[]string{"a.go calls b.go: up uses down", "b.go calls a.go: down uses up"},
		},
		"down only":        {[]string{"func up() { down(); lowest() }", "func down() { lowest() }", "func lowest() {}"}, nil},
		"types in a loop":  {[]string{"type A struct{ B *B }", "type B struct{ A *A }"}, nil},
		"a function value": {[]string{"func up() { down(up) }", "func down(do func()) { do() }"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fset := token.NewFileSet()
			files := make([]*ast.File, len(tc.files))
			for i, code := range tc.files {
				var err error
				files[i], err = parser.ParseFile(fset, string(rune('a'+i))+".go", "package x\n"+code, parser.SkipObjectResolution)
				require.NoError(t, err)
			}
			p, err := check("x", fset, files, nil)
			require.NoError(t, err)
			require.Equal(t, tc.want, loops(p.callsBetweenFiles()))
		})
	}
}

// checkedPackage is a package of ours with the meaning of each name in it.
type checkedPackage struct {
	fset  *token.FileSet
	files []*ast.File
	types *types.Package
	info  types.Info
}

// check resolves the names in a package's files.
func check(path string, fset *token.FileSet, files []*ast.File, imports types.Importer) (checkedPackage, error) {
	p := checkedPackage{fset: fset, files: files, info: types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}}
	conf := types.Config{Importer: imports}
	var err error
	p.types, err = conf.Check(path, fset, files, &p.info)
	return p, err
}

// callsBetweenFiles returns one call for each pair of files of which the first uses a function or
// method of the second, sorted by the files.
func (p checkedPackage) callsBetweenFiles() []call {
	fileOf := func(at token.Pos) string { return filepath.Base(p.fset.Position(at).Filename) }
	var found []call
	known := map[[2]string]bool{}
	for _, file := range p.files {
		for name, node := range declared(file) {
			ast.Inspect(node, func(n ast.Node) bool {
				used, _ := n.(*ast.Ident)
				callee, ok := p.info.Uses[used].(*types.Func)
				if !ok || callee.Pkg() != p.types {
					return true
				}
				pair := [2]string{fileOf(file.Package), fileOf(callee.Pos())}
				if pair[0] != pair[1] && !known[pair] {
					known[pair] = true
					found = append(found, call{pair[0], pair[1], p.shortName(p.info.Defs[name]), p.shortName(callee.Origin())})
				}
				return true
			})
		}
	}
	slices.SortFunc(found, func(a, b call) int { return strings.Compare(a.from+" "+a.to, b.from+" "+b.to) })
	return found
}

// declared yields the name and the node of every function, variable, constant and type of a file,
// in order.
func declared(file *ast.File) func(yield func(*ast.Ident, ast.Node) bool) {
	return func(yield func(*ast.Ident, ast.Node) bool) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !yield(f.Name, f) {
				return
			}
			group, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				if name := firstName(spec); name != nil && !yield(name, spec) {
					return
				}
			}
		}
	}
}

// firstName returns the first name that a specification declares; nil for an import.
func firstName(spec ast.Spec) *ast.Ident {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		return s.Names[0]
	case *ast.TypeSpec:
		return s.Name
	}
	return nil
}

// shortName returns the name of an object, with its receiver and without its package.
func (p checkedPackage) shortName(o types.Object) string {
	f, ok := o.(*types.Func)
	if !ok {
		return o.Name()
	}
	return strings.ReplaceAll(f.FullName(), p.types.Path()+".", "")
}

// loops describes the calls whose callee's file leads back to the caller's file.
func loops(calls []call) []string {
	next := map[string][]string{}
	for _, c := range calls {
		next[c.from] = append(next[c.from], c.to)
	}
	var found []string
	for _, c := range calls {
		if leads(next, c.to, c.from, map[string]bool{}) {
			found = append(found, fmt.Sprintf("%s calls %s: %s uses %s", c.from, c.to, c.caller, c.callee))
		}
	}
	return found
}

// leads reports whether calls lead from one file to another.
func leads(next map[string][]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	return slices.ContainsFunc(next[from], func(file string) bool { return !seen[file] && leads(next, file, to, seen) })
}

// checker checks our packages from source, and reads the types of all others as they were compiled.
type checker struct {
	fset     *token.FileSet
	ours     map[string]goPackage
	compiled types.Importer
	checked  map[string]checkedPackage
}

func newChecker(t *testing.T, packages []goPackage) *checker {
	t.Helper()
	c := &checker{fset: token.NewFileSet(), ours: map[string]goPackage{}, checked: map[string]checkedPackage{}}
	others := map[string]bool{}
	for _, p := range packages {
		c.ours[p.ImportPath] = p
		for _, path := range p.Imports {
			if !within(path, module) && path != "unsafe" {
				others[path] = true
			}
		}
	}
	exports := listExports(t, slices.Sorted(maps.Keys(others)))
	c.compiled = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return c
}

// Import returns the types of a package.
func (c *checker) Import(path string) (*types.Package, error) {
	p, isOurs := c.ours[path]
	if !isOurs {
		return c.compiled.Import(path)
	}
	if known, ok := c.checked[path]; ok {
		return known.types, nil
	}
	files := make([]*ast.File, len(p.GoFiles))
	for i, name := range p.GoFiles {
		var err error
		if files[i], err = parser.ParseFile(c.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
	}
	checked, err := check(path, c.fset, files, c)
	c.checked[path] = checked
	return checked.types, err
}

// listExports returns, for packages and everything that they import, the files with their types.
// The packages are compiled as make build does, so usually nothing is left to compile.
func listExports(t *testing.T, paths []string) map[string]string {
	t.Helper()
	args := append([]string{"list", "-trimpath", "-export", "-deps", "-json=ImportPath,Export"}, paths...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = root(t), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	exports := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return exports
		}
		require.NoError(t, err)
		exports[p.ImportPath] = p.Export
	}
}
