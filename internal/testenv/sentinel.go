package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel starts a Redis, a replica of it and a Sentinel that watches both. It returns the URL,
// and a function that kills the master, after which Sentinel promotes the replica.
func Sentinel(t testing.TB) (redisURL string, killMaster func()) {
	t.Helper()
	binary := ""
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		missing(t, "redis-server, to run a Sentinel: install it")
	}
	master, replica, sentinel := freePort(t), freePort(t), freePort(t)
	common := []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}
	killMaster = background(t, binary, append([]string{"--port", master, "--dir", t.TempDir()}, common...)...)
	background(t, binary, append([]string{"--port", replica, "--dir", t.TempDir(), "--replicaof", "127.0.0.1 " + master,
		"--repl-diskless-sync-delay", "0"}, common...)...)
	dir := t.TempDir()
	config := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf(`bind 127.0.0.1
port %s
dir %s
sentinel monitor tranche 127.0.0.1 %s 1
sentinel down-after-milliseconds tranche 500
sentinel failover-timeout tranche 3000
`, sentinel, dir, master)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, binary, config, "--sentinel")
	waitForReplica(t, "127.0.0.1:"+sentinel)
	return "redis-sentinel://127.0.0.1:" + sentinel + "/tranche", killMaster
}

// background runs a program until the test ends or the returned function is called.
func background(t testing.TB, binary string, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	kill = func() { _ = cmd.Process.Kill(); <-ended }
	t.Cleanup(kill)
	return kill
}

// waitForReplica waits until Sentinel has found a replica that follows its master.
func waitForReplica(t testing.TB, address string) {
	t.Helper()
	client := redis.NewSentinelClient(&redis.Options{Addr: address})
	defer func() { _ = client.Close() }()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for {
		replicas, err := client.Replicas(t.Context(), "tranche").Result()
		if err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok" {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("the Sentinel at %s knows no replica: %v %v", address, replicas, err)
		}
	}
}
