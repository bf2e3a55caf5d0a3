package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// newPostgres creates an empty cluster in a directory, and the service that runs it. PostgreSQL
// refuses to run as root, so root runs it as the user postgres.
func newPostgres(ctx context.Context, dir, logs, port string) (*service, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	who, err := postgresUser(data)
	if err != nil {
		return nil, err
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), //nolint:gosec // the directory is where PostgreSQL was found
		"-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
	initdb.Env, initdb.Dir, initdb.SysProcAttr = env, data, &syscall.SysProcAttr{Credential: who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return &service{
		name: "postgres", binary: filepath.Join(bin, "postgres"), env: env, uid: who, stop: syscall.SIGINT, logs: logs,
		args: []string{
			"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
			// Only processes are killed here, never the machine, so no write needs to reach the disk.
			"-c", "fsync=off", "-c", "max_connections=150", "-c", "shared_buffers=64MB",
		},
	}, nil
}

// postgresBin returns the directory of the newest PostgreSQL.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	slices.SortFunc(found, func(a, b string) int { return major(a) - major(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: neither /usr/lib/postgresql/*/bin/postgres nor postgres on PATH")
	}
	path, err = filepath.EvalSymlinks(path)
	return filepath.Dir(path), err
}

// major returns the version in a path such as /usr/lib/postgresql/15/bin/postgres.
func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// postgresUser makes the user postgres the owner of the data directory and returns its credential,
// or nil if the harness does not run as root.
func postgresUser(data string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential is what exec takes for "as I am"
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and the user postgres does not exist: %w", err)
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(data, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// postgresReady waits until the server accepts connections.
func postgresReady(ctx context.Context, port string) error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	return eventually(ctx, 60*time.Second, 100*time.Millisecond, func(ctx context.Context) error {
		return exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port).Run() //nolint:gosec // as above
	})
}
