//go:build console && accessibility

package console_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// axeVariable is the variable with the path of axe.min.js, which hack/npm.sh installs.
const axeVariable = "AXE"

// runAxe returns what axe finds against WCAG 2.2 AA and its own best practices: each rule, with the elements that break it. target-size
// is the one rule that WCAG 2.2 has added, and axe leaves it out by default.
const runAxe = `axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}).then(result => result.violations.map(v =>
	v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 160) + " " + n.any.map(a => a.message).join(" ")).join(" | ")))`

// violations returns what axe finds in the page that the tab shows.
func violations(t *tab, axe string) []string {
	GinkgoHelper()
	evaluate[string](t, axe+";typeof axe")
	return run(t, chromedp.Evaluate[[]string](runAxe, func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }))
}

var _ = Describe("axe", Label("accessibility"), func() {
	var axe string
	BeforeEach(func() {
		content, err := os.ReadFile(os.Getenv(axeVariable))
		Expect(err).NotTo(HaveOccurred(), "%s names the file axe.min.js, as make test-accessibility does", axeVariable)
		axe = string(content)
	})

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{narrow, wide} {
			It(fmt.Sprintf("finds nothing in a %s page %d pixels wide", scheme, width), func(ctx SpecContext) {
				t := browse(ctx, admin)
				setMedia(t, "prefers-color-scheme", scheme)
				t.do(chromedp.EmulateViewport(width, height))
				var found []string
				t.eachPage(ctx, func(place string) {
					for _, violation := range violations(t, axe) {
						found = append(found, place+": "+violation)
					}
				})
				Expect(strings.Join(found, "\n")).To(BeEmpty())
			})
		}
	}

	It("finds nothing in the pages of signing in", func(ctx SpecContext) {
		t := browseSignedOut(ctx, serve(ctx))
		var found []string
		for _, s := range signInScenes {
			s.reach(ctx, t)
			for _, scheme := range []string{"light", "dark"} {
				setMedia(t, "prefers-color-scheme", scheme)
				for _, violation := range violations(t, axe) {
					found = append(found, s.name+", "+scheme+": "+violation)
				}
			}
		}
		Expect(strings.Join(found, "\n")).To(BeEmpty())
	})

	It("finds what a page of another kind breaks", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		evaluate[bool](t, `document.querySelector("main").innerHTML = "<input>", true`)
		Expect(violations(t, axe)).To(ContainElement(HavePrefix("label: ")))
		evaluate[bool](t, `document.querySelector("main").innerHTML = "<button>a</button><button>b</button>",
			document.querySelectorAll("main button").forEach((b) => Object.assign(b.style, {width: "9px", minHeight: "9px", height: "9px", padding: 0})), true`)
		Expect(violations(t, axe)).To(ContainElement(HavePrefix("target-size: ")))
	})

	It("finds nothing for a person without rights", func(ctx SpecContext) {
		t := browse(ctx, stranger)
		Expect(violations(t, axe)).To(BeEmpty())
	})
})
