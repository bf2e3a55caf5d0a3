package catchup_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tranche/internal/store/open"
	"tranche/internal/testenv"
)

// run runs a command of the page in a folder.
func run(t *testing.T, dir, command string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
}

// goesBack backs up a database, changes it, restores it, and requires that the change is gone.
func goesBack(t *testing.T, databaseURL string, backup, restore func()) (before, after string) {
	t.Helper()
	ctx := t.Context()
	s, err := open.Store(ctx, databaseURL, open.Options{})
	require.NoError(t, err)
	_, _, err = s.Migrate(ctx)
	require.NoError(t, err)
	_, err = s.Lineage(ctx)
	require.NoError(t, err)
	before, err = s.Incarnation(ctx)
	require.NoError(t, err)
	backup() // it runs meanwhile
	require.NoError(t, s.SetReconcileFrom(ctx, now))
	require.NoError(t, s.Close())
	restore()
	s, err = open.Store(ctx, databaseURL, open.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	lineage, err := s.Lineage(ctx)
	require.NoError(t, err)
	require.Zero(t, lineage.ReconcileFrom)
	after, err = s.Incarnation(ctx)
	require.NoError(t, err)
	return before, after
}

// TestBackupPage_SQLite runs the commands of the page.
func TestBackupPage_SQLite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	goesBack(t, "sqlite:"+filepath.Join(dir, "tranche.db"),
		func() { run(t, dir, testenv.BackupBlock(t, "sqlite-backup")) }, func() { run(t, dir, testenv.BackupBlock(t, "sqlite-restore")) })
}

// TestBackupPage_Dump runs the commands of the page. The restored tables have another identity,
// which shows the loss.
func TestBackupPage_Dump(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	admin, err := pgx.Connect(t.Context(), server)
	require.NoError(t, err)
	name := "tranche_backup_" + strings.ToLower(rand.Text())
	_, err = admin.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		_ = admin.Close(context.Background())
	})
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	q := u.Query()
	q.Del("search_path")
	q.Del("options")
	u.RawQuery = q.Encode()
	env := "DATABASE_URL=" + u.String()
	dir := t.TempDir()
	before, after := goesBack(t, u.String(),
		func() { run(t, dir, testenv.BackupBlock(t, "postgres-backup"), env) }, func() { run(t, dir, testenv.BackupBlock(t, "postgres-restore"), env) })
	require.NotEqual(t, before, after)
}
