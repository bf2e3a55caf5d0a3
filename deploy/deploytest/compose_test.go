package deploytest

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// roles are the services that run the binary permanently.
var roles = []string{"ingress", "worker", "scheduler"}

func TestComposeHasOneServiceForEachRole(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	require.ElementsMatch(t, append([]string{"migrate", "postgres", "redis"}, roles...), project.ServiceNames())
	for _, role := range roles {
		service := project.Services[role]
		require.Equal(t, types.ShellCommand{"serve", "--roles=" + role}, service.Command)
		require.Equal(t, "service_completed_successfully", service.DependsOn["migrate"].Condition, role)
		require.Equal(t, "service_healthy", service.DependsOn["postgres"].Condition, role)
		require.Equal(t, "service_healthy", service.DependsOn["redis"].Condition, role)
		require.Equal(t, "unless-stopped", service.Restart, role)
		require.Contains(t, service.Networks, "outside", "%s calls Stripe or is called", role)
	}
	migrate := project.Services["migrate"]
	require.Equal(t, types.ShellCommand{"migrate"}, migrate.Command)
	require.Equal(t, "no", migrate.Restart)
	require.Equal(t, "service_healthy", migrate.DependsOn["postgres"].Condition)
	require.GreaterOrEqual(t, time.Duration(*project.Services["worker"].StopGracePeriod), time.Minute, "a call to Stripe may take that long")
}

func TestComposeContainersCanDoLittle(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for name, service := range project.Services {
		require.NotContains(t, []string{"", "root", "0", "0:0"}, service.User, name)
		require.True(t, service.ReadOnly, name)
		require.False(t, service.Privileged, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		require.Regexp(t, `:[\w.-]+$`, service.Image, name)
		require.NotContains(t, service.Image, ":latest", name)
		require.Contains(t, service.Logging.Options, "max-size", "%s would fill the disk", name)
		if name == "migrate" {
			continue // it exits by itself
		}
		require.NotNil(t, service.HealthCheck, name)
		require.NotEmpty(t, service.HealthCheck.Test, name)
		require.NotNil(t, service.Deploy.Resources.Limits, name)
		require.NotNil(t, service.Deploy.Resources.Reservations, name)
	}
	require.True(t, project.Networks["data"].Internal)
	for _, name := range []string{"postgres", "redis"} {
		service := project.Services[name]
		require.Equal(t, []string{"data"}, service.NetworksByPriority(), "%s is for Tranche alone", name)
		require.Empty(t, service.Ports, name)
		require.Len(t, service.Volumes, 1, name)
		require.Equal(t, "volume", service.Volumes[0].Type, name)
	}
	for _, p := range project.Services["ingress"].Ports {
		require.Equal(t, "127.0.0.1", p.HostIP, "without TLS it is reached from this host alone")
	}
}

// TestComposeGivesEachRoleItsSecrets and no others.
func TestComposeGivesEachRoleItsSecrets(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for name, want := range map[string][]string{
		"ingress":   {"database_url", "stripe_secret_key", "stripe_webhook_secret", "tranche_secret_key", "tranche_api_key"},
		"worker":    {"database_url", "stripe_secret_key", "tranche_secret_key"},
		"scheduler": {"database_url", "stripe_secret_key"},
		"migrate":   {"database_url"},
		"postgres":  {"postgres_password"},
		"redis":     {},
	} {
		got := []string{}
		for _, secret := range project.Services[name].Secrets {
			got = append(got, secret.Source)
		}
		require.ElementsMatch(t, want, got, name)
	}
	require.Empty(t, project.Services["migrate"].EnvFiles, "it needs no settings")
}

// TestMemoryLimits_FitTheRuntime: Go's limit is below the container's, with room for memory that Go
// does not count.
func TestMemoryLimits_FitTheRuntime(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for _, role := range roles {
		service := project.Services[role]
		limit := *service.Environment["GOMEMLIMIT"]
		require.Regexp(t, `^\d+MiB$`, limit)
		mib, err := strconv.Atoi(strings.TrimSuffix(limit, "MiB"))
		require.NoError(t, err)
		total := int(service.Deploy.Resources.Limits.MemoryBytes) >> 20
		require.Less(t, mib, total*9/10, role)
		require.Greater(t, mib, total*6/10, role)
	}
	require.Equal(t, []string{"1G"}, unitLines(t, "MemoryMax"))
	require.Contains(t, unitLines(t, "Environment"), "GOMEMLIMIT=850MiB")
}

var secretName = regexp.MustCompile(`SECRET|PASSWORD|API_KEY|DATABASE_URL|SMTP_URL`)

// TestComposeKeepsSecretsInFiles: docker inspect shows the environment, and every child process
// inherits it.
func TestComposeKeepsSecretsInFiles(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for name, service := range project.Services {
		for key, value := range service.Environment {
			if !secretName.MatchString(key) {
				continue
			}
			require.Regexp(t, `_FILE$`, key, name)
			path, ok := strings.CutPrefix(*value, "/run/secrets/")
			require.True(t, ok, "%s of %s", key, name)
			require.Contains(t, project.Secrets, path)
			require.True(t, slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == path }),
				"%s reads %s and is not given it", name, path)
		}
	}
}

