package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// newRedis returns the service of a Redis that persists its data as in production.
func newRedis(dir, logs, port string) (*service, error) {
	data := filepath.Join(dir, "redis")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if binary, err := exec.LookPath(name); err == nil {
			return &service{
				name: "redis", binary: binary, stop: syscall.SIGTERM, logs: logs, env: []string{"PATH=" + os.Getenv("PATH")},
				args: []string{
					"--port", port, "--bind", "127.0.0.1", "--dir", data, "--save", "",
					"--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
				},
			}, nil
		}
	}
	return nil, errors.New("redis-server (or valkey-server) is not installed")
}

// redisDo sends one command whose answer is one line.
func redisDo(ctx context.Context, port, command string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.HasPrefix(line, "-") {
		return errors.New(strings.TrimSpace(line))
	}
	return err
}

// redisReady waits until the server answers and has loaded its data.
func redisReady(ctx context.Context, port string) error {
	return eventually(ctx, 30*time.Second, 100*time.Millisecond, func(ctx context.Context) error { return redisDo(ctx, port, "PING") })
}
