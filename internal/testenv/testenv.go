// Package testenv provides the services that tests need: a database of its own for each test, a
// Redis, a browser.
//
// If a service is missing, the test is skipped with the reason. With REQUIRE_SERVICES=1 in the
// environment the test fails instead, so that a pipeline can't pass by testing nothing.
package testenv

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// missing ends the test because a service is missing.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatalf("missing, and REQUIRE_SERVICES=1 forbids to skip: %s", what)
	}
	t.Skip("missing: " + what)
}

// Programs ends the test if one of the programs is not installed. Debian's packages have their
// names.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
}

// random returns a short, unique name.
func random() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return hex.EncodeToString(b[:])
}

// SQLite returns the URL of a SQLite database of the test's own, in a folder that is removed at its
// end. The file does not exist yet.
func SQLite(t testing.TB) (databaseURL string) {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tranche.db")
}

// Chromium returns the path of a Chromium or Chrome: $TEST_CHROMIUM, or a program on PATH with one
// of the usual names.
func Chromium(t testing.TB) (path string) {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell", "headless_shell"}
	if name := os.Getenv("TEST_CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "a browser: install Chromium, or name one in TEST_CHROMIUM")
	return ""
}
