// Package arch holds the tests of the project's shape: who may import whom, and what may lie where.
// It holds no code.
package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "tranche"

// direction is a rule about our own packages. A name covers the packages below it; "..." is every
// package of ours.
type direction struct {
	pkg          string
	mayNotImport []string
	why          string
}

var directions = []direction{
	{"internal/billing", []string{"..."},
		"the domain is what the others meet in; were it to know one of them, it could not be read or tested alone"},
	{"config", []string{"..."},
		"settings are needed before anything else exists, and each package takes only the values it needs"},
	{"internal/timezone", []string{"..."},
		"settings and domain share it, so it must lead to nothing else"},
	{"internal/hostport", []string{"..."},
		"settings and the sender of webhooks share it, so it must lead to nothing else"},
	{"internal/calendar", []string{"..."},
		"dates are counted the same for every plan, so counting must not know one"},
	{"internal/money", []string{"..."},
		"amounts are divided the same for every plan, so dividing must not know one"},
	{"internal/schedule", []string{"..."},
		"plans store their schedule and notices quote it, so a schedule lies below both"},
	{"internal/clock", []string{"..."},
		"a clock is below everything that asks for the time"},
	{"internal/catchup", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"it asks whether charges may be made, and must not be what makes them"},
	{"internal/clockguard", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"the clocks that judge this process are passed in as functions, so the check depends on nothing that it stops"},
	{"internal/locale", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/app", "config", "jobs", "handlers", "scheduler"},
		"texts are below the packages that use them: mails and pages share them"},
	{"jobs", []string{"handlers", "scheduler", "internal/store"},
		"roles meet in SQL and in billing's interfaces, so that each can run on a machine of its own"},
	{"handlers", []string{"jobs", "scheduler", "internal/store"},
		"roles meet in SQL and in billing's interfaces, so that each can run on a machine of its own"},
	{"scheduler", []string{"jobs", "handlers", "internal/store"},
		"roles meet in SQL and in billing's interfaces, so that each can run on a machine of its own"},
	{"internal/terms", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/planning", "config", "jobs", "handlers", "scheduler"},
		"a request is checked before anything is stored or charged, and alike for the API, an import and a payment's metadata"},
	{"internal/task", []string{"internal/planwork", "internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"the scheduler makes tasks and the worker reads them: the package they share depends on neither"},
	{"internal/planwork", []string{"internal/followup", "internal/cards", "internal/collect", "internal/stripeevents", "internal/outbox", "internal/store", "internal/stripegw",
		"internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"everything that changes a plan stands on the unit of work, so it must know none of it"},
	{"internal/stripecustomer", []string{"internal/planwork", "internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"a request, the recovery page and an event find such a customer, and none of them may depend on the others"},
	{"internal/followup", []string{"internal/cards", "internal/collect", "internal/stripeevents", "internal/outbox", "internal/store", "internal/stripegw", "internal/queue",
		"internal/notify", "config", "jobs", "handlers", "scheduler"},
		"a failure has the same consequences however the charge failed"},
	{"internal/cards", []string{"internal/collect", "internal/stripeevents", "internal/outbox", "internal/store", "internal/stripegw", "internal/queue", "internal/notify",
		"config", "jobs", "handlers", "scheduler"},
		"a card is saved in one way, for checkout, page and events alike"},
	{"internal/collect", []string{"internal/stripeevents", "internal/outbox", "internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs",
		"handlers", "scheduler"},
		"a charge must be made safely without any event, and its outcome recorded the same by both"},
	{"internal/stripeevents", []string{"internal/outbox", "internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"events are handled the same wherever they come from: a webhook, Stripe's list, a test"},
	{"internal/outbox", []string{"internal/followup", "internal/cards", "internal/collect", "internal/stripeevents", "internal/store", "internal/stripegw", "internal/queue",
		"config", "jobs", "handlers", "scheduler"},
		"messages are rows of the database: their sender does not depend on the packages that write them"},
	{"internal/plaintext", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/terms", "config", "jobs", "handlers", "scheduler"},
		"texts of requests, settings and Stripe are held to one rule, so the rule must not know where a text came from"},
	{"internal/dunning", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config"},
		"the decision after a decline is a pure function of the failure's data"},
	{"internal/store", []string{"internal/stripegw", "internal/queue", "internal/notify", "jobs", "handlers", "scheduler"},
		"an adapter knows the domain and its own engine; app joins it to the others"},
	{"internal/stripegw", []string{"internal/store", "internal/queue", "internal/notify", "jobs", "handlers", "scheduler"},
		"an adapter knows the domain and its own engine; app joins it to the others"},
	{"internal/queue", []string{"internal/store", "internal/stripegw", "internal/notify", "jobs", "handlers", "scheduler"},
		"an adapter knows the domain and its own engine; app joins it to the others"},
	{"internal/stripelimit", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"an adapter knows the domain and its own engine; app joins it to the others"},
	{"internal/notify", []string{"internal/store", "internal/stripegw", "internal/queue", "jobs", "handlers", "scheduler"},
		"an adapter knows the domain and its own engine; app joins it to the others"},
	{"internal/message", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/view", "config", "jobs", "handlers", "scheduler"},
		"a message is written with the change that it reports, and fixed: neither its sender nor the API's JSON may change it"},
	{"internal/notify/webhook", []string{"internal/notify", "config"},
		"a message to the merchant's server and a mail to a customer have nothing in common but that both go out"},
	{"internal/backfill", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "jobs", "handlers", "scheduler", "config"},
		"it moves events from one interface of billing to another, and the command and the scheduler share it"},
	{"internal/reconcile", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "jobs", "handlers", "scheduler", "config"},
		"a comparison of two records must not depend on either: it reads both by billing's interfaces, and repairs by events alone"},
	{"internal/alarm", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"alarms must not fail together with what they watch: they query the database through billing, and get the rest by functions"},
	{"internal/metrics", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"every package counts, so metrics imports none of them; app joins them by functions"},
	{"internal/export", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"rows come to it through billing, so that the command and the API write the same"},
	{"internal/importing", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"faults in a line are found without a database or Stripe: both are reached through billing"},
	{"internal/operator", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "config", "jobs", "handlers", "scheduler"},
		"an operator's action is written to the database, and carried out by the workers"},
	{"internal/view", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/app", "config", "jobs", "handlers", "scheduler"},
		"API and commands write the same JSON, so it must not need the one to be used by the other"},
	{"internal/recovery", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/notify", "internal/locale", "config", "jobs", "handlers", "scheduler"},
		"what a customer may do follows from billing's interfaces; texts and layout belong to handlers"},
	{"internal/forecast", []string{"internal/stripegw", "internal/queue", "internal/app", "config", "handlers"},
		"it simulates a plan with the worker and the scheduler: what it can't import it can't change"},
	{"internal/stripesim", []string{"internal/store", "internal/stripegw", "internal/queue", "internal/app", "jobs", "handlers", "scheduler"},
		"a simulator that shared code with what it stands in for would share its mistakes"},
}

// ownership is a rule about who may import a package, in code that is not a test.
type ownership struct {
	pkg    string // an import path; it covers the packages below it
	owners []string
	why    string
}

var ownerships = []ownership{
	{module + "/cmd", nil,
		"commands are the top: nothing is built on them"},
	{module + "/internal/app", []string{"cmd"},
		"app wires all packages, so an importer of app would import all of them"},
	{module + "/internal/forecast", []string{"internal/app"},
		"it joins packages that must not import each other; app passes it to its callers as a function"},
	{module + "/internal/stripesim", []string{"cmd", "internal/stripesim", "internal/testbench"},
		"production code has no branch that knows the simulator: it is reached by URL alone"},
	{"github.com/stripe/stripe-go", []string{"internal/stripegw", "internal/stripesim"},
		"Stripe's errors print client secrets: they are mapped where they enter, and nowhere else"},
	{"github.com/hibiken/asynq", []string{"internal/queue", "jobs", "internal/app"},
		"the queue is disposable, and stays so while only its own rooms know which one it is"},
	{"github.com/redis/go-redis", []string{"internal/queue", "internal/stripelimit", "internal/testenv"},
		"nothing but hints is kept in Redis, which holds while nothing else can write there"},
	{"github.com/go-redis/redis_rate", []string{"internal/queue", "internal/stripelimit"},
		"the bucket is kept in Redis, which nothing else reaches"},
	{"golang.org/x/time", []string{"internal/queue", "internal/stripelimit"},
		"all processes share one rate: a bucket elsewhere would be a second one"},
	{"github.com/sony/gobreaker", []string{"internal/stripegw"},
		"the circuit breaker sits where Stripe is called, and shows as an error of billing's"},
	{"github.com/chromedp", nil,
		"a browser is driven by tests alone"},
	{"github.com/alicebob/miniredis", []string{"internal/queue"},
		"the embedded Redis is the queue's default engine, and no database"},
	{"github.com/jackc/pgx", []string{"internal/store", "internal/testenv"},
		"SQL lies behind one contract that both engines are tested against"},
	{"github.com/schollz/progressbar", []string{"cmd"},
		"only a command has a terminal to draw on"},
	{"modernc.org/sqlite", []string{"internal/store"},
		"SQL lies behind one contract that both engines are tested against"},
	{"github.com/pressly/goose", []string{"internal/store"},
		"migrations belong to the store, which knows its engine and its lock"},
	{"github.com/wneessen/go-mail", []string{"internal/notify"},
		"mail goes out through the outbox alone, or a notice could be sent twice"},
	{"github.com/standard-webhooks", []string{"internal/notify/webhook"},
		"messages to endpoints are signed where they are sent, and secrets opened nowhere else"},
	{"code.dny.dev/ssrf", []string{"internal/notify/webhook"},
		"addresses are checked in the one place that calls other people's URLs"},
	{"github.com/nicksnyder/go-i18n", []string{"internal/locale"},
		"customers' texts have one place, where every language is checked"},
	{"github.com/go-playground/locales", []string{"internal/locale"},
		"dates are formatted in one way everywhere"},
	{"github.com/prometheus", []string{"internal/metrics"},
		"metrics hang on one registry of the process and never on the library's global one"},
	{"github.com/rs/zerolog", []string{"internal/alarm", "internal/catchup", "internal/clockguard", "cmd", "config", "jobs", "handlers", "scheduler", "internal/app", "internal/alarm", "internal/notify",
		"internal/planwork", "internal/queue", "internal/store", "internal/stripegw", "internal/stripelimit", "internal/stripesim", "internal/testbench"},
		"billing and dunning are pure: they return their findings, and the caller logs them"},
	{module + "/internal/testenv", []string{"internal/store/storetest", "internal/queue/queuetest"},
		"test-only code stays out of the binary"},
	{module + "/internal/testbench", nil,
		"test-only code stays out of the binary"},
	{"github.com/stretchr/testify", []string{"internal/store/storetest", "internal/queue/queuetest", "internal/testbench"},
		"test-only code stays out of the binary"},
}

// bannedNames say nothing of what is in them, so everything ends up there.
var bannedNames = []string{"pkg", "util", "utils", "common", "models", "helper", "helpers", "misc"}

// topLevel is what a newcomer finds in the root; names that begin with a dot may lie there too.
var topLevel = []string{
	"cmd", "config", "jobs", "handlers", "scheduler", "internal", "deploy", "docs",
	"Makefile", "Dockerfile", "go.mod", "go.sum",
	"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE",
}

// architectureWords bounds ARCHITECTURE.md: a longer page is not read before a change.
const architectureWords = 1600

// goPackage is a package as go list prints it.
type goPackage struct {
	Dir        string
	ImportPath string
	GoFiles    []string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	require.Empty(t, violations(listPackages(t)))
}

// TestTheRulesBite shows that a broken rule of each kind is found, so that an empty answer means
// something.
func TestTheRulesBite(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]goPackage{
		"domain imports an adapter": {ImportPath: "tranche/internal/billing", Imports: []string{"tranche/internal/store"}},
		"below the domain":          {ImportPath: "tranche/internal/billing/sub", Imports: []string{"tranche/config"}},
		"domain imports a library":  {ImportPath: "tranche/internal/billing", Imports: []string{"github.com/google/uuid"}},
		"role imports a role":       {ImportPath: "tranche/jobs", Imports: []string{"tranche/handlers"}},
		"stripe-go beside its room": {ImportPath: "tranche/jobs", Imports: []string{"github.com/stripe/stripe-go/v76/client"}},
		"simulator in production":   {ImportPath: "tranche/internal/app", Imports: []string{"tranche/internal/stripesim"}},
		"command imported":          {ImportPath: "tranche/internal/app", Imports: []string{"tranche/cmd/tranche"}},
	} {
		require.Len(t, violations([]goPackage{p}), 1, name)
	}
	require.Empty(t, violations([]goPackage{
		{ImportPath: "tranche/internal/billing", Imports: []string{"tranche/internal/billing/sub", "context", "crypto/rand"}},
		{ImportPath: "tranche/internal/queue", Imports: []string{"github.com/hibiken/asynq", "tranche/internal/billing"}},
		{ImportPath: "tranche/jobsite", Imports: []string{"tranche/handlers"}},
	}))
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		if len(p.GoFiles) == 0 { // tests alone
			continue
		}
		commented := slices.DeleteFunc(slices.Clone(p.GoFiles), func(name string) bool {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			require.NoError(t, err)
			return file.Doc.Text() == ""
		})
		require.Len(t, commented, 1, "%s: files with a package comment", p.ImportPath)
	}
}

func TestPackagesAreNamedAfterWhatTheyDo(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			require.NotContains(t, bannedNames, part, p.ImportPath)
		}
	}
}

func TestTheTopLevelHoldsWhatItShould(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root(t))
	require.NoError(t, err)
	ignored := ignoredAtTopLevel(t)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.ContainsFunc(ignored, func(pattern string) bool { return matches(pattern, name) }) {
			continue
		}
		require.Contains(t, topLevel, name, "the top level is a table of contents: put it into one of its rooms")
	}
}

