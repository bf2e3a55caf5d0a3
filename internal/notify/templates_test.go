package notify_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/notify"
)

// folder writes templates into a folder of the test.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// designed returns a merchant with templates.
func designed(t *testing.T, files map[string]string) notify.Merchant {
	t.Helper()
	templates, faults := notify.LoadTemplates(folder(t, files))
	require.Empty(t, faults)
	m := page()
	m.Templates = templates
	return m
}

func TestTemplates_MostSpecificWins(t *testing.T) {
	t.Parallel()
	m := designed(t, map[string]string{
		"layout.html.tmpl":               "<p>every mail: {{.Heading}}</p>",
		"layout.de.html.tmpl":            "<p>every German mail</p>",
		"payment_failed.html.tmpl":       "<p>declined: {{.Amount}} {{.Reason}}</p>",
		"payment_failed.de.html.tmpl":    "<p>declined in German: {{.Amount}}</p>",
		"payment_failed.de-CH.html.tmpl": "<p>declined in Switzerland: {{.Amount}}</p>",
		"payment_failed.txt.tmpl":        "{{define \"subject\"}}Oh dear, {{.Name}}:\n {{.Amount}}{{end}}\n\n\n{{.Greeting}}  \n\n\n\n{{t \"mail.footer.safe\" .}}\n",
		"README":                         "{{ not a template",
		"notes.txt":                      "{{ not a template",
	})
	declined := func(tag string) billing.Mail {
		return rendered(t, notify.Sample(billing.NoticePaymentFailed, tag, sampled), m)
	}
	require.Equal(t, "<p>declined: $333.00 There was not enough money available on the card.</p>", declined("en-US").HTML)
	require.Equal(t, "<p>declined in German: 333,00\u00a0€</p>", declined("de").HTML)
	require.Equal(t, "<p>declined in German: €\u00a0333,00</p>", declined("de-AT").HTML)
	require.Equal(t, "<p>declined in Switzerland: CHF\u00a0333.00</p>", declined("de-CH").HTML)
	require.Equal(t, "<p>every mail: Thank you for your payment</p>", rendered(t, notify.Sample(billing.NoticePaymentSucceeded, "en", sampled), m).HTML)
	require.Equal(t, "<p>every German mail</p>", rendered(t, notify.Sample(billing.NoticePaymentSucceeded, "de", sampled), m).HTML)

	mail := declined("en-US")
	require.Equal(t, "Oh dear, Ada Lovelace: $333.00", mail.Subject)
	require.Equal(t, "Hello Ada Lovelace,\n\nWe never ask for card details by e-mail.\n", mail.Text)
	builtIn := rendered(t, notify.Sample(billing.NoticePaymentSucceeded, "en", sampled), page())
	require.Equal(t, builtIn.Text, rendered(t, notify.Sample(billing.NoticePaymentSucceeded, "en", sampled), m).Text, "missing templates are built in")
}

func TestTemplates_EscapeOutsideText(t *testing.T) {
	t.Parallel()
	m := designed(t, map[string]string{"layout.html.tmpl": `<a title="{{.Name}}" href="{{.Link}}">{{.Name}}</a>`})
	n := notice(billing.NoticePaymentFailed)
	n.Data.CustomerName = `"><script>alert(1)</script>`
	require.NotContains(t, rendered(t, n, m).HTML, "<script")
}

