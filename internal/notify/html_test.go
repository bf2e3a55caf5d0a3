package notify_test

import (
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/notify"
)

// eachMail renders every kind in every language, with and without a page and a merchant's name.
func eachMail(t *testing.T, test func(t *testing.T, n billing.Notice, m billing.Mail)) {
	t.Helper()
	for _, kind := range billing.NoticeKinds() {
		for _, tag := range append(locale.Tags(), "en-GB", "de-CH", "sv-SE") {
			n := notify.Sample(kind, tag, sampled)
			test(t, n, rendered(t, n, page()))
			test(t, n, rendered(t, n, notify.Merchant{}))
		}
	}
}

// void holds the elements without an end tag.
var void = map[string]bool{"meta": true, "br": true, "hr": true, "img": true, "link": true, "input": true}

// unbalanced returns the element of a document whose tags do not match, or "".
func unbalanced(t *testing.T, doc string) string {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(doc))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return strings.Join(open, " ")
		case html.StartTagToken:
			if name := z.Token().Data; !void[name] {
				open = append(open, name)
			}
		case html.EndTagToken:
			name := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != name {
				return "</" + name + ">"
			}
			open = open[:len(open)-1]
		}
	}
}

// elements returns the elements of a document with a name, or all for "".
func elements(t *testing.T, doc, name string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(doc))
	require.NoError(t, err)
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// linksIn returns the addresses of a document's links.
func linksIn(t *testing.T, doc string) []string {
	t.Helper()
	var links []string
	for _, a := range elements(t, doc, "a") {
		links = append(links, attribute(a, "href"))
	}
	return links
}

// content returns the text of a node.
func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func TestHTML_WellFormedAndAccessible(t *testing.T) {
	t.Parallel()
	eachMail(t, func(t *testing.T, n billing.Notice, m billing.Mail) {
		require.Empty(t, unbalanced(t, m.HTML), "%s %s", n.Kind, n.Data.Locale)
		require.True(t, strings.HasPrefix(strings.TrimSpace(m.HTML), "<!DOCTYPE html>"))
		root := elements(t, m.HTML, "html")[0]
		require.Equal(t, locale.Match(n.Data.Locale).Tag(), attribute(root, "lang"))
		require.Equal(t, "ltr", attribute(root, "dir"))
		require.Equal(t, m.Subject, content(elements(t, m.HTML, "title")[0]))
		require.Len(t, elements(t, m.HTML, "h1"), 1)
		for _, table := range elements(t, m.HTML, "table") {
			data := len(elementsUnder(table, "th")) > 0 && attribute(table, "role") == ""
			require.True(t, data || attribute(table, "role") == "presentation", "a layout table must not be read as a table")
		}
		for _, th := range elements(t, m.HTML, "th") {
			require.Equal(t, "row", attribute(th, "scope"))
		}
		for _, a := range elements(t, m.HTML, "a") {
			require.NotEmpty(t, strings.TrimSpace(content(a)), "a link needs a text")
		}
	})
}

func elementsUnder(n *html.Node, name string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == name {
			found = append(found, d)
		}
	}
	return found
}

// TestHTML_LoadsNothing: a mail that loads something reports to its sender that it was read.
func TestHTML_LoadsNothing(t *testing.T) {
	t.Parallel()
	eachMail(t, func(t *testing.T, n billing.Notice, m billing.Mail) {
		for _, e := range elements(t, m.HTML, "") {
			require.NotContains(t, []string{"img", "script", "link", "iframe", "object", "embed", "form", "svg", "video", "base"}, e.Data)
			for _, a := range e.Attr {
				require.NotContains(t, []string{"src", "srcset", "background"}, a.Key)
				require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
				require.NotContains(t, a.Val, "url(")
			}
		}
		for _, style := range elements(t, m.HTML, "style") {
			require.NotContains(t, content(style), "url(")
			require.NotContains(t, content(style), "@import")
		}
		require.Less(t, len(m.HTML), 60<<10, "Gmail clips mails at 102 KB")
	})
}