func TestComposeRolesShareTheImageThatTheDockerfileMakes(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for _, name := range append([]string{"migrate"}, roles...) {
		service := project.Services[name]
		require.Equal(t, project.Services["ingress"].Image, service.Image)
		require.Equal(t, project.Services["ingress"].Build, service.Build)
		require.Equal(t, nonRoot, service.User)
		require.Empty(t, service.Entrypoint, "the image has it")
	}
}

// TestComposeImages_HeldToADigest: a tag may name another image later. Tranche's own image is built
// locally, and has no digest before the build.
func TestComposeImages_HeldToADigest(t *testing.T) {
	t.Parallel()
	digest := regexp.MustCompile(`^[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}$`)
	others := 0
	for name, service := range loadCompose(t).Services {
		if strings.HasPrefix(service.Image, "tranche:") {
			continue
		}
		others++
		require.Regexp(t, digest, service.Image, name)
	}
	require.Equal(t, 2, others)
}

// TestRedisTakesItsArguments starts a real redis-server with the compose file's arguments and reads
// its configuration.
func TestRedisTakesItsArguments(t *testing.T) {
	t.Parallel()
	address := startRedis(t, loadCompose(t))
	for setting, want := range map[string]string{"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"} {
		require.Equal(t, want, redisSetting(t, address, setting), setting)
	}
	require.NotEqual(t, "0", redisSetting(t, address, "maxmemory"), "without a limit noeviction never refuses anything")
}

// TestComposeRunsTheMainRoad runs every command of the compose file, in its order and with its
// environment: the database is migrated, three processes with one role each become healthy, stop on
// request, and then fail their health checks.
func TestComposeRunsTheMainRoad(t *testing.T) {
	t.Parallel()
	project, img := loadCompose(t), built(t)
	host := newHost(t, project, img)

	require.NoError(t, do(host.command(t, "migrate", img.entrypoint, project.Services["migrate"].Command)))

	running := map[string]*exec.Cmd{}
	for _, role := range roles {
		running[role] = host.command(t, role, img.entrypoint, project.Services[role].Command)
		start(t, running[role])
	}
	for _, role := range roles {
		eventually(t, 30*time.Second, func() error { return do(host.healthcheck(t, role)) })
	}
	for _, role := range roles {
		stop(t, running[role], time.Duration(*project.Services[role].StopGracePeriod))
		require.Error(t, host.healthcheck(t, role).Run(), "%s is gone and called healthy", role)
	}
	left, err := os.ReadDir(host.workdir)
	require.NoError(t, err)
	require.Empty(t, left, "the containers' root is read-only: nothing may be written there")
}

// stop asks a process to end, like the engine, and requires exit code 0 in time.
func stop(t *testing.T, cmd *exec.Cmd, within time.Duration) {
	t.Helper()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err, "%v", cmd.Args)
	case <-time.After(within):
		require.NoError(t, cmd.Process.Kill())
		<-ended
		t.Fatalf("%v did not stop within %s", cmd.Args, within)
	}
}

// host plays the engine: it maps the paths and addresses of containers to those of this machine.
type host struct {
	project   *types.Project
	image     image
	secrets   string
	workdir   string
	addresses map[string]string // of each service
	stripe    string
}

func newHost(t *testing.T, project *types.Project, img image) *host {
	t.Helper()
	h := &host{project: project, image: img, secrets: t.TempDir(), workdir: t.TempDir(), addresses: map[string]string{}}
	values := secretValues(newDatabase(t))
	for name := range project.Secrets {
		require.Contains(t, values, name)
		require.NoError(t, os.WriteFile(filepath.Join(h.secrets, name), []byte(values[name]+"\n"), 0o600))
	}
	h.addresses["redis"] = startRedis(t, project)
	for _, name := range append([]string{"migrate"}, roles...) {
		h.addresses[name] = freeAddress(t)
	}
	h.stripe = startSimulator(t, img)
	return h
}

