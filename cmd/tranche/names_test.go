package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// planNames are the commands that take a plan, with NAME as its placeholder. They change nothing.
var planNames = map[string]string{
	"tranche plan show":      "plan show NAME",
	"tranche plan versions":  "plan versions NAME",
	"tranche plan pause":     "plan pause NAME --reason asked",
	"tranche plan resume":    "plan resume NAME --dry-run",
	"tranche plan cancel":    "plan cancel NAME --dry-run",
	"tranche plan remaining": "plan remaining NAME --total 1000 --dry-run",
	"tranche plan fee":       "plan fee NAME --amount 100 --due 2020-01-01 --dry-run",
	"tranche plan extend":    "plan extend NAME --dry-run",
	"tranche plan pay-all":   "plan pay-all NAME --dry-run",
	"tranche plan restart":   "plan restart NAME --dry-run",
	"tranche plan card":      "plan card NAME --card pm_1 --dry-run",
	"tranche plan catch-up":  "plan catch-up NAME --catch-up all --dry-run",
	"tranche forecast":       "forecast NAME",
	"tranche link create":    "link create NAME",
	"tranche link list":      "link list NAME",
	"tranche notice list":    "notice list --plan NAME",
	"tranche incident list":  "incident list --plan NAME",
	"tranche audit list":     "audit list --plan NAME",
}

// TestPlan_ByIDAndReference runs each command that takes a plan with the plan's id, its reference,
// and an unknown name.
func TestPlan_ByIDAndReference(t *testing.T) {
	t.Parallel()
	_, charge, command := failedCharge(t)
	found := namingPlans(new(cli).root())
	require.Greater(t, len(found), 15)
	for _, path := range found {
		line, ok := planNames[path]
		require.True(t, ok, "%s names a plan, and is not in the table", path)
		said := func(name string) (int, string) {
			code, out, talk := command("", strings.Fields(strings.Replace(line, "NAME", name, 1))...)
			return code, out + talk
		}
		_, byID := said(string(charge.PlanID))
		_, byReference := said("order-1")
		code, none := said("order-none")
		require.NotContains(t, byID, "not found", path)
		require.NotContains(t, byReference, "not found", path)
		require.Contains(t, none, "not found", path)
		require.Contains(t, none, "order-none", path)
		require.NotEqual(t, exitOK, code, path)
	}
}

// namingPlans lists the commands that take a plan, as an argument or a flag.
func namingPlans(cmd *cobra.Command) (paths []string) {
	_, argument, _ := strings.Cut(cmd.Use, " ")
	names := strings.Contains(argument, "PLAN")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { names = names || f.Name == "plan" })
	if names {
		paths = append(paths, cmd.CommandPath())
	}
	for _, sub := range cmd.Commands() {
		paths = append(paths, namingPlans(sub)...)
	}
	return paths
}
