//go:build console

package console_test

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// The namespace of many users has more than the first part of a search reads.
const (
	crowd     = "crowd"
	crowdSize = 700
)

func createCrowd(ctx context.Context) {
	GinkgoHelper()
	createMany(ctx, crowd, crowdSize, func(i int, u *v1alpha1.CloudSSOUser) {
		u.Name = fmt.Sprintf("member-%04d", i)
		u.Spec.UserName, u.Spec.ExternalID, u.Spec.Source = fmt.Sprintf("member%04d@example.com", i), fmt.Sprintf("00u%04d", i), v1alpha1.SourceManual
	})
}

// createMany creates users in a namespace of their own. The operator does not serve them, because it has no directory. set sets the
// name and the spec of one.
func createMany(ctx context.Context, namespace string, count int, set func(i int, u *v1alpha1.CloudSSOUser)) {
	GinkgoHelper()
	Expect(environment.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(16)
	for i := range count {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
		set(i, u)
		writers.Go(func() error { return environment.Admin.Create(writing, u) })
	}
	Expect(writers.Wait()).To(Succeed())
}

// What a page of a search asks for by itself, as patterns of hold: anything, and the parts of the list after the first one.
const (
	anyPart    = "*/rows?*"
	laterParts = "*/rows?continue=*"
)

var _ = Describe("a search", Ordered, func() {
	const users = "/directories/" + crowd + "/users"
	const status = "document.querySelector('[data-search-status]').textContent"

	BeforeAll(func(ctx SpecContext) {
		createCrowd(ctx)
		bind(ctx, viewer, crowd, "view")
	})

	It("shows its progress, reads to the end, and says so", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(users + "?q=0699@example")
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("That is all: 700 read, 1 found."))
		Expect(t.text("main")).To(ContainSubstring("member0699@example.com"))
		Expect(evaluate[bool](t, "document.querySelector('[data-searching]').hidden")).To(BeTrue())
	})

	It("says what it does before it has read, and shows the user of an external ID", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.hold(anyPart)
		t.goTo(users + "?q=00u0699")
		Eventually(t.holds).Should(Equal(2))
		Expect(t.text("main")).To(And(ContainSubstring("Looking by external ID and display name"), Not(ContainSubstring("Nothing was found."))))
		t.release()
		Eventually(func() string { return t.text("tbody") }).Should(ContainSubstring("member0699@example.com"))
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("That is all: 700 read, 1 found."))
	})

	It("stops to look in all ways, and goes on", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.hold(anyPart)
		t.goTo(users + "?q=00u0699")
		Eventually(t.holds).Should(Equal(2))
		t.do(chromedp.Click(chromedp.CSS("[data-stop]")))
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("Stopped."))
		t.release()
		Expect(evaluate[int](t, `[...document.querySelectorAll("[data-continue]:not([hidden])")].map(link => link.click()).length`)).To(Equal(2))
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("That is all: 700 read, 1 found."))
		Expect(t.text("tbody")).To(ContainSubstring("member0699@example.com"))
	})

	It("stops, and goes on from there", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.hold(laterParts)
		t.goTo(users + "?q=0699@example")
		Eventually(t.holds).Should(Equal(1))
		Eventually(func() string { return t.text("tbody") }).Should(Equal("Nothing was found."), "no user is named so")
		t.do(chromedp.Click(chromedp.CSS("[data-stop]")))
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("Stopped."))
		Expect(t.text("[data-progress]")).To(Equal("600 of about 700 read, 0 found."))
		t.release()
		Consistently(func() string { return evaluate[string](t, status) }).WithTimeout(3 * time.Second).Should(Equal("Stopped."))
		t.do(chromedp.Click(chromedp.CSS("[data-continue]")))
		Eventually(func() string { return evaluate[string](t, status) }).Should(Equal("That is all: 700 read, 1 found."))
	})

	It("has at its address what was shown by and by, and shows it again", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(users + "?source=Manual")
		const rows = `document.querySelectorAll("tbody th").length`
		for _, shown := range []int{200, 300} {
			t.do(chromedp.Click(chromedp.CSS(".rest a")))
			Eventually(func() int { return evaluate[int](t, rows) }).Should(Equal(shown))
		}
		Eventually(func() string { return evaluate[string](t, "location.search") }).Should(Equal("?source=Manual&until=300"))
		t.do(chromedp.Reload())
		Eventually(func() int { return evaluate[int](t, rows) }).Should(Equal(300))
		t.goTo(users + "?source=Manual&until=650") // more than one answer has
		Eventually(func() int { return evaluate[int](t, rows) }).Should(Equal(crowdSize))
		Expect(t.isWhole()).To(BeTrue())
	})

	It("keeps its rows when the console ends, and says what to do", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.hold(laterParts)
		t.goTo(users + "?q=member0001&state=Active")
		Eventually(t.holds).Should(Equal(1))
		t.process.Interrupt()
		Eventually(t.process).Should(gexec.Exit())
		t.release()
		Eventually(func() string { return evaluate[string](t, status) }).Should(HavePrefix("The console does not answer."))
		Expect(t.text("[data-continue]")).To(Equal("Continue"))
		Expect(t.text("main")).To(ContainSubstring("member0001@example.com"))
	})
})
