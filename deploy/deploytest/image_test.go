package deploytest

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

const (
	nonRoot     = "65532:65532"
	testVersion = "v0.0.0-deploytest"
)

// image is the Dockerfile's result: its files under root, and the configuration of its containers.
type image struct {
	root        string
	env         map[string]string
	labels      map[string]string
	user        string
	workdir     string
	ports       []string
	entrypoint  []string
	command     []string
	healthcheck []string
}

func TestDockerfileIsClean(t *testing.T) {
	t.Parallel()
	stages, warnings := parseDockerfile(t)
	require.Empty(t, warnings)
	for _, stage := range stages {
		require.Regexp(t, `^\S+:[\w.-]+$`, stage.BaseName, "an image is named with its tag")
		require.NotRegexp(t, `:(latest|sid|edge)$`, stage.BaseName, "a tag that does not move to another release")
		for _, command := range stage.Commands {
			require.NotEqual(t, "ADD", strings.ToUpper(command.Name()), "COPY does what it says; ADD fetches and unpacks too")
		}
	}
	last := stages[len(stages)-1]
	for _, command := range last.Commands {
		require.NotEqual(t, "RUN", strings.ToUpper(command.Name()), "the last stage has no shell")
	}
}

func TestImageRunsAsNobodyAndSaysWhatItIs(t *testing.T) {
	t.Parallel()
	img := built(t)
	require.Equal(t, nonRoot, img.user, "by number, or an orchestrator cannot see that it is not root")
	require.Equal(t, []string{"8080"}, img.ports)
	require.Equal(t, "0.0.0.0:8080", img.env["TRANCHE_ADDR"], "loopback could not be reached from outside the container")
	require.Equal(t, []string{"serve"}, img.command)
	require.Equal(t, []string{"CMD", img.entrypoint[0], "health"}, img.healthcheck, "there is no shell in the image")
	for _, label := range []string{"title", "description", "licenses", "version"} {
		require.NotEmpty(t, img.labels["org.opencontainers.image."+label], label)
	}
	require.Equal(t, testVersion, img.labels["org.opencontainers.image.version"])
	info, err := os.Stat(filepath.Join(img.root, img.workdir))
	require.NoError(t, err, "the working directory holds the embedded database")
	require.True(t, info.IsDir())
}

func TestImageHoldsAStaticBinaryStampedWithItsVersion(t *testing.T) {
	t.Parallel()
	img := built(t)
	path := filepath.Join(img.root, img.entrypoint[0])
	binary, err := elf.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, binary.Close()) }()
	for _, part := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "it asks for a dynamic loader, which the image has not")
	}
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)

	cmd := exec.CommandContext(t.Context(), path, "version")
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), testVersion)
}

func TestBuildContextHoldsNoSecretsAndNoTests(t *testing.T) {
	t.Parallel()
	ignored := dockerignore(t)
	for path, want := range map[string]bool{
		"go.mod":                                false,
		"go.sum":                                false,
		"cmd/tranche/main.go":                   false,
		"config/config.go":                      false,
		"handlers/stripe_webhook.go":            false,
		"internal/billing/doc.go":               false,
		"internal/store/migrations/0001.sql":    false,
		"internal/billing/money_test.go":        true,
		"internal/stripesim/testdata/x":         true,
		".git/config":                           true,
		".env":                                  true,
		"tranche.db":                            true,
		"bin/tranche":                           true,
		"deploy/secrets/stripe_secret_key":      true,
		"deploy/tranche.env":                    true,
		"internal/stripesim/contract/go.sum":    true,
		"some/folder/of/the/developer/dump.sql": true,
	} {
		got, err := ignored.MatchesOrParentMatches(path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
}

var buildOnce struct {
	sync.Once
	image image
	err   error
}

// built is the image, built once for all tests.
func built(t *testing.T) image {
	t.Helper()
	buildOnce.Do(func() {
		stages, _ := parseDockerfile(t)
		buildOnce.image, buildOnce.err = buildImage(t, stages)
	})
	require.NoError(t, buildOnce.err)
	require.NotEmpty(t, buildOnce.image.entrypoint, "the image was not built")
	return buildOnce.image
}

// scratch outlives the test that happens to build the image.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "deploytest")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code) //nolint:forbidigo // a test's main has to, or its failure is lost
}

func parseDockerfile(t *testing.T) (stages []instructions.Stage, warnings []string) {
	t.Helper()
	file, err := os.Open(filepath.Join(repo(t), "Dockerfile"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	parsed, err := parser.Parse(file)
	require.NoError(t, err)
	for _, w := range parsed.Warnings {
		warnings = append(warnings, w.Short)
	}
	stages, _, err = instructions.Parse(parsed.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) {
			warnings = append(warnings, rule+": "+message)
		},
	}))
	require.NoError(t, err)
	require.NotEmpty(t, stages)
	return stages, warnings
}

