//go:build console

package console_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// The widths at which pages are looked at: 320 CSS pixels is WCAG's for reflow (1.4.10), and that of a desktop at 400 %.
const (
	narrow = 320
	phone  = 390
	wide   = 1280
	height = 900
)

// expectNoScrolling expects that the page is no wider than the window. A table may scroll within itself.
func expectNoScrolling(t *tab, path string) {
	GinkgoHelper()
	Expect(evaluate[string](t, wider)).To(BeEmpty(), path)
}

// wider names the elements that make the page wider than the window; "" if it is not.
const wider = `document.scrollingElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")]
	.filter(e => !e.parentElement.closest(".scroll") && e.getBoundingClientRect().right > innerWidth)
	.map(e => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).join(", ") || "the page"`

// brokenWords returns an expression of the words that are on more than one line in elements; "" if there are none. A word may be broken
// if it is long, as a request ID is.
func brokenWords(selector string) string {
	return `[...document.querySelectorAll("` + selector + `")].flatMap(element => {
		const found = [], range = document.createRange(), texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
		for (let text; (text = texts.nextNode());) {
			for (const word of text.data.matchAll(/[\p{L}\d]+/gu)) {
				range.setStart(text, word.index);
				range.setEnd(text, word.index + word[0].length);
				if (word[0].length <= 20 && new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(word[0]);
			}
		}
		return found;
	}).join(", ")`
}

// scrollingTables names the tables that are wider than their place; "" if there are none.
const scrollingTables = `[...document.querySelectorAll(".scroll")].filter(box => box.scrollWidth > box.clientWidth)
	.map(box => box.textContent.trim().slice(0, 60)).join(", ")`

// setMedia emulates a setting of the person's, such as prefers-color-scheme: dark.
func setMedia(t *tab, name, value string) {
	GinkgoHelper()
	run(t, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: name, Value: value}},
		})
		return chromedp.Void{}, err
	})
}

// moving names the elements that move, or change slowly; "" if there are none.
const moving = `[...document.querySelectorAll("*")].filter(e => {
	const style = getComputedStyle(e);
	return style.transitionDuration.split(", ").some(d => d !== "0s") || style.animationName !== "none" || style.scrollBehavior === "smooth";
}).map(e => e.tagName + "." + e.className).join(", ")`

// markControls gives window.controls all that a keyboard must reach, in the order of the page, and returns how many there are.
const markControls = `window.controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
	.filter(e => !e.matches(":disabled") && e.checkVisibility({visibilityProperty: true})), window.controls.length`

// stopLive stops a page that shows new rows while it is open.
const stopLive = `document.querySelectorAll("[data-pause]").forEach(pause => pause.click()), true`

