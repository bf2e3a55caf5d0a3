package paypage

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"tranche/internal/testenv"
)

// atOnce is how many tests run in parallel: they mostly wait for pages, and for charges that fall
// due in a second or two.
const atOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	m.Run()
	if theBrowser.stop != nil {
		theBrowser.stop()
	}
	if err := theArtifacts.close(); err != nil {
		panic(err)
	}
}

// theBrowser is the one Chromium of all tests, started by the first test that needs it.
var theBrowser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// browser returns the context of the running browser.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := testenv.Chromium(t)
	theBrowser.once.Do(func() { startBrowser(path) })
	if theBrowser.err != nil {
		t.Fatalf("start %s: %v", path, theBrowser.err)
	}
	return theBrowser.ctx
}

func startBrowser(path string) {
	// The defaults keep background windows awake.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("hide-scrollbars", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(alloc)
	theBrowser.stop = func() {
		stopBrowser()
		stopAlloc()
	}
	theBrowser.err = chromedp.Do(ctx)
	theBrowser.ctx = ctx //nolint:fatcontext // the context of the browser, which all tests share
}

// theArtifacts is the folder of the tests' screenshots.
var theArtifacts artifacts

// artifacts stores screenshots in $TEST_ARTIFACTS, or in a folder that is removed at the end.
type artifacts struct {
	mu   sync.Mutex
	dir  string
	temp bool
}

// folder returns the folder, and creates it if it does not exist.
func (a *artifacts) folder() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dir != "" {
		return a.dir, nil
	}
	if dir := os.Getenv("TEST_ARTIFACTS"); dir != "" {
		a.dir = dir
		return dir, os.MkdirAll(dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "tranche-paypage-")
	a.dir, a.temp = dir, true
	return dir, err
}

func (a *artifacts) close() error {
	if a.temp {
		return os.RemoveAll(a.dir)
	}
	return nil
}
