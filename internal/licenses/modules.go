package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// linkedModule is a module with code in the binary.
type linkedModule struct {
	Path, Version string
	License       string // SPDX identifiers
	Text          string // of the license files
}

// linked lists the modules in the Linux binary, by path. dir is the repository.
func linked(ctx context.Context, dir string) ([]linkedModule, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/tranche")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of the binary: %w", err)
	}
	lines := strings.Fields(strings.ReplaceAll(string(out), "\t", "|"))
	slices.Sort(lines)
	var list []linkedModule
	for _, line := range slices.Compact(lines) {
		field := strings.SplitN(line, "|", 3)
		m := linkedModule{Path: field[0], Version: field[1]}
		if m.Text, err = licenseText(field[2]); err != nil {
			return nil, err
		}
		if m.License = identify(m.Text); m.License == "" {
			return nil, fmt.Errorf("%s %s: no known license in %s: add it to identify", m.Path, m.Version, field[2])
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b linkedModule) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

// licenseText joins the license files of a module.
func licenseText(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for the license: %w", err)
	}
	var text strings.Builder
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("read the license: %w", err)
		}
		text.WriteString(strings.TrimSpace(string(content)) + "\n")
	}
	return text.String(), nil
}

// identify returns the SPDX identifiers of the licenses in a text, or nothing.
func identify(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	var found []string
	for _, license := range []struct{ id, sign, without string }{
		{"Apache-2.0", "Apache License Version 2.0", ""},
		{"BSD-3-Clause", "endorse or promote products", ""},
		{"BSD-2-Clause", "Redistribution and use in source and binary forms", "endorse or promote products"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software", ""},
		{"MIT", "Permission is hereby granted, free of charge", ""},
		{"MPL-2.0", "Mozilla Public License Version 2.0", ""},
	} {
		if strings.Contains(flat, license.sign) && (license.without == "" || !strings.Contains(flat, license.without)) {
			found = append(found, license.id)
		}
	}
	return strings.Join(found, " AND ")
}

// texts is the file that goes with a binary.
func texts(list []linkedModule) string {
	var b strings.Builder
	b.WriteString("Tranche's binary contains code of these modules.\n")
	for _, m := range list {
		fmt.Fprintf(&b, "\n---- %s %s (%s)\n\n%s", m.Path, m.Version, m.License, m.Text)
	}
	return b.String()
}

// table is the list in docs/licenses.md.
func table(list []linkedModule) string {
	var b strings.Builder
	b.WriteString("| module | license |\n|---|---|\n")
	for _, m := range list {
		fmt.Fprintf(&b, "| %s | %s |\n", m.Path, m.License)
	}
	return b.String()
}

// bom is the CycloneDX document.
func bom(list []linkedModule) map[string]any {
	components := []map[string]any{}
	for _, m := range list {
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		components = append(components, map[string]any{
			"type": "library", "bom-ref": purl, "purl": purl, "name": m.Path, "version": m.Version,
			"licenses": []map[string]string{{"expression": m.License}},
		})
	}
	return map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata":   map[string]any{"component": map[string]string{"type": "application", "name": "tranche"}},
		"components": components,
	}
}
