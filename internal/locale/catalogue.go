package locale

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed messages/*.toml
var messages embed.FS

// catalogue is every language's texts. English is the first language: what nobody speaks falls back
// to it.
type catalogue struct {
	bundle  *i18n.Bundle
	tags    []language.Tag // those there are texts in
	matcher language.Matcher
	keys    map[string]bool // of English, so of all
	// patterns say where the currency's symbol stands: the texts under [format], by language.
	patterns map[language.Tag]map[string]string
}

// loaded is the catalogue that is built in. Its files are checked by tests, so a fault in them is a
// fault of the build.
var loaded = sync.OnceValue(func() *catalogue {
	c, err := newCatalogue(messages, "messages")
	if err != nil {
		panic(err)
	}
	return c
})

// newCatalogue reads the languages of a folder. Errors: a file that is no TOML, or no English one.
func newCatalogue(files fs.FS, folder string) (*catalogue, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	names, err := fs.Glob(files, path.Join(folder, "*.toml"))
	if err != nil {
		return nil, fmt.Errorf("list languages: %w", err)
	}
	c := &catalogue{bundle: bundle, tags: []language.Tag{language.English}, keys: map[string]bool{}, patterns: map[language.Tag]map[string]string{}}
	for _, name := range names {
		file, err := bundle.LoadMessageFileFS(files, name)
		if err != nil {
			return nil, fmt.Errorf("read language %s: %w", name, err)
		}
		c.add(file)
	}
	if len(c.keys) == 0 {
		return nil, fmt.Errorf("read languages: %s has no en.toml, which the others fall back to", folder)
	}
	c.matcher = language.NewMatcher(c.tags)
	return c, nil
}

// add takes in a language's file.
func (c *catalogue) add(file *i18n.MessageFile) {
	if file.Tag != language.English { // which is there already, as the first
		c.tags = append(c.tags, file.Tag)
	}
	c.patterns[file.Tag] = map[string]string{}
	for _, m := range file.Messages {
		if file.Tag == language.English {
			c.keys[m.ID] = true
		}
		if name, ok := strings.CutPrefix(m.ID, "format."); ok {
			c.patterns[file.Tag][name] = m.Other
		}
	}
}

// Tags lists the languages that there are texts in, sorted: "de", "en", …
func Tags() []string {
	var tags []string
	for _, t := range loaded().tags {
		tags = append(tags, t.String())
	}
	slices.Sort(tags)
	return tags
}
