package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
)

// settingsTopic is `tranche help settings`, generated from the table of settings.
func (c *cli) settingsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Settings come from the environment, else from the TOML file of --config or TRANCHE_CONFIG (the same names in lower\n" +
		"case), else from the default. A setting marked * may also be given as NAME_FILE, the path of a file with its value.\n")
	group := ""
	for _, s := range config.Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		name := s.Name
		if s.Secret {
			name += " *"
		}
		fmt.Fprintf(&b, "  %s\n", name)
		b.WriteString(wrap(s.Doc, 110, "      "))
		switch {
		case s.Default != "":
			fmt.Fprintf(&b, "      Default: %s\n", s.Default)
		case s.Example != "":
			fmt.Fprintf(&b, "      Example: %s\n", s.Example)
		}
	}
	return &cobra.Command{Use: "settings", Short: "All settings, with defaults and examples", Long: b.String()}
}

// wrap breaks text into indented lines of at most width characters.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
