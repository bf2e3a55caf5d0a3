package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/open"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// inFolder runs a shell command in a folder.
func inFolder(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
}

// TestRestoreCheck_PaidAfterTheBackup lists a payment of a plan that the backup does not hold.
func TestRestoreCheck_PaidAfterTheBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := "sqlite:" + filepath.Join(dir, "tranche.db")
	stripe, command := account(t, "acct_one"), doctored(t, database)
	create := func(reference string) (out string) {
		code, out := command(stripe, "plan", "create", "--reference", reference, "--kind", "installments", "--currency", "usd", "--total", "9000", "--parts", "3",
			"--every", "1 month", "--customer", "ada", "--timezone", "UTC")
		require.Equal(t, exitOK, code, out)
		return out
	}
	create("order-1")
	code, _ := command(stripe, "bind")
	require.Equal(t, exitOK, code)
	inFolder(t, dir, testenv.BackupBlock(t, "sqlite-backup"))
	created := create("order-2")
	secret := regexp.MustCompile(`pi_\w+_secret_\w+`).FindString(created)
	paid, err := (&stripesim.Browser{BaseURL: stripe}).ConfirmCardPayment(t.Context(), secret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	code, out := command(stripe, "restore-check")
	require.Equal(t, exitOK, code, out)
	inFolder(t, dir, testenv.BackupBlock(t, "sqlite-restore")+"cp backup.db moved.db\n")

	plan := regexp.MustCompile(`plan_\w+`).FindString(created)
	missing := paid.ID + ` of 30\.00 USD for "order-2": plan ` + plan + `, charge chg_\w+ are not in this database; create the plan again .*, or refund the payment`
	code, out = command(stripe, "restore-check")
	require.Equal(t, exitPartial, code, out)
	require.Regexp(t, "(?m)^"+missing, out)
	require.Regexp(t, `(?m)^1 payments since .* belong to no plan here$`, out)
	code, out = command(stripe, "restore-check", "--json")
	require.Equal(t, exitPartial, code, out)
	require.Regexp(t, `"payment_intent": "`+paid.ID+`"`, out)
	require.Regexp(t, `"plan": "`+plan+`"`, out)

	moved := doctored(t, "sqlite:"+filepath.Join(dir, "moved.db"))
	code, out = moved(stripe, "bind", "--yes")
	require.Equal(t, exitOK, code, out)
	code, out = moved(stripe, "restore-check")
	require.Equal(t, exitPartial, code, out)
	require.Regexp(t, "(?m)^Stripe's payments since .* are still to be compared; nothing is charged until then$", out)
	require.Regexp(t, "(?m)^"+missing, out)
}

// TestRestoreCheck_DatabaseWentBack shows a loss before and after the catch-up with Stripe.
func TestRestoreCheck_DatabaseWentBack(t *testing.T) {
	t.Parallel()
	database := testenv.SQLite(t)
	stripe, command := account(t, "acct_one"), doctored(t, database)
	code, out := command(stripe, "bind")
	require.Equal(t, exitOK, code, out)
	_, out = command(stripe, "doctor")
	require.NotRegexp(t, `(?m)^restore `, out)

	s, err := open.Store(t.Context(), database, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	now := time.Now().UTC().Truncate(time.Second)
	found, good := now.Format(time.RFC3339), now.Add(-time.Hour).Format(time.RFC3339)
	require.NoError(t, s.InsertRewind(t.Context(), billing.Rewind{
		ID: billing.NewRewindID(now), FoundAt: now, GoodAt: now.Add(-time.Hour), How: "committed attempts are missing from the database", Missing: 7,
	}))
	code, out = command(stripe, "restore-check")
	require.Equal(t, exitPartial, code, out)
	require.Contains(t, out, "found "+found+": committed attempts are missing")
	require.Contains(t, out, "last known good: "+good+", 7 attempts missing, caught up: not known")
	code, out = command(stripe, "doctor")
	require.Equal(t, exitFailed, code, out)
	require.Regexp(t, `(?m)^restore +fail +the database went back in time: found `+found+`, last known good `+good+`; charges wait`, out)
	require.Contains(t, out, "tranche restore-check")

	require.NoError(t, s.EndRewinds(t.Context(), now.Add(time.Minute)))
	code, out = command(stripe, "restore-check")
	require.Equal(t, exitOK, code, out)
	caughtUp := now.Add(time.Minute).Format(time.RFC3339)
	require.Contains(t, out, "caught up: "+caughtUp)
	_, out = command(stripe, "doctor")
	require.Regexp(t, `(?m)^restore +warn +the database went back in time: found .*; Stripe's record was caught up `+caughtUp, out)
	require.Contains(t, out, "tranche restore-check lists what is left")
}
