//go:build unix

package sqlite

import (
	"os"
	"strconv"
	"syscall"
)

// home is the number the file system gave the file: a copy has another, and so has a restored backup, which is then
// bound anew on purpose.
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
