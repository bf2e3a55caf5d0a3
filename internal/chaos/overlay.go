package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildWith builds Tranche into dir with some sources replaced, and returns the path of the binary.
// No file of the repository changes. Paths are relative to the root of the module.
func buildWith(ctx context.Context, root, dir string, sources map[string]string) (string, error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range sources {
		replacement := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(replacement, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, path)] = replacement
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "tranche")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/tranche") //nolint:gosec // all of it is the harness's own
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Tranche with replaced sources: %w: %s", err, out)
	}
	return binary, nil
}

// moduleRoot returns the root directory of the module.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
