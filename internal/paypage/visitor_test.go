package paypage

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe.min.js
var axe string

// visitor is a customer with a fresh browser window.
type visitor struct {
	t    *testing.T
	ctx  context.Context
	home string // the prefix of Tranche's addresses

	mu       sync.Mutex
	troubles []string
}

// newVisitor opens a window for the duration of the test. When the test ends, it requires that
// there was no exception, no violation of the Content-Security-Policy, and no client secret in an
// address of ours.
func newVisitor(t *testing.T, s *shop) *visitor {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	v := &visitor{t: t, ctx: ctx, home: s.url}
	v.begin()
	t.Cleanup(func() {
		if t.Failed() {
			v.shot("failed")
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		require.Empty(t, v.troubles)
	})
	return v
}

// tab opens another tab of the same window.
func (v *visitor) tab() *visitor {
	v.t.Helper()
	ctx, cancel := chromedp.NewContext(v.ctx)
	v.t.Cleanup(cancel)
	other := &visitor{t: v.t, ctx: ctx, home: v.home}
	other.begin()
	return other
}

// begin sets up a tab, and records its errors.
func (v *visitor) begin() {
	v.t.Helper()
	require.NoError(v.t, chromedp.Listen(v.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			v.trouble("exception: " + (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
		case *cdplog.EventEntryAdded:
			if e.Entry.Source == cdplog.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				v.trouble("browser: " + e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if strings.HasPrefix(e.Request.URL, v.home) && strings.Contains(e.Request.URL, "_secret_") {
				v.trouble("client secret in " + e.Request.URL)
			}
		}
	}))
	command(v, network.Enable, network.EnableParams{})
	command(v, cdplog.Enable, cdp.Empty{})
	v.window(390, 844)
}

// command sends the browser a command.
func command[P, R any](v *visitor, c cdp.Command[P, R], params P) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, c, params)
	require.NoError(v.t, err)
}

func (v *visitor) trouble(what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.troubles = append(v.troubles, what)
}

func (v *visitor) run(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	require.NoError(v.t, chromedp.Do(ctx, actions...))
}

// window sets the size of the window, in CSS pixels.
func (v *visitor) window(width, height int64) {
	v.t.Helper()
	v.run(chromedp.EmulateViewport(width, height))
}

