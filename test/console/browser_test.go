//go:build console

package console_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// chromiumVariable is the variable with the path of the browser, see hack/chromium.sh.
const chromiumVariable = "CHROMIUM"

// browser is the context of the one browser of the suite. Each tab has cookies and a cache of its own.
var browser context.Context

// startBrowser starts the browser without what it sends to its maker.
func startBrowser() {
	GinkgoHelper()
	path := os.Getenv(chromiumVariable)
	Expect(path).NotTo(BeEmpty(), "%s is not set: it names the program of a Chromium, as hack/chromium.sh prints it", chromiumVariable)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-gpu", true))
	if os.Getuid() == 0 { // Chromium has no sandbox for root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	DeferCleanup(stop)
	var closeBrowser context.CancelFunc
	browser, closeBrowser = chromedp.NewContext(allocator)
	DeferCleanup(closeBrowser)
	Expect(chromedp.Do(browser)).To(Succeed())
}

// tab is a tab of the browser, at a console.
type tab struct {
	*console
	ctx context.Context

	mu       sync.Mutex
	requests []string // the addresses of all of them
	faults   []string // of scripts, and what the Content-Security-Policy has refused
	dialogs  []string // the messages of alert, confirm and prompt
	allowed  string   // an address outside the console that the spec itself opens
	provider string   // the root of the identity provider, which a tab asks that signs in; "" for none
	held     []string // the addresses of requests that hold has kept from the console
}

// browse starts a console as a person, and opens the address that it shows in a new tab. At the end of the spec it expects that
// the tab asked no other server for anything, that no script failed and none showed a dialog, and that no page had what its
// Content-Security-Policy refuses.
func browse(ctx context.Context, p person, arguments ...string) *tab {
	GinkgoHelper()
	c := open(p, arguments...)
	t := newTab(ctx, c, chromedp.WithNewBrowserContext())
	t.do(chromedp.Navigate(c.login))
	t.arrive(directory(""))
	return t
}

// arrive waits until the address that the tab has opened has led on to a page of the console. An expression that is evaluated while
// the page changes fails.
func (t *tab) arrive(path string) {
	GinkgoHelper()
	Eventually(t.ctx, func() (string, error) {
		return chromedp.Run(t.ctx, chromedp.Evaluate[string](`document.readyState == "complete" ? location.pathname : ""`))
	}).Should(Equal(path))
}

// second opens another tab of the same person at the same console.
func (t *tab) second(ctx context.Context) *tab {
	GinkgoHelper()
	return newTab(ctx, t.console, chromedp.WithExistingBrowserContext(chromedp.FromContext(t.ctx).BrowserContextID))
}

func newTab(ctx context.Context, c *console, option chromedp.ContextOption) *tab {
	GinkgoHelper()
	t := &tab{console: c}
	var closeTab context.CancelFunc
	t.ctx, closeTab = chromedp.NewContext(browser, option, chromedp.WithListener(t.watch))
	stop := context.AfterFunc(ctx, closeTab)
	DeferCleanup(func() {
		stop()
		closeTab()
		t.expectNoFaults()
	})
	Expect(chromedp.Do(t.ctx)).To(Succeed())
	return t
}

// watch records what the tab does.
func (t *tab) watch(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, event.Request.URL)
	case *runtime.EventExceptionThrown:
		t.faults = append(t.faults, event.ExceptionDetails.Text+" "+event.ExceptionDetails.URL)
	case *cdplog.EventEntryAdded:
		if event.Entry.Source == cdplog.EntrySourceSecurity || strings.Contains(event.Entry.Text, "Content Security Policy") {
			t.faults = append(t.faults, event.Entry.Text)
		}
	case *fetch.EventRequestPaused:
		t.held = append(t.held, event.Request.URL)
	case *page.EventJavascriptDialogOpening:
		t.dialogs = append(t.dialogs, event.Message)
		go t.dismiss()
	}
}

// dismiss closes a dialog, because the page waits for that.
func (t *tab) dismiss() {
	target := chromedp.FromContext(t.ctx).Target
	_, _ = cdp.Call(t.ctx, target, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true}) // recorded already
}

// expectNoFaults expects that the tab has done nothing that no page of the console does.
func (t *tab) expectNoFaults() {
	GinkgoHelper()
	t.mu.Lock()
	defer t.mu.Unlock()
	Expect(t.faults).To(BeEmpty())
	Expect(t.dialogs).To(BeEmpty())
	for _, address := range t.requests {
		if t.allowed != "" && address == t.allowed || t.provider != "" && strings.HasPrefix(address, t.provider+"/") {
			continue
		}
		// An icon of the browser's own controls is a data URL.
		Expect(address).To(Or(HavePrefix(t.root+"/"), HavePrefix("data:image/svg+xml;")), "a page asked another server")
	}
}

// goTo opens an address of the console, such as directory("users"), and expects that it has a page.
func (t *tab) goTo(path string) {
	GinkgoHelper()
	Expect(t.load(path)).To(Equal(http.StatusOK), path)
}

// load opens an address of the console that may have no page, and returns the status of the answer.
func (t *tab) load(path string) int {
	GinkgoHelper()
	t.do(chromedp.Navigate(t.root + path))
	return evaluate[int](t, `performance.getEntriesByType("navigation")[0].responseStatus`)
}

// hold keeps the tab's requests for addresses of a pattern from the console, until release.
func (t *tab) hold(pattern string) {
	GinkgoHelper()
	call(t, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}})
}

// release sends what hold has kept, unless the page does not ask for it any more.
func (t *tab) release() {
	GinkgoHelper()
	call(t, fetch.Disable, cdp.Empty{})
}

// holds returns how many requests hold has kept.
func (t *tab) holds() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held)
}

// call sends a command of the DevTools protocol to the tab.
func call[P, R any](t *tab, command cdp.Command[P, R], parameters P) {
	GinkgoHelper()
	run(t, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, parameters)
	})
}

// do carries out actions in the tab.
func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	GinkgoHelper()
	for _, action := range actions {
		run(t, action)
	}
}

// run carries out an action in the tab, and returns its result. An element that it has found may belong to a page that is just
// being left; then it looks again.
func run[T any](t *tab, action chromedp.Action[T]) T {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	for {
		result, err := chromedp.Run(ctx, action)
		if isLeft(err) && ctx.Err() == nil {
			continue
		}
		Expect(err).NotTo(HaveOccurred())
		return result
	}
}

// isLeft reports whether an action has met an element of a page that the tab has left.
func isLeft(err error) bool {
	var refused *cdproto.Error
	return errors.As(err, &refused) && refused.Message == "No node with given id found"
}

// evaluate returns the value of an expression of JavaScript in the tab's page.
func evaluate[T any](t *tab, expression string) T {
	GinkgoHelper()
	return run(t, chromedp.Evaluate[T](expression))
}

// text returns the text of the first element that a CSS selector finds, as the person sees it. It waits for the element.
func (t *tab) text(selector string) string {
	GinkgoHelper()
	return run(t, chromedp.Text(chromedp.CSS(selector)))
}

// path returns the address of the tab's page below the root of the console, without its query.
func (t *tab) path() string {
	GinkgoHelper()
	return evaluate[string](t, "location.pathname")
}
