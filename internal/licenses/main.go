// Command licenses writes what a release owes to the modules in its binary: their license texts,
// and an SBOM in CycloneDX's format.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write(context.Background(), "bin"); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// write puts both files into a folder.
func write(ctx context.Context, folder string) error {
	list, err := linked(ctx, ".")
	if err != nil {
		return err
	}
	sbom, err := json.MarshalIndent(bom(list), "", "  ")
	if err != nil {
		return fmt.Errorf("write the SBOM: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sbom.cdx.json"), append(sbom, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the SBOM: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "THIRD_PARTY_LICENSES.txt"), []byte(texts(list)), 0o600); err != nil {
		return fmt.Errorf("write the licenses: %w", err)
	}
	return nil
}