// TestTheBinaryCarriesTimeZones: an image that holds nothing else has no zone files, and without
// them every customer would be taken to live in UTC.
func TestTheBinaryCarriesTimeZones(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		if p.ImportPath == module+"/cmd/tranche" {
			require.Contains(t, p.Imports, "time/tzdata")
			return
		}
	}
	require.Fail(t, "no cmd/tranche")
}

func TestArchitectureStaysShort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if errors.Is(err, os.ErrNotExist) {
		return // not written yet
	}
	require.NoError(t, err)
	require.LessOrEqual(t, len(strings.Fields(string(text))), architectureWords)
}

// violations lists every import that breaks a rule, with the rule's reason.
func violations(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		for _, imported := range p.Imports {
			for _, why := range broken(p.ImportPath, imported) {
				found = append(found, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imported, why))
			}
		}
	}
	return found
}

// leaves are what every package may import: they import only the standard library and one another.
var leaves = []string{
	module + "/internal/timezone", module + "/internal/hostport", module + "/internal/calendar", module + "/internal/money",
	module + "/internal/schedule",
}

func broken(importer, imported string) []string {
	if slices.Contains(leaves, imported) {
		return nil
	}
	var whys []string
	for _, rule := range directions {
		if within(importer, ours(rule.pkg)) && !within(imported, ours(rule.pkg)) &&
			slices.ContainsFunc(rule.mayNotImport, func(name string) bool { return within(imported, ours(name)) }) {
			whys = append(whys, rule.why)
		}
	}
	for _, rule := range ownerships {
		if within(imported, rule.pkg) && within(importer, module) &&
			!slices.ContainsFunc(rule.owners, func(name string) bool { return within(importer, ours(name)) }) {
			whys = append(whys, rule.why)
		}
	}
	if within(importer, ours("internal/billing")) && !within(imported, module) && !standard(imported) {
		whys = append(whys, "the domain is written with the standard library only")
	}
	return whys
}

