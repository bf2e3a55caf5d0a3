package locale

import (
	"fmt"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n/template"
)

// braces is the syntax of our texts for go-i18n: {name} stands for data["name"], and nothing else
// has a meaning. With text/template, which go-i18n takes by itself, a translator could call
// functions and would write {{.name}}.
type braces struct{}

// Parse splits a text at its placeholders.
func (braces) Parse(src, _, _ string) (template.ParsedTemplate, error) {
	var p parsed
	for {
		before, rest, opened := strings.Cut(src, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !opened {
			return append(p, before), nil
		}
		if !closed || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, fmt.Errorf("%q: a brace opens and no name follows that closes", src)
		}
		p, src = append(p, before, name), after
	}
}

// Cacheable says that a parsed text may be used again.
func (braces) Cacheable() bool { return true }

// parsed is a text as literal and name in turn; it begins and ends with a literal.
type parsed []string

// Execute fills in the names. What is filled in is not read for placeholders again, whoever wrote
// it.
func (p parsed) Execute(data any) (string, error) {
	values, _ := data.(map[string]any)
	var b strings.Builder
	for i, part := range p {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		value, ok := values[part]
		if !ok {
			return "", fmt.Errorf("nothing is given for {%s}", part)
		}
		fmt.Fprint(&b, value)
	}
	return b.String(), nil
}