// builder executes one stage. Absolute paths of the image are under root.
type builder struct {
	t       *testing.T
	root    string
	stages  map[string]string // the roots of the earlier stages
	workdir string
	args    map[string]string
	image   image
}

// buildImage executes the Dockerfile's stages, each in its own folder.
func buildImage(t *testing.T, stages []instructions.Stage) (image, error) {
	t.Helper()
	roots := map[string]string{}
	var last image
	for i, stage := range stages {
		b := &builder{
			t: t, root: filepath.Join(scratch, fmt.Sprintf("stage%d", i)), stages: roots, workdir: "/",
			args:  map[string]string{},
			image: image{env: map[string]string{}, labels: map[string]string{}},
		}
		for _, command := range stage.Commands {
			if err := b.do(command); err != nil {
				return image{}, fmt.Errorf("stage %d: %s: %w", i, command, err)
			}
		}
		roots[stage.Name] = b.root
		last = b.image
		last.root, last.workdir = b.root, b.workdir
	}
	return last, nil
}

func (b *builder) do(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.WorkdirCommand:
		b.workdir = c.Path
		return os.MkdirAll(b.path(c.Path), 0o755)
	case *instructions.CopyCommand:
		return b.copy(c)
	case *instructions.RunCommand:
		return b.run(c)
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			b.args[arg.Key] = arg.ValueString()
		}
		if _, ok := b.args["VERSION"]; ok {
			b.args["VERSION"] = testVersion // --build-arg
		}
		return nil
	default:
		return b.configure(command)
	}
}

// configure applies instructions that change no file.
func (b *builder) configure(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			b.image.env[kv.Key] = kv.Value
		}
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			b.image.labels[strings.Trim(kv.Key, `"`)] = os.Expand(strings.Trim(kv.Value, `"`), func(name string) string { return b.args[name] })
		}
	case *instructions.ExposeCommand:
		b.image.ports = c.Ports
	case *instructions.UserCommand:
		b.image.user = c.User
	case *instructions.EntrypointCommand:
		b.image.entrypoint = c.CmdLine
		return execForm(c.PrependShell)
	case *instructions.CmdCommand:
		b.image.command = c.CmdLine
		return execForm(c.PrependShell)
	case *instructions.HealthCheckCommand:
		b.image.healthcheck = c.Health.Test
	default:
		return errors.New("this test does not know the instruction: teach it")
	}
	return nil
}

func execForm(shell bool) error {
	if shell {
		return errors.New("the image has no shell: write it as a JSON list")
	}
	return nil
}

// path returns the path on this machine of a path in the image.
func (b *builder) path(p string) string {
	if !filepath.IsAbs(p) {
		p = filepath.Join(b.workdir, p)
	}
	return filepath.Join(b.root, p)
}

func (b *builder) copy(c *instructions.CopyCommand) error {
	dest := b.path(c.DestPath)
	if c.From != "" {
		return copyTree(filepath.Join(b.stages[c.From], c.SourcePaths[0]), dest, nil)
	}
	for _, source := range c.SourcePaths {
		to := dest
		if strings.HasSuffix(c.DestPath, "/") || source == "." {
			to = filepath.Join(dest, source)
		}
		if err := copyTree(filepath.Join(repo(b.t), source), to, dockerignore(b.t)); err != nil {
			return err
		}
	}
	return nil
}

var absolutePath = regexp.MustCompile(`(^|\s)(/[a-z])`)

// run runs a RUN line in the shell, in the stage's folder.
func (b *builder) run(c *instructions.RunCommand) error {
	script := strings.Join(c.CmdLine, " ")
	cmd := exec.CommandContext(b.t.Context(), "/bin/sh", "-ec", absolutePath.ReplaceAllString(script, "${1}"+b.root+"${2}"))
	cmd.Dir = b.path(".")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	for name, value := range b.args {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func dockerignore(t *testing.T) *patternmatcher.PatternMatcher {
	t.Helper()
	file, err := os.Open(filepath.Join(repo(t), ".dockerignore"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	patterns, err := ignorefile.ReadAll(file)
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	return matcher
}

// copyTree copies a file or a folder, except paths that the patterns ignore.
func copyTree(from, to string, ignored *patternmatcher.PatternMatcher) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if ignored != nil && rel != "." {
			if skip, err := ignored.MatchesOrParentMatches(rel); err != nil {
				return err
			} else if skip && !entry.IsDir() {
				return nil
			}
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
