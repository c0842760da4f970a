//go:build console

package console_test

import (
	"net/http"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/chaos"
)

var _ = Describe("a lost connection to the API server", func() {
	It("is said in words, and ends", func(ctx SpecContext) {
		proxy, again := throughProxy()
		v := signIn(ctx, remote)
		Expect(proxy.Close()).To(Succeed())
		for path := range pages() {
			answer := v.get(ctx, path)
			Expect(answer.StatusCode).To(Equal(http.StatusBadGateway), path)
			Expect(answer.text()).To(And(ContainSubstring("connection refused"), ContainSubstring("Try again")), path)
		}
		again()
		Expect(v.get(ctx, directory("users")).text()).To(ContainSubstring(alice))
	})

	It("leaves the person where they were", func(ctx SpecContext) {
		proxy, again := throughProxy()
		t := browse(ctx, remote)
		t.goTo(directory("users?q=alice"))
		Expect(proxy.Close()).To(Succeed())
		t.do(chromedp.Reload())
		Expect(t.text("main")).To(ContainSubstring("Try again"))
		again()
		t.do(chromedp.Reload())
		Eventually(func() string { return t.text("main") }).Should(ContainSubstring(alice))
		Expect(evaluate[string](t, "location.search")).To(Equal("?q=alice"))
	})
})

var _ = Describe("a form that is not sent", func() {
	const draft = `sessionStorage.length + " " + JSON.stringify(sessionStorage)`
	isRestored := func(t *tab) func() bool {
		return func() bool { return evaluate[bool](t, `!document.querySelector("[data-draft] p").hidden`) }
	}
	inputs := func(t *tab) string {
		return evaluate[string](t, `document.querySelector("#name").value + ", " + document.querySelector("#description").value`)
	}

	send := func(t *tab, name string) {
		GinkgoHelper()
		t.do(chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS("main form button")))
	}

	It("has after a reload what was typed into it, until that is discarded", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("new-credential"))
		Expect(isRestored(t)()).To(BeFalse())
		t.do(chromedp.SendKeys(chromedp.CSS("#name"), "draft"), chromedp.SendKeys(chromedp.CSS("#description"), "for later"), chromedp.Reload())
		Eventually(isRestored(t)).Should(BeTrue())
		Expect(inputs(t)).To(Equal("draft, for later"))
		other := t.second(ctx)
		other.goTo(directory("new-credential"))
		Expect(inputs(other)).To(Equal(", "), "another tab has its own")

		t.do(chromedp.Click(chromedp.CSS("[data-draft] button")))
		Expect(inputs(t)).To(Equal(", "))
		Expect(evaluate[string](t, "document.activeElement.id")).To(Equal("name"))
		t.do(chromedp.Reload())
		Expect(isRestored(t)()).To(BeFalse())
	})

	It("keeps what was typed while it is refused, and nothing once it was carried out", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("new-credential"))
		send(t, "Drafted!")
		Eventually(t.shows).WithArguments("#name-fault").Should(ContainSubstring("RFC 1123"))
		t.goTo(directory("new-credential"))
		Expect(inputs(t)).To(Equal("Drafted!, "))
		evaluate[string](t, `document.querySelector("#name").value = ""`)
		send(t, "drafted")
		Eventually(t.shows).WithArguments("#token").Should(HavePrefix("cssoscim_"))
		DeferCleanup(deleteSuccessors)
		Eventually(func() string { return evaluate[string](t, draft) }).Should(Equal("0 {}")) // the script of the page runs after the token is there
	})

	It("is shown as the directory is if the browser has a draft that cannot be read", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("settings/edit"))
		burst := evaluate[string](t, `document.querySelector("#burst").value`)
		t.do(chromedp.SendKeys(chromedp.CSS("#burst"), "1"))
		Expect(evaluate[bool](t, `Object.keys(sessionStorage).forEach((key) => sessionStorage.setItem(key, "{")), sessionStorage.length == 1`)).To(BeTrue())
		t.do(chromedp.Reload())
		Expect(isRestored(t)()).To(BeFalse())
		Expect(evaluate[string](t, `document.querySelector("#burst").value`)).To(Equal(burst))
	})

	It("has nothing of another person of the same tab", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("new-credential"))
		t.do(chromedp.SendKeys(chromedp.CSS("#name"), "draft"))
		Expect(evaluate[bool](t, `Object.entries(sessionStorage).forEach(([key, value]) => {
			sessionStorage.removeItem(key);
			sessionStorage.setItem(key.replace("draft ", "draft other@example.com"), value);
		}), sessionStorage.length == 1`)).To(BeTrue())
		t.do(chromedp.Reload())
		Expect(inputs(t)).To(Equal(", "))
	})
})

// remote is a person behind a proxy: the viewer, if no other one is named.
const remote person = "remote"

// throughProxy gives remote a kubeconfig of the viewer's whose API server is behind the proxy that it returns. again starts the
// proxy again, at its address.
func throughProxy() (proxy *chaos.Proxy, again func()) {
	GinkgoHelper()
	return throughProxyAs(kubeconfigs[viewer])
}

// throughProxyAs is throughProxy for the person of a kubeconfig.
func throughProxyAs(kubeconfig string) (_ *chaos.Proxy, again func()) {
	GinkgoHelper()
	address := strings.TrimSuffix(strings.TrimPrefix(environment.ControlPlane.Admin().Host, "https://"), "/")
	start := func(at string) *chaos.Proxy {
		proxy, err := chaos.NewProxyAt(at, address)
		Expect(err).NotTo(HaveOccurred())
		return proxy
	}
	proxy := start("127.0.0.1:0")
	DeferCleanup(func() { _ = proxy.Close() }) // the spec may have closed it
	content, err := os.ReadFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	kubeconfigs[remote] = writeKubeconfig(string(remote), []byte(strings.Replace(string(content), address, proxy.Address(), 1)))
	return proxy, func() { DeferCleanup(start(proxy.Address()).Close) }
}

var _ = Describe("two tabs", func() {
	It("show what each was asked for, with one login", func(ctx SpecContext) {
		first := browse(ctx, viewer)
		second := first.second(ctx)
		first.goTo(directory("users?q=alice"))
		second.goTo(directory("users?q=carol"))
		first.do(chromedp.Reload())
		second.do(chromedp.Reload())
		Eventually(func() string { return first.text("main") }).Should(And(ContainSubstring(alice), Not(ContainSubstring(carol))))
		Eventually(func() string { return second.text("main") }).Should(And(ContainSubstring(carol), Not(ContainSubstring(alice))))
	})

	It("are not both logged in if they belong to two persons", func(ctx SpecContext) {
		first, second := browse(ctx, viewer), browse(ctx, admin)
		second.do(chromedp.Navigate(first.root + directory("users")))
		Expect(second.text("body")).To(ContainSubstring("Open the address that kubectl cloudsso console shows"))
		second.mu.Lock()
		defer second.mu.Unlock()
		second.requests = nil // the other console's are not its own
	})
})
