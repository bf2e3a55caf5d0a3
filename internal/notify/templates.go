package notify

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"

	"golang.org/x/text/language"

	"tranche/internal/billing"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

const (
	layoutName = "layout"
	htmlForm   = "html"
	textForm   = "txt"
)

// Templates lays out mails. A template is chosen by kind and language: payment_failed.de-CH,
// payment_failed.de, payment_failed, layout.de-CH, layout.de, layout; the last is built in. It is
// safe for concurrent use.
type Templates struct {
	htmls map[string]*htmltemplate.Template
	texts map[string]*texttemplate.Template
}

// builtIn returns Tranche's own templates. Tests render all of them, so a fault would break the
// build.
var builtIn = sync.OnceValue(func() *Templates {
	t := &Templates{htmls: map[string]*htmltemplate.Template{}, texts: map[string]*texttemplate.Template{}}
	for _, form := range []string{htmlForm, textForm} {
		name := layoutName + "." + form + ".tmpl"
		source, err := templateFiles.ReadFile("templates/" + name)
		if err == nil {
			err = t.add(name, string(source))
		}
		if err != nil {
			panic(err)
		}
	}
	return t
})

// TemplateError explains why a merchant's template is unusable.
type TemplateError struct {
	Path    string // of the file or the folder
	Problem string // with the line, if known
	Hint    string // what to do
}

// LoadTemplates reads a merchant's templates from a folder, and renders each with every kind of
// notice it is for, in every language. It ignores files that do not end in .tmpl. Missing templates
// are built in. It returns all faults at once; the templates are nil then.
func LoadTemplates(folder string) (*Templates, []TemplateError) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		problem := err
		if cause := errors.Unwrap(err); cause != nil {
			problem = cause
		}
		return nil, []TemplateError{{folder, problem.Error(), "it must be a folder that can be read"}}
	}
	t := &Templates{htmls: map[string]*htmltemplate.Template{}, texts: map[string]*texttemplate.Template{}}
	var faults []TemplateError
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".tmpl") {
			continue
		}
		if fault := t.load(folder, e); fault != nil {
			faults = append(faults, *fault)
		}
	}
	if faults != nil {
		return nil, faults
	}
	return t, nil
}

// maxTemplate limits the size of a template, which is part of every mail.
const maxTemplate = 256 << 10

func (t *Templates) load(folder string, e fs.DirEntry) *TemplateError {
	path := filepath.Join(folder, e.Name())
	name, err := parseName(e.Name())
	if err != nil {
		return &TemplateError{path, err.Error(), "name it KIND.html.tmpl, KIND.txt.tmpl or KIND.LANGUAGE.html.tmpl, where KIND is layout or one of " + kinds()}
	}
	source, err := os.ReadFile(path)
	if err == nil && len(source) > maxTemplate {
		err = fmt.Errorf("%d bytes are more than %d", len(source), maxTemplate)
	}
	if err != nil {
		return &TemplateError{path, err.Error(), "it must be a file that can be read"}
	}
	if err := t.add(e.Name(), string(source)); err != nil {
		return &TemplateError{path, located(err, e.Name()), "docs/notices.md explains how to write templates"}
	}
	if err := t.try(name); err != nil {
		return &TemplateError{path, located(err, e.Name()), "docs/notices.md lists what a template can use"}
	}
	return nil
}