// dark turns dark mode on or off.
func (v *visitor) dark(on bool) {
	v.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	command(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// goes opens an address and waits until the page's script has set it up.
func (v *visitor) goes(link string) {
	v.t.Helper()
	v.run(chromedp.Navigate(link))
	v.sees(`document.readyState === 'complete' && (!document.querySelector('main[data-state]') || !!document.querySelector('main[data-ready]'))`)
}

// ask evaluates an expression in the page, and waits for it if it is a promise.
func ask[T any](v *visitor, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// must is ask, and fails the test on an error.
func must[T any](v *visitor, expression string) T {
	v.t.Helper()
	found, err := ask[T](v, expression)
	require.NoError(v.t, err)
	return found
}

// sees waits until an expression is true in the page, even if the page is reloaded meanwhile.
func (v *visitor) sees(expression string) {
	v.t.Helper()
	var last error
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(15 * time.Millisecond); ; <-tick.C {
		is, err := ask[bool](v, "!!("+expression+")")
		if last = err; err == nil && is {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			tick.Stop()
			require.Fail(v.t, "the page does not become as it should", "%s\n%v\n%s", expression, last, v.text())
		}
	}
}

// reads waits until the page shows a text.
func (v *visitor) reads(text string) {
	v.t.Helper()
	v.sees("document.body.innerText.includes(" + quoted(text) + ")")
}

// paid waits until the server's page shows the payment: the script shows it first, and then reloads
// the page.
func (v *visitor) paid() {
	v.t.Helper()
	v.sees(`document.querySelector('main[data-branch=paid][data-ready]')`)
	v.reads("Paid. Thank you!")
}

// text returns the visible text of the page.
func (v *visitor) text() string {
	text, err := ask[string](v, "document.body.innerText")
	if err != nil {
		return err.Error()
	}
	return text
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// clicks clicks an element with the mouse.
func (v *visitor) clicks(selector string) {
	v.t.Helper()
	v.sees("document.querySelector(" + quoted(selector) + ")")
	v.run(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// types types text into a field.
func (v *visitor) types(selector, text string) {
	v.t.Helper()
	v.run(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible), chromedp.KeyEvent(text))
}

// gives enters a card into a form, and agrees that it is saved.
func (v *visitor) gives(form, card string) {
	v.t.Helper()
	in := `form[data-form=` + form + `] `
	if must[bool](v, `!!document.querySelector('`+in+`input[value=other]:not(:checked)')`) {
		v.clicks(in + `input[value=other]`)
	}
	v.sees(`document.querySelector('` + in + `input[name=sim-number]')`)
	for _, name := range []string{"number", "exp", "cvc"} {
		v.run(chromedp.SetValue(chromedp.CSS(in+`input[name=sim-`+name+`]`), ""))
	}
	v.types(in+`input[name=sim-number]`, card)
	v.types(in+`input[name=sim-exp]`, "1249")
	v.types(in+`input[name=sim-cvc]`, "123")
	if !must[bool](v, `document.querySelector('`+in+`input[name=consent]').checked`) {
		v.clicks(in + `input[name=consent]`)
	}
}

// sends submits a form.
func (v *visitor) sends(form string) {
	v.t.Helper()
	v.clicks(`form[data-form=` + form + `] button[type=submit]`)
}

// answersTheBank passes the bank's challenge, or fails it.
func (v *visitor) answersTheBank(pass bool) {
	v.t.Helper()
	outcome := "fail"
	if pass {
		outcome = "succeed"
	}
	v.clicks(`dialog button[data-outcome=` + outcome + `]`)
}

// presses presses a key, such as kb.Tab.
func (v *visitor) presses(keys ...string) {
	v.t.Helper()
	for _, key := range keys {
		v.run(chromedp.KeyEvent(key))
	}
}

// tabsTo presses the Tab key until the focus is on the element of a selector.
func (v *visitor) tabsTo(selector string) {
	v.t.Helper()
	for range 40 {
		if must[bool](v, "document.activeElement.matches("+quoted(selector)+")") {
			return
		}
		v.presses(kb.Tab)
	}
	require.Fail(v.t, "the Tab key does not lead there", selector)
}

// shot stores a screenshot of the whole page.
func (v *visitor) shot(name string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		v.t.Logf("no screenshot %s: %v", name, err)
		return
	}
	dir, err := theArtifacts.folder()
	require.NoError(v.t, err)
	file := strings.NewReplacer("/", "_", " ", "_").Replace(v.t.Name()+"_"+name) + ".png"
	require.NoError(v.t, os.WriteFile(filepath.Join(dir, file), png, 0o644))
}

// violation is a finding of axe.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// accessible requires that axe finds no fault in the current page by the rules of WCAG 2.2 A and AA
// and the best practices, except for disabled rules.
func (v *visitor) accessible(disabled ...string) {
	v.t.Helper()
	rules := map[string]any{}
	for _, rule := range disabled {
		rules[rule] = map[string]bool{"enabled": false}
	}
	off, err := json.Marshal(rules)
	require.NoError(v.t, err)
	must[bool](v, "window.axe ? true : (function () { "+axe+"; return true; })()")
	found := must[struct{ Violations []violation }](v, `axe.run(document, {resultTypes: ['violations'], rules: `+string(off)+`}).then(r => ({Violations: r.violations.map(v => ({
		ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))}))}))`)
	var violations []string
	for _, one := range found.Violations {
		for _, n := range one.Nodes {
			violations = append(violations, fmt.Sprintf("%s (%s): %s\n  %s\n  %s", one.ID, one.Impact, one.Help, n.HTML, n.FailureSummary))
		}
	}
	require.Empty(v.t, violations, strings.Join(violations, "\n"))
}

// fits requires that nothing extends beyond the right edge of the window.
func (v *visitor) fits() {
	v.t.Helper()
	wide := must[[]string](v, `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
		.map(e => e.outerHTML.slice(0, 120)).concat(document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : [])`)
	require.Empty(v.t, wide)
}
