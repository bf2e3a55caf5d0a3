//go:build !race

package jobs_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tranche/internal/catchup"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/store/storetest"
	"tranche/internal/testenv"
)

// way is a way that a database goes back in time.
type way struct {
	name string
	// make makes an empty database. The database it returns is used by one test.
	make func(t *testing.T) past
	// server is set if a server reveals the loss itself, by its timeline.
	server bool
	// failsOver is set if processes may keep running meanwhile. With a server they do after a short
	// loss.
	failsOver bool
	// exact is set if nothing is lost.
	exact bool
}

// past is a database that can go back in time.
type past interface {
	// Open opens the database for a new process, and ends the previous one.
	Open() *store.Store
	// Backup saves the current content of the database.
	Backup()
	// Restore takes the database back to the backup.
	Restore()
}

// The ways to go back. The ways with a server begin with the twenty-first database: see wayOf.
var (
	rowsInSQLite   = way{name: "SQLite rows", make: func(t *testing.T) past { return newRows(t, storetest.SQLite(t)) }, failsOver: true}
	rowsInPostgres = way{name: "PostgreSQL rows", make: func(t *testing.T) past { return newRows(t, storetest.Postgres(t)) }, failsOver: true}
	fileCopied     = way{name: "SQLite file copied back", make: newSQLiteFile}
	fileMoved      = way{name: "SQLite file bound elsewhere", make: newMovedFile}
	pointInTime    = way{name: "base backup with WAL", make: newPointInTime, server: true}
	promoted       = way{name: "standby promoted with commits lost", make: newStandby, server: true}
	synchronous    = way{name: "synchronous standby promoted", make: newSynchronous, server: true, exact: true}
)

// wayOf returns the way for a seed. Three of fifty databases are servers of their own: each takes
// ten times as long as another database.
func wayOf(seed int) way {
	switch seed % 50 {
	case 20:
		return pointInTime
	case 30:
		return promoted
	case 40:
		return synchronous
	}
	switch seed % 8 {
	case 0:
		return rowsInPostgres
	case 3:
		return fileCopied
	case 5:
		return fileMoved
	}
	return rowsInSQLite
}

// rows is a store that stays open while its rows change.
type rows struct {
	store  *store.Store
	rewind *storetest.Rewinder
}

func newRows(t *testing.T, s *store.Store) past {
	return rows{store: s, rewind: storetest.NewRewinder(t, s)}
}

// Open returns the store.
func (r rows) Open() *store.Store { return r.store }

// Backup copies the rows.
func (r rows) Backup() { r.rewind.Backup("backup") }

// Restore puts the rows back.
func (r rows) Restore() { r.rewind.Restore("backup") }

// opened is a database that processes open one after another.
type opened struct {
	t    *testing.T
	url  string
	last *store.Store
}

// Open opens and migrates the database.
func (o *opened) Open() *store.Store {
	o.t.Helper()
	o.close()
	s, err := open.Store(o.t.Context(), o.url, open.Options{})
	require.NoError(o.t, err)
	o.last = s
	o.t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(o.t.Context())
	require.NoError(o.t, err)
	return s
}

func (o *opened) close() {
	if o.last != nil {
		require.NoError(o.t, o.last.Close())
	}
}

// sqliteFile is a database in a file that goes back by the commands of docs/backup.md.
type sqliteFile struct {
	opened
	dir string
}

func newSQLiteFile(t *testing.T) past {
	dir := t.TempDir()
	return &sqliteFile{opened: opened{t: t, url: "sqlite:" + filepath.Join(dir, "tranche.db")}, dir: dir}
}

// Backup copies the database while it is open.
func (f *sqliteFile) Backup() { f.run(testenv.BackupBlock(f.t, "sqlite-backup")) }

// Restore copies the backup over the file.
func (f *sqliteFile) Restore() {
	f.close()
	f.run(testenv.BackupBlock(f.t, "sqlite-restore"))
}

// Witness opens the file next to the database, as a process does.
func (f *sqliteFile) Witness() catchup.Witness {
	f.t.Helper()
	path, _ := strings.CutPrefix(f.url, "sqlite:")
	w, err := catchup.OpenFile(path + "-witness")
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = w.Close() })
	return w
}

func (f *sqliteFile) run(command string) {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), "sh", "-euc", command)
	cmd.Dir = f.dir
	out, err := cmd.CombinedOutput()
	require.NoError(f.t, err, "%s\n%s", command, out)
}

// movedFile is a database whose backup becomes another file.
type movedFile struct{ sqliteFile }

func newMovedFile(t *testing.T) past {
	dir := t.TempDir()
	return &movedFile{sqliteFile{opened: opened{t: t, url: "sqlite:" + filepath.Join(dir, "tranche.db")}, dir: dir}}
}