// secretValues are contents for the files of deploy/secrets.
func secretValues(database string) map[string]string {
	return map[string]string{
		"database_url":          database,
		"postgres_password":     "unused-here",
		"stripe_secret_key":     "sk_test_deploytest",
		"stripe_webhook_secret": "whsec_deploytest",
		"tranche_secret_key":    "ZGVwbG95dGVzdC1kZXBsb3l0ZXN0LWRlcGxveXRlc3Q=",
		"tranche_api_key":       "deploytest-deploytest-deploytest",
	}
}

// startSimulator runs the binary's Stripe simulator, because tests have no network.
func startSimulator(t *testing.T, img image) string {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(img.root, img.entrypoint[0]), "stripe-sim", "--addr", address)
	cmd.Dir = t.TempDir()
	start(t, cmd)
	eventually(t, 10*time.Second, func() error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return "http://" + address
}

func startRedis(t *testing.T, project *types.Project) string {
	t.Helper()
	redis, address := project.Services["redis"], freeAddress(t)
	require.Equal(t, "redis-server", redis.Command[0])
	server := needCommand(t, "redis-server")
	args := append(slices.Clone(redis.Command[1:]), "--bind", "127.0.0.1", "--port", port(t, address))
	cmd := exec.CommandContext(t.Context(), server, args...)
	cmd.Dir = t.TempDir()
	start(t, cmd)
	check := healthcheckOf(t, redis)
	client := needCommand(t, check[0])
	eventually(t, 10*time.Second, func() error {
		return do(exec.CommandContext(t.Context(), client, append([]string{"-p", port(t, address)}, check[1:]...)...))
	})
	return address
}

func redisSetting(t *testing.T, address, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), needCommand(t, "redis-cli"), "-p", port(t, address), "config", "get", name).Output()
	require.NoError(t, err)
	lines := strings.Fields(string(out))
	require.Len(t, lines, 2)
	return lines[1]
}

// TestPostgresHealthcheck runs the command of PostgreSQL's health check.
func TestPostgresHealthcheck(t *testing.T) {
	t.Parallel()
	check := healthcheckOf(t, loadCompose(t).Services["postgres"])
	program := needCommand(t, check[0])
	database := newDatabase(t)
	cmd := exec.CommandContext(t.Context(), program, append(slices.DeleteFunc(slices.Clone(check[1:]), func(arg string) bool {
		return strings.HasPrefix(arg, "--host=") || strings.HasPrefix(arg, "--dbname=")
	}), "--dbname="+database)...)
	require.NoError(t, do(cmd))
}

// healthcheckOf returns the command of a service's health check.
func healthcheckOf(t *testing.T, service types.ServiceConfig) []string {
	t.Helper()
	test := service.HealthCheck.Test
	require.Equal(t, "CMD", test[0], "without a shell in between")
	return test[1:]
}

func (h *host) healthcheck(t *testing.T, service string) *exec.Cmd {
	t.Helper()
	return h.command(t, service, healthcheckOf(t, h.project.Services[service]))
}

// command returns the command that the engine would run in the service's container: the image's
// binary, with only the service's environment.
func (h *host) command(t *testing.T, service string, parts ...[]string) *exec.Cmd {
	t.Helper()
	argv := slices.Concat(parts...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(h.image.root, argv[0]), argv[1:]...)
	cmd.Dir = h.workdir
	cmd.Env = h.environment(t, service)
	return cmd
}

func (h *host) environment(t *testing.T, service string) []string {
	t.Helper()
	env := map[string]string{}
	maps.Copy(env, h.image.env)
	for name, value := range h.project.Services[service].Environment {
		require.NotNil(t, value, name)
		env[name] = *value
	}
	env["STRIPE_API_BASE"] = h.stripe
	env["TRANCHE_ADMIN_ADDR"] = "127.0.0.1:0" // each container has a loopback of its own
	local := strings.NewReplacer(
		"/run/secrets/", h.secrets+"/",
		"//redis:6379", "//"+h.addresses["redis"],
		"0.0.0.0:8080", h.addresses[service],
	)
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+local.Replace(value))
	}
	return list
}

// loadCompose reads the compose file in a copy of its folder, set up as its first comment
// describes.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	dir, deploy := t.TempDir(), filepath.Join(repo(t), "deploy")
	require.NoError(t, copyFile(filepath.Join(deploy, "compose.yaml"), filepath.Join(dir, "compose.yaml")))
	require.NoError(t, copyFile(filepath.Join(deploy, "tranche.env.example"), filepath.Join(dir, "tranche.env")))
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, cli.WithConsistency(true), cli.WithNormalization(true))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}
