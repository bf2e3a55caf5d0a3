// Package deploy holds the files that an operator installs. Its tests compare the example settings
// with config's list. Tests that need more libraries than Tranche are in deploytest.
package deploy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
)

const (
	exampleFile = "tranche.example.toml"
	lineWidth   = 116
	exampleHead = `# Every setting of Tranche. A key is the environment variable's name in lower case; the environment wins over this file.
# What is commented out shows the default, or an example where there is none. A secret need not be here: in the
# environment, its name with _FILE appended gives the path of a file that holds it.
#
#   tranche serve --config /etc/tranche/tranche.toml
#
# Written by go test ./deploy -update, from the list in package config.
`
)

var update = flag.Bool("update", false, "write "+exampleFile+" anew")

func TestExampleHoldsEverySetting(t *testing.T) {
	t.Parallel()
	want := renderExample(config.Settings())
	if *update {
		require.NoError(t, os.WriteFile(exampleFile, []byte(want), 0o644)) // it is published
	}
	got, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "go test ./deploy -update updates it")
}

var commentedSetting = regexp.MustCompile(`(?m)^#([a-z_]+ = "[^"])`)

// TestExampleIsRead lets config read the file as it is, and with every commented setting enabled.
func TestExampleIsRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"as it is": text, "uncommented": commentedSetting.ReplaceAll(text, []byte("$1"))} {
		path := filepath.Join(t.TempDir(), exampleFile)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, err := config.Load(config.Sources{File: path})
		require.NoError(t, err, name)
	}
}

func renderExample(settings []config.Setting) string {
	var b strings.Builder
	b.WriteString(exampleHead)
	group := ""
	for _, s := range settings {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n\n# == %s ==\n", group)
		}
		b.WriteString("\n" + comment(s.Doc))
		b.WriteString("#" + strings.ToLower(s.Name) + " = " + value(s) + "\n")
	}
	return b.String()
}

// value returns the text after a key. A command that creates a secret is shown in a comment,
// because it would be accepted as a value.
func value(s config.Setting) string {
	switch {
	case s.Default != "":
		return strconv.QuoteToGraphic(s.Default)
	case strings.HasPrefix(s.Example, "openssl "):
		return `"" # ` + s.Example
	default:
		return strconv.QuoteToGraphic(s.Example)
	}
}

// comment breaks a text into lines that begin with #.
func comment(text string) string {
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > lineWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
