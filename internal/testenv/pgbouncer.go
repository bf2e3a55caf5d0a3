package testenv

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// PgBouncer starts a PgBouncer in transaction mode in front of a test's PostgreSQL database, and
// returns its URL. A few sessions serve all connections, so that transactions change sessions.
func PgBouncer(t testing.TB, databaseURL string) (pooledURL string) {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/pgbouncer") // not on the PATH of every user
	}
	if err != nil {
		missing(t, "pgbouncer: install the package pgbouncer")
	}
	server, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("the database's address is not a URL")
	}
	folder, err := os.MkdirTemp("", "tranche-pgbouncer-") //nolint:usetesting // another user reads it, who may not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	port, file := freePort(t), filepath.Join(folder, "pgbouncer.ini")
	password := ""
	if set, _ := server.User.Password(); set != "" {
		password = " password='" + set + "'" // an empty one is a syntax error
	}
	text := fmt.Sprintf(`[databases]
pooled = host=%s port=%s dbname=%s user=%s%s pool_size=3 connect_query='SET search_path TO %s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
`, server.Hostname(), server.Port(), server.Path[1:], server.User.Username(), password, server.Query().Get("search_path"), port)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { // PgBouncer reads it as another user
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	command := []string{binary, "-q", file}
	if os.Getuid() == 0 { // which PgBouncer refuses; setpriv becomes the program, so that it ends with it
		command = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"}, command...)
	}
	background(t, command[0], command[1:]...)
	waitForPort(t, "127.0.0.1:"+port)
	return "postgres://" + server.User.Username() + "@127.0.0.1:" + port + "/pooled?sslmode=disable"
}

// waitForPort waits until something listens at an address.
func waitForPort(t testing.TB, address string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("nothing listens at %s: %v", address, err)
		}
	}
}
