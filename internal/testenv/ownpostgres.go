package testenv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// PostgresServer is a PostgreSQL server of the test's own, which a test may stop, copy and lose. It
// runs as user postgres if the test is root, because PostgreSQL refuses root.
type PostgresServer struct {
	Folder string // holds the data directories; the server's user may write in it
	Data   string // the data directory
	Port   string
	bin    string // of the server's programs
}

// OwnPostgres makes an empty server and starts it. It is stopped and removed when the test ends.
func OwnPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	bin := postgresPrograms()
	if bin == "" {
		missing(t, "initdb of PostgreSQL: install the package postgresql")
	}
	folder, err := os.MkdirTemp("", "tranche-postgres-") //nolint:usetesting // another user owns it, who may not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	s := &PostgresServer{Folder: folder, Data: filepath.Join(folder, "data"), Port: lastingPort(t), bin: bin}
	if os.Getuid() == 0 {
		s.giveToPostgres(t)
	}
	s.Run(t, "initdb --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync")
	s.Start(t)
	return s
}

// Standby is a server in another data directory of the same folder. It is not started.
func (s *PostgresServer) Standby(t testing.TB, data string) *PostgresServer {
	t.Helper()
	return &PostgresServer{Folder: s.Folder, Data: filepath.Join(s.Folder, data), Port: lastingPort(t), bin: s.bin}
}

// URL is the address of the server's database postgres.
func (s *PostgresServer) URL() string {
	return "postgres://postgres@127.0.0.1:" + s.Port + "/postgres?sslmode=disable"
}

// Start starts the server, and waits until it answers. Data is not synced to disk: a test stops
// servers, not the machine.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { _, _ = s.try(context.Background(), s.pgCtl("stop --mode=immediate")) })
	s.Run(t, s.pgCtl(fmt.Sprintf("start --log='%s.log' --options='-p %s -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c fsync=off'",
		s.Data, s.Port, s.Folder)))
}

// Stop shuts the server down cleanly, so that it archives all of its WAL.
func (s *PostgresServer) Stop(t testing.TB) { t.Helper(); s.Run(t, s.pgCtl("stop --mode=fast")) }

// Kill stops the server at once, as a power cut does.
func (s *PostgresServer) Kill(t testing.TB) { t.Helper(); s.Run(t, s.pgCtl("stop --mode=immediate")) }

func (s *PostgresServer) pgCtl(command string) string {
	return "pg_ctl -t 120 --pgdata='" + s.Data + "' " + command
}

// Run runs a shell command in the folder as the server's user, with the server's programs on PATH.
func (s *PostgresServer) Run(t testing.TB, command string, env ...string) {
	t.Helper()
	if out, err := s.try(t.Context(), command, env...); err != nil {
		log, _ := os.ReadFile(s.Data + ".log")
		t.Fatalf("%s\n%v: %s\n%s", command, err, out, log[max(0, len(log)-3000):])
	}
}

// try runs a command. Its output goes to a file: a server that it starts would keep a pipe open.
func (s *PostgresServer) try(ctx context.Context, command string, env ...string) ([]byte, error) {
	out, err := os.CreateTemp("", "tranche-out-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close(); _ = os.Remove(out.Name()) }()
	args := []string{"sh", "-euc", command}
	if os.Getuid() == 0 {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Folder, out, out
	cmd.Env = append(os.Environ(), "PATH="+s.bin+":"+os.Getenv("PATH"), "HOME="+s.Folder, "LC_ALL=C", "SERVER_URL="+s.URL(), "PGDATA="+s.Data)
	cmd.Env = append(cmd.Env, env...)
	err = cmd.Run()
	said, _ := os.ReadFile(out.Name())
	return said, err
}

func (s *PostgresServer) giveToPostgres(t testing.TB) {
	t.Helper()
	owner, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("a test that runs as root needs the user postgres: %v", err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	if err := os.Chown(s.Folder, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// postgresPrograms finds the folder of initdb: on PATH, else the newest that Debian installs.
func postgresPrograms() string {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is a good one
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) }))
}

// release returns the version number in a path of Debian.
func release(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// lastingPort finds a free port below the system's ephemeral ports, so that no connection takes it
// while a server is down.
func lastingPort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port between 20000 and 32000")
	return ""
}