// Restore makes the other file.
func (f *movedFile) Restore() {
	f.close()
	f.run("cp backup.db moved.db")
	f.url = "sqlite:" + filepath.Join(f.dir, "moved.db")
}

// recovered is a server that is recovered to a point in time from a base backup and its archive.
type recovered struct {
	opened
	server *testenv.PostgresServer
	until  string
}

func newPointInTime(t *testing.T) past {
	server := testenv.OwnPostgres(t)
	r := &recovered{opened: opened{t: t, url: server.URL()}, server: server}
	server.Run(t, "mkdir archive\n"+testenv.BackupBlock(t, "postgres-archive"), r.archive())
	server.Stop(t)
	server.Start(t)
	return r
}

func (r *recovered) archive() string { return "ARCHIVE=" + filepath.Join(r.server.Folder, "archive") }

// Backup makes a base backup; later changes come from the archive.
func (r *recovered) Backup() {
	r.server.Run(r.t, testenv.BackupBlock(r.t, "postgres-base"))
	r.server.Run(r.t, `psql "$SERVER_URL" -c "CREATE TABLE after_base AS SELECT 1 AS one"`)
	r.until = ask(r.t, r.url, "SELECT clock_timestamp()::text")
}

// Restore recovers the server. The server was killed, so the archive lacks the last WAL.
func (r *recovered) Restore() {
	r.server.Kill(r.t)
	r.server.Run(r.t, testenv.BackupBlock(r.t, "postgres-point-in-time"), r.archive(), "UNTIL="+r.until)
	r.server.Start(r.t)
	writable(r.t, r.url)
	require.Equal(r.t, "1", ask(r.t, r.url, "SELECT one::text FROM after_base"), "what only the archive holds")
	r.server.Run(r.t, testenv.BackupBlock(r.t, "postgres-recovered"))
}

// failover is a primary and its standby.
type failover struct {
	opened
	primary, standby *testenv.PostgresServer
	cut              bool // the standby receives nothing from the backup on
}

func newStandby(t *testing.T) past { return newFailover(t, true) }

func newSynchronous(t *testing.T) past {
	f := newFailover(t, false)
	f.primary.Run(t, testenv.BackupBlock(t, "postgres-synchronous"))
	until(t, f.primary.URL(), "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'quorum'")
	return f
}

func newFailover(t *testing.T, cut bool) *failover {
	primary := testenv.OwnPostgres(t)
	standby := primary.Standby(t, "standby")
	primary.Run(t, testenv.BackupBlock(t, "postgres-standby"), "STANDBY="+standby.Data)
	standby.Start(t)
	return &failover{
		opened:  opened{t: t, url: "postgres://postgres@127.0.0.1:" + primary.Port + ",127.0.0.1:" + standby.Port + "/postgres?sslmode=disable&target_session_attrs=read-write"},
		primary: primary, standby: standby, cut: cut,
	}
}

// Backup ends the connection between the servers, once the standby has everything.
func (f *failover) Backup() {
	if !f.cut {
		return
	}
	until(f.t, f.primary.URL(), "SELECT count(*) = 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()")
	f.standby.Run(f.t, `psql "$SERVER_URL" -c "ALTER SYSTEM SET primary_conninfo = ''" -c "SELECT pg_reload_conf()"`)
	until(f.t, f.primary.URL(), "SELECT count(*) = 0 FROM pg_stat_replication")
}

// Restore loses the primary and promotes the standby.
func (f *failover) Restore() {
	f.primary.Kill(f.t)
	f.standby.Run(f.t, testenv.BackupBlock(f.t, "postgres-promote"), "STANDBY="+f.standby.Data)
	writable(f.t, f.standby.URL())
}

// ask returns a server's answer to a query, as text.
func ask(t *testing.T, url, query string) (answer string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = c.Close(t.Context()) }()
	require.NoError(t, c.QueryRow(t.Context(), query).Scan(&answer), query)
	return answer
}

// until waits until a server answers a query with yes.
func until(t *testing.T, url, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = c.Close(t.Context()) }()
	require.Eventually(t, func() bool {
		var yes bool
		return c.QueryRow(t.Context(), query).Scan(&yes) == nil && yes
	}, time.Minute, 20*time.Millisecond, query)
}

// writable waits for the end of a recovery.
func writable(t *testing.T, url string) { t.Helper(); until(t, url, "SELECT NOT pg_is_in_recovery()") }

// reconnected makes a process that kept running detect its lost connections, each by an error.
func reconnected(t *testing.T, s *store.Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		errs := make([]error, 20)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = s.Incarnation(t.Context()) })
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond)
}