func ours(name string) string {
	if name == "..." {
		return module
	}
	return module + "/" + name
}

// within reports whether an import path is pkg or below it. Major versions of a library are below
// it.
func within(importPath, pkg string) bool {
	return importPath == pkg || strings.HasPrefix(importPath, pkg+"/")
}

// standard reports whether a path is in the standard library, by go's own rule: its first element
// has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	// -e: a package that does not build is the compiler's to report; here it would hide every other
	// finding.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=Dir,ImportPath,GoFiles,Imports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.NotEmpty(t, packages)
	return packages
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	return dir
}

// ignoredAtTopLevel is what .gitignore names in the root: built there, and part of nothing.
func ignoredAtTopLevel(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), ".gitignore"))
	require.NoError(t, err)
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "/"); ok {
			patterns = append(patterns, strings.TrimSuffix(p, "/"))
		}
	}
	return patterns
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// unracedList is the Makefile's list of the packages that are tested once more, without the race
// detector.
var unracedList = regexp.MustCompile(`(?m)^UNRACED := (.*) \$\(addprefix \./internal/,(.*)\)$`)

// TestWhatTheRaceDetectorLeavesOutIsTestedWithoutIt: a test that is left out in the run with the
// detector, by its build tag or because it is one of SQLite's, is in a package that the other run
// tests.
func TestWhatTheRaceDetectorLeavesOutIsTestedWithoutIt(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	found := unracedList.FindStringSubmatch(string(makefile))
	require.NotNil(t, found, "the Makefile has no such list")
	var listed []string
	for pkg := range strings.FieldsSeq(found[1]) {
		listed = append(listed, strings.TrimPrefix(pkg, "./"))
	}
	for pkg := range strings.FieldsSeq(found[2]) {
		listed = append(listed, "internal/"+pkg)
	}
	left := map[string]bool{}
	err = filepath.WalkDir(root(t), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(string(text), "package ")
		if strings.Contains(head, "//go:build !race") || strings.Contains(string(text), "storetest.EachEngine(") {
			dir, err := filepath.Rel(root(t), filepath.Dir(file))
			left[filepath.ToSlash(dir)] = true
			return err
		}
		return nil
	})
	require.NoError(t, err)
	delete(left, "internal/arch") // here it is only spoken of
	require.ElementsMatch(t, slices.Collect(maps.Keys(left)), listed)
}
