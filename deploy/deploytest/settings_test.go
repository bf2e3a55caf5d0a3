package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/stretchr/testify/require"
)

var commentedSetting = regexp.MustCompile(`(?m)^#([a-z0-9_]+ = )`)

// exampleSettings returns the settings of the example file, including those in comments.
func exampleSettings(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo(t), "deploy", "tranche.example.toml"))
	require.NoError(t, err)
	var settings map[string]any
	require.NoError(t, toml.Unmarshal(commentedSetting.ReplaceAll(text, []byte("$1")), &settings))
	require.NotEmpty(t, settings)
	return settings
}

// TestExamplesNameTheSameSettings: the example file has every setting of the compose file, the unit
// and the example of the environment.
func TestExamplesNameTheSameSettings(t *testing.T) {
	t.Parallel()
	known := exampleSettings(t)
	used := map[string]string{}
	env, err := dotenv.Read(filepath.Join(repo(t), "deploy", "tranche.env.example"))
	require.NoError(t, err)
	for name := range env {
		used[name] = "tranche.env.example"
	}
	project := loadCompose(t)
	for _, service := range append([]string{"migrate"}, roles...) {
		for name := range project.Services[service].Environment {
			used[name] = "compose.yaml"
		}
	}
	for _, line := range unitLines(t, "Environment") {
		name, _, _ := strings.Cut(line, "=")
		used[name] = "tranche.service"
	}
	delete(used, "GOMEMLIMIT") // the Go runtime reads it
	for name, where := range used {
		require.Contains(t, known, strings.ToLower(strings.TrimSuffix(name, "_FILE")), "%s of %s", name, where)
	}
}

// unitLines returns the values of a key in the systemd unit.
func unitLines(t *testing.T, key string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo(t), "deploy", "systemd", "tranche.service"))
	require.NoError(t, err)
	var values []string
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

func TestSystemdUnitRunsTheBinaryAsNobody(t *testing.T) {
	t.Parallel()
	const binary = "/usr/local/bin/tranche"
	require.Equal(t, []string{binary + " serve"}, unitLines(t, "ExecStart"))
	require.Equal(t, []string{binary + " migrate"}, unitLines(t, "ExecStartPre"))
	for _, key := range []string{"DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "MemoryDenyWriteExecute"} {
		require.Equal(t, []string{"yes"}, unitLines(t, key), key)
	}
	require.Equal(t, []string{"strict"}, unitLines(t, "ProtectSystem"))
	for _, line := range unitLines(t, "LoadCredential") {
		name, _, _ := strings.Cut(line, ":")
		require.Contains(t, unitLines(t, "Environment"), strings.ToUpper(name)+"_FILE=%d/"+name, "a credential that nothing reads")
	}
}

// TestSystemdTakesTheUnit lets systemd check the unit and rate its exposure to attacks.
func TestSystemdTakesTheUnit(t *testing.T) {
	t.Parallel()
	analyze := needCommand(t, "systemd-analyze")
	text, err := os.ReadFile(filepath.Join(repo(t), "deploy", "systemd", "tranche.service"))
	require.NoError(t, err)
	unit := filepath.Join(t.TempDir(), "tranche.service")
	present := strings.ReplaceAll(string(text), "/usr/local/bin/tranche", "/bin/true") // systemd checks that it exists
	require.NoError(t, os.WriteFile(unit, []byte(present), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, strings.TrimSpace(string(out)), "a key that systemd does not know is only a warning")
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", unit).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
