package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLicenses_Documented compares docs/licenses.md with what is linked, and the SBOM with both.
func TestLicenses_Documented(t *testing.T) {
	t.Parallel()
	list, err := linked(t.Context(), filepath.Join("..", ".."))
	require.NoError(t, err)
	require.Greater(t, len(list), 30)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "licenses.md"))
	require.NoError(t, err)
	require.Contains(t, string(page), "\n"+table(list), "write this table into docs/licenses.md")

	text, err := json.Marshal(bom(list))
	require.NoError(t, err)
	var read struct {
		BOMFormat, SpecVersion string
		Components             []struct{ Name, Version, PURL string }
	}
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, "CycloneDX 1.5", read.BOMFormat+" "+read.SpecVersion)
	require.Len(t, read.Components, len(list))
	all := texts(list)
	for i, m := range list {
		require.Equal(t, "pkg:golang/"+m.Path+"@"+m.Version, read.Components[i].PURL)
		require.Contains(t, all, "---- "+m.Path+" "+m.Version+" (")
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	require.Equal(t, "MIT", identify("Permission is hereby\n granted, free of charge, to"))
	require.Equal(t, "BSD-2-Clause", identify("Redistribution and use in source and binary forms"))
	require.Equal(t, "BSD-3-Clause", identify("Redistribution and use in source and binary forms … to endorse or promote products"))
	require.Empty(t, identify("All rights reserved."))
}