// TestParts_SameContent: the text part has everything that the HTML part has.
func TestParts_SameContent(t *testing.T) {
	t.Parallel()
	eachMail(t, func(t *testing.T, n billing.Notice, m billing.Mail) {
		words := content(elements(t, m.HTML, "body")[0])
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSpace(line)
			if label, value, found := cut(line); found && strings.Contains(words, label) && strings.Contains(words, value) {
				continue
			}
			require.Contains(t, words, strings.TrimRight(line, " :："), "%s %s", n.Kind, n.Data.Locale)
		}
	})
}

// cut splits a line of facts.
func cut(line string) (label, value string, found bool) {
	at := regexp.MustCompile(` ?: |：`).FindStringIndex(line)
	if at == nil {
		return "", "", false
	}
	return line[:at[0]], line[at[1]:], true
}

// colours are the colours of a text and its background.
type colours struct{ text, behind string }

var (
	darkBlock = regexp.MustCompile(`(?s)@media \(prefers-color-scheme: dark\) \{(.*?)\n\}`)
	cssRule   = regexp.MustCompile(`\.([\w-]+) \{([^}]*)\}`)
)

// declarations parses a style: "color: #fff !important; …".
func declarations(style string) map[string]string {
	found := map[string]string{}
	for d := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(d, ":")
		found[strings.TrimSpace(name)] = strings.TrimSpace(strings.ReplaceAll(value, "!important", ""))
	}
	return found
}

// darkRules returns the declarations by class in dark mode.
func darkRules(t *testing.T, doc string) map[string]map[string]string {
	t.Helper()
	block := darkBlock.FindStringSubmatch(doc)
	require.NotNil(t, block)
	rules := map[string]map[string]string{}
	for _, r := range cssRule.FindAllStringSubmatch(block[1], -1) {
		rules[r[1]] = declarations(r[2])
	}
	return rules
}

// seen returns the colours of every visible text, in light mode or, with rules, in dark mode.
func seen(n *html.Node, in colours, rules map[string]map[string]string, found map[colours]string) {
	if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
		found[in] = n.Data
	}
	if n.Type == html.ElementNode {
		if n.Data == "head" {
			return
		}
		style := declarations(attribute(n, "style"))
		if style["display"] == "none" {
			return
		}
		apply := func(d map[string]string) {
			if c := d["color"]; c != "" && c != "inherit" {
				in.text = c
			}
			if c := d["background-color"]; c != "" {
				in.behind = c
			}
		}
		apply(style)
		for class := range strings.FieldsSeq(attribute(n, "class")) {
			apply(rules[class])
		}
	}
	for c := range n.ChildNodes() {
		seen(c, in, rules, found)
	}
}

// luminance and contrast follow WCAG 2.1 (relative luminance, contrast ratio).
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	require.Regexp(t, `^#[0-9a-f]{6}$`, colour)
	var l float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func contrast(t *testing.T, c colours) float64 {
	t.Helper()
	a, b := luminance(t, c.text), luminance(t, c.behind)
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

func TestHTML_ContrastInLightAndDarkMode(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 21, contrast(t, colours{"#000000", "#ffffff"}), 0.01)
	require.InDelta(t, 4.54, contrast(t, colours{"#767676", "#ffffff"}), 0.01)
	eachMail(t, func(t *testing.T, n billing.Notice, m billing.Mail) {
		root, err := html.Parse(strings.NewReader(m.HTML))
		require.NoError(t, err)
		modes := map[string]map[string]map[string]string{"light": nil, "dark": darkRules(t, m.HTML)}
		for mode, rules := range modes {
			found := map[colours]string{}
			seen(root, colours{}, rules, found)
			require.GreaterOrEqual(t, len(found), 3)
			for c, text := range found {
				require.GreaterOrEqual(t, contrast(t, c), 4.5, "%s, %s: %q is %s on %s", n.Kind, mode, text, c.text, c.behind)
			}
		}
		require.Contains(t, m.HTML, `<meta name="color-scheme" content="light dark">`)
	})
}