// TestLoadTemplates_BrokenTemplate: the error has the file, the line and a hint, for all faults at
// once.
func TestLoadTemplates_BrokenTemplate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, text, problem, hint string }{
		"not closed":               {"payment_failed.html.tmpl", "<p>\n{{if .Link}}\n", "line 3: unexpected EOF", "docs/notices.md"},
		"no such function":         {"payment_failed.html.tmpl", "<p>\n\n{{now}}", `line 3: function "now" not defined`, "docs/notices.md"},
		"a misspelt field":         {"payment_failed.html.tmpl", "<p>\n{{.Amuont}}", "line 2: <.Amuont>: can't evaluate field Amuont", "lists what a template can use"},
		"only without a link":      {"payment_failed.txt.tmpl", "x\n{{if not .Link}}{{.Nope}}{{end}}", "line 2: <.Nope>: can't evaluate", "lists what a template can use"},
		"only of one kind":         {"layout.txt.tmpl", "x\n{{if eq .Kind \"card_expiring\"}}{{.Nope}}{{end}}", "line 2: <.Nope>", "lists what a template can use"},
		"only in one language":     {"layout.txt.tmpl", "x\n{{if eq .Lang \"ja\"}}{{.Nope}}{{end}}", "line 2: <.Nope>", "lists what a template can use"},
		"no such text":             {"layout.txt.tmpl", "\n\n{{t \"mail.nope\" .}}", `line 3: <t "mail.nope" .>: error calling t: there is no text "mail.nope"`, "lists what a template can use"},
		"an ambiguous context":     {"layout.html.tmpl", "<a href={{if .Link}}\"{{end}}{{.Link}}>", "line 1", "lists what a template can use"},
		"a subject that is empty":  {"payment_failed.txt.tmpl", "{{define \"subject\"}} {{end}}x", `"subject" is empty`, "lists what a template can use"},
		"no kind":                  {"payment_fail.html.tmpl", "x", `"payment_fail" is not a kind of notice`, "payment_failed"},
		"no form":                  {"payment_failed.htm.tmpl", "x", `neither html nor txt`, "KIND.html.tmpl"},
		"no language":              {"payment_failed.german.html.tmpl", "x", `"german" is not a language tag`, "KIND.LANGUAGE.html.tmpl"},
		"a language written wrong": {"payment_failed.de_ch.html.tmpl", "x", `"de_ch" is not a language tag`, "KIND.LANGUAGE.html.tmpl"},
		"too many dots":            {"payment_failed.de.new.html.tmpl", "x", "too many dots", "KIND.html.tmpl"},
		"too large":                {"payment_failed.html.tmpl", strings.Repeat("x", 300<<10), "307200 bytes are more than 262144", "a file"},
	} {
		dir := folder(t, map[string]string{tt.file: tt.text, "plan_completed.html.tmpl": "{{"})
		templates, faults := notify.LoadTemplates(dir)
		require.Nil(t, templates, name)
		require.Len(t, faults, 2, name)
		if strings.HasSuffix(faults[0].Path, "plan_completed.html.tmpl") {
			faults[0], faults[1] = faults[1], faults[0]
		}
		require.Equal(t, filepath.Join(dir, tt.file), faults[0].Path, name)
		require.Contains(t, faults[0].Problem, tt.problem, name)
		require.Contains(t, faults[0].Hint, tt.hint, name)
	}
	_, faults := notify.LoadTemplates(filepath.Join(t.TempDir(), "nowhere"))
	require.Len(t, faults, 1)
	require.Contains(t, faults[0].Problem, "no such file")
}

// TestTemplates_DocumentationIsComplete: docs/notices.md names everything that a template can use,
// and every kind of notice.
func TestTemplates_DocumentationIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "notices.md"))
	require.NoError(t, err)
	for _, of := range []reflect.Type{reflect.TypeFor[notify.View](), reflect.TypeFor[notify.Button](), reflect.TypeFor[notify.Detail]()} {
		for f := range of.Fields() {
			if f.IsExported() {
				require.Contains(t, string(text), "`."+f.Name+"`", of.Name())
			}
		}
	}
	for _, kind := range billing.NoticeKinds() {
		require.Contains(t, string(text), "| `"+string(kind)+"` |")
	}
}

// TestTemplates_LaterFailureFailsItsMail: a valid template can still fail on data that the samples
// lack.
func TestTemplates_LaterFailureFailsItsMail(t *testing.T) {
	t.Parallel()
	m := designed(t, map[string]string{"layout.html.tmpl": `{{if eq .Name "Eve"}}{{index .Paragraphs 99}}{{end}}`})
	n := notice(billing.NoticePaymentFailed)
	n.Data.CustomerName = "Eve"
	_, err := notify.Render(n, m)
	require.ErrorContains(t, err, "index out of range")
}