func kinds() string {
	names := make([]string, 0, len(billing.NoticeKinds()))
	for _, k := range billing.NoticeKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// templateName is the parsed name of a file: payment_failed.de.html.tmpl.
type templateName struct{ kind, lang, form string }

func parseName(file string) (templateName, error) {
	parts := strings.Split(strings.TrimSuffix(file, ".tmpl"), ".")
	var n templateName
	switch len(parts) {
	case 2:
		n = templateName{parts[0], "", parts[1]}
	case 3:
		n = templateName{parts[0], parts[1], parts[2]}
	default:
		return n, errors.New("its name has too few or too many dots")
	}
	switch {
	case n.form != htmlForm && n.form != textForm:
		return n, fmt.Errorf("it is neither html nor txt, but %q", n.form)
	case n.kind != layoutName && !slices.Contains(billing.NoticeKinds(), billing.NoticeKind(n.kind)):
		return n, fmt.Errorf("%q is not a kind of notice", n.kind)
	}
	if n.lang != "" {
		tag, err := language.Parse(n.lang)
		if err != nil || tag.String() != n.lang {
			return n, fmt.Errorf("%q is not a language tag, such as de or pt-BR", n.lang)
		}
	}
	return n, nil
}

// functions returns the functions that templates can call in addition to text/template's: t returns
// a text of internal/locale by its key.
func functions() map[string]any {
	return map[string]any{
		"t": func(key string, v *View) (string, error) {
			if !v.locale.Has(key) {
				return "", fmt.Errorf("there is no text %q", key)
			}
			return v.locale.Text(key, v.words()), nil
		},
	}
}

// add parses a template under its file's name.
func (t *Templates) add(file, source string) (err error) {
	if strings.HasSuffix(file, "."+htmlForm+".tmpl") {
		t.htmls[file], err = htmltemplate.New(file).Option("missingkey=error").Funcs(functions()).Parse(source)
		return err
	}
	t.texts[file], err = texttemplate.New(file).Option("missingkey=error").Funcs(functions()).Parse(source)
	return err
}

// place matches the position in text/template's errors: "template: layout.html.tmpl:12:5: ".
var place = regexp.MustCompile(`^(?:html/)?template: ?([^:]+):(\d+)(?::\d+)?: (?:executing "[^"]*" at )?`)

// located returns a parser's message with the line first and without the file's name, which
// precedes it already.
func located(err error, file string) string {
	text := err.Error()
	at := place.FindStringSubmatch(text)
	if len(at) < 3 || at[1] != file {
		return text
	}
	return "line " + at[2] + ": " + strings.TrimPrefix(text, at[0])
}

// files returns the possible names of a template for the view, best first.
func (v *View) files(form string) []string {
	base, _, _ := strings.Cut(v.Lang, "-")
	var names []string
	for _, kind := range []string{v.Kind, layoutName} {
		names = append(names, kind+"."+v.Lang+"."+form+".tmpl", kind+"."+base+"."+form+".tmpl", kind+"."+form+".tmpl")
	}
	return names
}

func find[T any](own, builtIn map[string]T, names []string) T {
	for _, name := range names {
		if t, ok := own[name]; ok {
			return t
		}
	}
	return builtIn[names[len(names)-1]]
}

// html renders the HTML part.
func (t *Templates) html(v *View) (string, error) {
	var b strings.Builder
	err := find(t.htmls, builtIn().htmls, v.files(htmlForm)).Execute(&b, v)
	return b.String(), err
}

// text renders the text part. A template may define "subject"; otherwise the view's subject is
// used.
func (t *Templates) text(v *View) (text, subject string, err error) {
	found := find(t.texts, builtIn().texts, v.files(textForm))
	subject = v.Subject
	if own := found.Lookup("subject"); own != nil {
		var b strings.Builder
		if err := own.Execute(&b, v); err != nil {
			return "", "", err
		}
		subject = oneLine(b.String())
		v.Subject = subject
	}
	var b strings.Builder
	if err := found.Execute(&b, v); err != nil {
		return "", "", err
	}
	return tidy(b.String()), subject, nil
}

// tidy removes trailing blanks and repeated empty lines that templates leave behind.
func tidy(text string) string {
	var b strings.Builder
	empty := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(empty, 1)))
		}
		empty = 0
		b.WriteString(line + "\n")
	}
	return b.String()
}

// try renders a template with every kind of notice and every language it is for, with full and with
// missing data: a misspelt field causes an error only when the template runs.
func (t *Templates) try(name templateName) error {
	for _, n := range samplesFor(name) {
		for _, m := range []Merchant{{Name: "Example Shop", ReturnURL: "https://shop.example/pay"}, {}} {
			v := newView(n, m)
			err := func() error {
				if name.form == htmlForm {
					_, err := t.html(v)
					return err
				}
				_, subject, err := t.text(v)
				if err == nil && subject == "" {
					err = errors.New(`"subject" is empty`)
				}
				return err
			}()
			if err != nil {
				return err
			}
		}
	}
	return nil
}
