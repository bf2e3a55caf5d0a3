package locale

import (
	"bytes"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/stretchr/testify/require"
)

// texts reads a language's file: by key, the text of each plural form ("other" is the only one of
// most).
func texts(t *testing.T, name string) map[string]map[string]string {
	t.Helper()
	data, err := fs.ReadFile(messages, "messages/"+name)
	require.NoError(t, err)
	file, err := i18n.ParseMessageFileBytes(data, name, map[string]i18n.UnmarshalFunc{"toml": toml.Unmarshal})
	require.NoError(t, err)
	found := map[string]map[string]string{}
	for _, m := range file.Messages {
		forms := map[string]string{"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other}
		for form, text := range forms {
			if text == "" && form != "other" {
				delete(forms, form)
			}
		}
		found[m.ID] = forms
	}
	return found
}

// regional keys are those of one region or language alone.
var regional = regexp.MustCompile(`^format\.(amount_([A-Z]{2}|\d{3})|first_day)$`)

func keysOf(texts map[string]map[string]string) []string {
	var keys []string
	for key := range texts {
		if !regional.MatchString(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

var placeholder = regexp.MustCompile(`\{[a-z0-9_]+\}`)

// placeholders are the words to be filled in, sorted, each once.
func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestEveryLanguageSaysEverything(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(messages, "messages/*.toml")
	require.NoError(t, err)
	require.Len(t, files, len(Tags()))
	english := texts(t, "en.toml")
	for _, file := range files {
		name := strings.TrimPrefix(file, "messages/")
		said := texts(t, name)
		require.Equal(t, keysOf(english), keysOf(said), name)
		for key, forms := range said {
			if key == "format.first_day" {
				continue
			}
			if regional.MatchString(key) {
				require.Equal(t, []string{"{number}", "{symbol}"}, placeholders(forms["other"]), "%s %s", name, key)
				continue
			}
			want := placeholders(english[key]["other"])
			require.Equal(t, len(english[key]) > 1, len(forms) > 1 || name == "ja.toml" && len(english[key]) > 1, "%s %s: is it counted?", name, key)
			for form, text := range forms {
				if key == "mail.to" {
					text = strings.TrimPrefix(text, " ") // it follows a word
				}
				require.Empty(t, faults(text), "%s %s %s", name, key, form)
				require.False(t, name != "en.toml" && strings.Contains(text, "'"), "%s %s: ’ and no typewriter's apostrophe", name, key)
				if form == "other" {
					require.Equal(t, want, placeholders(text), "%s %s", name, key)
				} else {
					require.Subset(t, want, placeholders(text), "%s %s %s", name, key, form) // "one" may leave {n} out
				}
			}
		}
	}
}

// faults says what no text may be: empty, with blanks at its ends or two in a row, with a brace
// that is no placeholder.
func faults(text string) []string {
	var found []string
	bare := placeholder.ReplaceAllString(text, "x")
	for fault, is := range map[string]bool{
		"empty":            text == "",
		"blank at an end":  text != strings.TrimSpace(text),
		"two blanks":       strings.Contains(text, "  "),
		"stray brace":      strings.ContainsAny(bare, "{}"),
		"more than a line": strings.ContainsAny(text, "\n\r\t"),
		"markup":           strings.ContainsAny(bare, "<>"),
	} {
		if is {
			found = append(found, fault)
		}
	}
	return found
}

func TestTheFaultsAreFound(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " a", "a  b", "a { b", "a {B} c", "a\nb", "<b>a</b>"} {
		require.NotEmpty(t, faults(text), "%q", text)
	}
	require.Empty(t, faults("{brand} ending in {last4}"))
}

// TestThePageComesLast: mails and pages are written by different hands, which do not meet in the
// middle of a file.
func TestThePageComesLast(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(messages, "messages/*.toml")
	require.NoError(t, err)
	for _, file := range files {
		data, err := fs.ReadFile(messages, file)
		require.NoError(t, err)
		sections := regexp.MustCompile(`(?m)^\[[a-z]+`).FindAll(data, -1)
		require.True(t, bytes.HasPrefix(sections[len(sections)-1], []byte("[page")), file)
	}
}