// focused describes the element that has the focus: its place among window.controls, whether it is in the window, and whether its
// outline shows.
const focused = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
	return {
		Place: window.controls.indexOf(e), Name: e.outerHTML.slice(0, 120),
		Visible: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight,
		Outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
	};
})()`

// focus is what focused describes.
type focus struct {
	Place             int
	Name              string
	Visible, Outlined bool
}

// tabFrom presses the key Tab until the focus is not at a place any more, and returns where it is. A date has several stops.
func (t *tab) tabFrom(place int) (at focus) {
	GinkgoHelper()
	const stops = 8
	for range stops {
		t.do(chromedp.KeyEvent(kb.Tab))
		if at = evaluate[focus](t, focused); at.Place != place {
			break
		}
	}
	return at
}

var _ = Describe("each page", func() {
	It("fits into a narrow window and a wide one, with short words whole beside the longest names", func(ctx SpecContext) {
		createLong(ctx)
		t := browse(ctx, admin)
		for _, width := range []int64{narrow, phone, wide} {
			t.do(chromedp.EmulateViewport(width, height))
			t.eachPage(ctx, func(place string) {
				at := fmt.Sprintf("%s at %d", place, width)
				expectNoScrolling(t, at)
				Expect(evaluate[string](t, brokenWords("h2, dt, label, button, .button, nav a, thead th, .state, .switch, time"))).To(BeEmpty(), at)
				if width == wide {
					Expect(evaluate[string](t, brokenWords("tbody :is(th, td)"))).To(BeEmpty(), at)
				} else {
					Expect(evaluate[string](t, scrollingTables)).To(BeEmpty(), at)
				}
			})
		}
	})

	It("has the names of conditions whole at the width of a phone", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.do(chromedp.EmulateViewport(phone, height))
		t.goTo(directory(""))
		names := evaluate[int](t, `document.querySelectorAll(".conditions tbody th").length`)
		Expect(names).To(BeNumerically(">", 1))
		Expect(evaluate[string](t, `document.querySelector(".conditions tbody th").textContent = "Deactivations withheld (DeactivationsWithheld)", `+brokenWords(".conditions tbody th"))).To(BeEmpty())
		expectNoScrolling(t, "the overview")
	})

	It("can be used with the keyboard alone", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.do(chromedp.EmulateViewport(wide, height))
		t.eachPage(ctx, func(place string) {
			evaluate[bool](t, stopLive)
			for i := range evaluate[int](t, markControls) {
				at := t.tabFrom(i - 1)
				Expect(at).To(Equal(focus{Place: i, Name: at.Name, Visible: true, Outlined: true}), place)
			}
		})
	})

	It("has a link to its content that comes first", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.eachPage(ctx, func(place string) {
			evaluate[bool](t, `window.main = document.querySelector("main"), true`)
			t.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
			Expect(evaluate[string](t, "location.hash")).To(Equal("#content"), place)
			t.do(chromedp.KeyEvent(kb.Tab))
			Expect(evaluate[bool](t, `!main.querySelector("a[href], button, input, select") || main.contains(document.activeElement)`)).To(BeTrue(), place)
		})
	})

	It("does not move for a person who prefers that", func(ctx SpecContext) {
		t := browse(ctx, admin)
		setMedia(t, "prefers-reduced-motion", "reduce")
		t.eachPage(ctx, func(place string) { Expect(evaluate[string](t, moving)).To(BeEmpty(), place) })
	})

	It("has times in the person's zone, and the exact one on hover", func(ctx SpecContext) {
		u, err := stored(ctx, users[alice])
		Expect(err).NotTo(HaveOccurred())
		t := browse(ctx, viewer)
		call(t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
		call(t, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-US"})
		t.goTo(directory("users/" + users[alice]))
		created := `document.querySelector("time[data-clock][datetime='` + u.CreationTimestamp.UTC().Format(time.RFC3339) + `']")`
		there := u.CreationTimestamp.In(time.FixedZone("GMT+5:30", int((5*time.Hour + 30*time.Minute).Seconds())))
		words := func(expression string) string {
			return strings.Join(strings.Fields(evaluate[string](t, expression)), " ")
		} // they have narrow spaces
		Expect(words(created + ".textContent")).To(Equal(there.Format("Jan 2, 2006, 3:04:05 PM MST")))
		Expect(words(created + ".title")).To(Equal(there.Format("Monday, January 2, 2006 at 3:04:05 PM MST")))

		t.goTo(directory("")) // where times are said as in "5m ago"
		Expect(evaluate[int](t, `document.querySelectorAll("time").length`)).To(BeNumerically(">", 1))
		Expect(evaluate[string](t, `[...document.querySelectorAll("time")].filter(time => !time.title.endsWith("GMT+5:30")).map(time => time.outerHTML).join()`)).To(BeEmpty())
		t.goTo(directory("settings")) // which has the sentence of the operator about the credential
		Expect(words(`document.querySelector("[aria-labelledby=credentials] tbody td").textContent`)).To(MatchRegexp(`^the credential authenticates until .* GMT\+5:30$`))
	})

	It("is light or dark as the person prefers", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		const background = `getComputedStyle(document.body).backgroundColor`
		setMedia(t, "prefers-color-scheme", "light")
		light := evaluate[string](t, background)
		setMedia(t, "prefers-color-scheme", "dark")
		Expect(evaluate[string](t, background)).NotTo(Equal(light))
	})
})
