//go:build unix

package sqlite

import (
	"os"
	"strconv"
	"syscall"
)

// home returns the file's inode number. A copy has another number, and so has a restored backup,
// which must be bound again on purpose.
func home(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", nil
	}
	return "sqlite " + strconv.FormatUint(stat.Ino, 10), nil
}
