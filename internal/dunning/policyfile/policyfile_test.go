package policyfile_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/calendar"
	"tranche/internal/dunning"
	"tranche/internal/dunning/policyfile"
)

var (
	nine   = calendar.LocalTime{Hour: 9}
	policy = dunning.DefaultPolicy(nine)
)

func parse(t *testing.T, text string) (dunning.Policies, error) {
	t.Helper()
	return policyfile.Parse("dunning.toml", []byte(text), nine)
}

func TestParse_ExampleFile(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../deploy/dunning.example.toml")
	require.NoError(t, err)
	p, err := parse(t, string(data))
	require.NoError(t, err)
	require.Equal(t, []string{"default", "gentle"}, p.Names())
	byDefault, ok := p.Get("")
	require.True(t, ok)
	require.Equal(t, policy, byDefault, "it shows the built-in values")
	gentle, ok := p.Get("gentle")
	require.True(t, ok)
	require.Equal(t, dunning.EndKeep, gentle.AtEnd)
	require.Equal(t, []int{7, 7, 7}, gentle.Funds.Days)
	require.Equal(t, policy.Funds.Paydays, gentle.Funds.Paydays, "settings that are left out are the default policy's")
	require.Equal(t, policy.Temporary, gentle.Temporary)
}

func TestParse_PoliciesFollowTheFilesDefault(t *testing.T) {
	t.Parallel()
	p, err := parse(t, `
[policy.strict]
at_end = "cancel"
[policy.default]
deadline_days = 40
funds.days = [3, 4]
`)
	require.NoError(t, err)
	strict, _ := p.Get("strict")
	require.Equal(t, 40, strict.DeadlineDays)
	require.Equal(t, []int{3, 4}, strict.Funds.Days)
	byDefault, _ := p.Get("default")
	require.Equal(t, dunning.EndPause, byDefault.AtEnd)
	_, ok := p.Get("none")
	require.False(t, ok)
}

func TestParse_NoFileIsTheDefaultPolicy(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"default"}, dunning.DefaultPolicies(nine).Names())
	p, err := parse(t, "")
	require.NoError(t, err)
	require.Equal(t, dunning.DefaultPolicies(nine), p)
}

func TestParse_ReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := parse(t, `
[policy.default]
time = "9 o'clock"
quiet_hours = "evening"
jitter_minutes = 900
max_attempts = 9
deadline_days = 10
remind_days = 2
final_notice_days = 3
at_end = "sue"
retries = 4
[policy.default.funds]
days = [1, 0, 12]
times = ["08:00", "25:00"]
paydays = ["tuesday"]
payday_window = 40
[policy.default.declined]
days = [1, 1, 1, 1, 1, 1, 1, 1]
[policy."Gentle One"]
deadline_days = 0
`)
	var faults *dunning.PolicyError
	require.ErrorAs(t, err, &faults)
	for _, part := range []string{
		"dunning.toml", "policy.default.time", "policy.default.quiet_hours", "policy.default.jitter_minutes", "policy.default.max_attempts",
		"policy.default.remind_days", "policy.default.at_end", "policy.default.retries is not a setting",
		"policy.default.funds.days has 0 in it", "policy.default.funds.days add up to 13", "policy.default.funds.times has 2 times for 3 retries",
		`"25:00"`, "policy.default.funds.paydays", "policy.default.funds.payday_window", "policy.default.declined.days has 8 retries",
		"policy.Gentle One is not a policy name", "policy.Gentle One.deadline_days is 0",
	} {
		require.Contains(t, err.Error(), part)
	}
	_, err = parse(t, "[policy")
	require.ErrorContains(t, err, "is not TOML")
	_, err = parse(t, "[policy.x]\ndeadline_days = \"ten\"")
	require.ErrorContains(t, err, "policy.x can't be read")
}
