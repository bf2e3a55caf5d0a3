package testenv

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// BackupBlock returns a command as docs/backup.md prints it.
func BackupBlock(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	page, err := os.ReadFile(filepath.Join(dir, "docs", "backup.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```sh " + regexp.QuoteMeta(name) + "\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatalf("docs/backup.md has no block %s", name)
	}
	return string(found[1])
}
