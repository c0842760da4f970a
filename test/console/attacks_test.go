//go:build console

package console_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// loginPath is the path of the address that the console shows.
const loginPath = "/login"

var _ = Describe("the console refuses", func() {
	DescribeTable("a request with the person's cookie", func(ctx SpecContext, method string, status int, change func(*http.Request)) {
		v := signIn(ctx, admin)
		answer := v.send(ctx, method, directory("users"), nil, change)
		Expect(answer.StatusCode).To(Equal(status))
		Expect(answer.body).NotTo(ContainSubstring("example.com"))
		Expect(v.get(ctx, directory("users")).StatusCode).To(Equal(http.StatusOK), "the person's own page")
	},
		Entry("to a name that was rebound to its address", http.MethodGet, http.StatusMisdirectedRequest, host("evil.example")),
		Entry("to localhost, which a page of another program may be at", http.MethodGet, http.StatusMisdirectedRequest, host("localhost")),
		Entry("that a page of another site sends", http.MethodPost, http.StatusForbidden, header("Sec-Fetch-Site", "cross-site")),
		Entry("that a page of another port sends", http.MethodPost, http.StatusForbidden, header("Sec-Fetch-Site", "same-site")),
		Entry("of another origin, from a browser that says no site", http.MethodPost, http.StatusForbidden, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		}),
		Entry("of a page without an origin, such as a file", http.MethodPost, http.StatusForbidden, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "null")
		}),
	)

	It("another local program, which has no cookie", func(ctx SpecContext) {
		v := newVisitor(signIn(ctx, admin).console)
		for _, path := range append(addresses(ctx), "/", "/assets/style.css", "/no-page") {
			answer := v.get(ctx, path)
			Expect(answer.StatusCode).To(Equal(http.StatusUnauthorized), path)
			Expect(answer.Header).NotTo(HaveKey("Set-Cookie"))
		}
	})

	It("a guessed secret, and ends if a second browser has the right one", func(ctx SpecContext) {
		signedIn := signIn(ctx, admin)
		other := newVisitor(signedIn.console)
		for _, address := range []string{loginPath, loginPath + "?secret=", loginPath + "?secret=GUESSED"} {
			Expect(other.get(ctx, address).StatusCode).To(Equal(http.StatusUnauthorized), address)
		}
		Expect(signedIn.logIn(ctx).StatusCode).To(Equal(http.StatusOK), "the same browser may open the address again")
		Expect(signedIn.get(ctx, directory("")).StatusCode).To(Equal(http.StatusOK))
		Expect(other.logIn(ctx, header("Sec-Fetch-Site", "none")).StatusCode).To(Equal(http.StatusUnauthorized))
		signedIn.expectEnd("another program has used the address of the console too")
	})

	It("the person too, if another program has opened the address before the browser", func(ctx SpecContext) {
		c := open(admin)
		thief := newVisitor(c)
		Expect(thief.logIn(ctx).StatusCode).To(Equal(http.StatusOK))
		Expect(thief.get(ctx, directory("users")).StatusCode).To(Equal(http.StatusOK))
		person := newTab(ctx, c, chromedp.WithNewBrowserContext())
		person.do(chromedp.Navigate(c.login))
		c.expectEnd("another program has used the address of the console too")
		Expect(person.text("body")).To(ContainSubstring("the console has ended"))
		_, err := thief.http.Get(c.root + directory("users"))
		Expect(err).To(MatchError(syscall.ECONNREFUSED))
	})

	It("a session that was fixed before the person logged in", func(ctx SpecContext) {
		c := open(admin)
		victim := newVisitor(c)
		root, err := url.Parse(c.root)
		Expect(err).NotTo(HaveOccurred())
		planted := &http.Cookie{Name: "cloudsso-console-" + root.Port(), Value: "planted", Path: "/"}
		victim.http.Jar.SetCookies(root, []*http.Cookie{planted})
		victim.logIn(ctx)
		Expect(victim.get(ctx, directory("")).StatusCode).To(Equal(http.StatusOK))
		attacker := newVisitor(c)
		attacker.http.Jar.SetCookies(root, []*http.Cookie{planted})
		Expect(attacker.get(ctx, directory("")).StatusCode).To(Equal(http.StatusUnauthorized))
	})

	It("the cookie of another console", func(ctx SpecContext) {
		viewing, administering := signIn(ctx, viewer), open(admin)
		other := newVisitor(administering)
		other.http.Jar = copyCookies(viewing, administering.root)
		Expect(other.get(ctx, directory("")).StatusCode).To(Equal(http.StatusUnauthorized))
	})

	It("no browser that has two consoles open, whose cookies are of one host", func(ctx SpecContext) {
		first := signIn(ctx, viewer)
		second := newVisitor(open(admin))
		second.http.Jar = first.http.Jar
		second.logIn(ctx)
		Expect(second.get(ctx, directory("")).StatusCode).To(Equal(http.StatusOK))
		Expect(first.get(ctx, directory("")).StatusCode).To(Equal(http.StatusOK))
		Expect(cookiesOf(first)).To(HaveLen(2))
	})

	It("an open log page whose console has ended, and the page says what to do", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(directory("log?since=all"))
		t.close()
		address, err := url.Parse(t.root)
		Expect(err).NotTo(HaveOccurred())
		open(viewer, "--port", address.Port())
		// The stream of this page has ended, because the directory was read whole. The page opens another one.
		Expect(evaluate[bool](t, "(() => {"+logScript()+"\nreturn true})()")).To(BeTrue())
		Eventually(func() string { return t.text("[data-live]") }).Should(ContainSubstring("Open the address that kubectl cloudsso console shows"))
	})

	It("a form without the token of the session, or with that of another", func(ctx SpecContext) {
		v, other := signIn(ctx, admin), signIn(ctx, admin)
		sent := 0
		for _, path := range addresses(ctx) {
			other.get(ctx, path)
			for _, action := range postedTo(v.get(ctx, path)) {
				sent++
				for name, token := range map[string][]string{"without a token": nil, "with an empty token": {""}, "with the token of another session": {other.csrf}} {
					answer := v.send(ctx, http.MethodPost, action, url.Values{csrfField: token})
					Expect(answer.StatusCode).To(Equal(http.StatusForbidden), "%s %s", action, name)
					Expect(answer.text()).To(ContainSubstring("another session"))
				}
			}
		}
		Expect(sent).To(BeNumerically(">", 0), "no page has a form")
		Expect(other.csrf).NotTo(Equal(v.csrf))
	})
})

var _ = Describe("the console says nothing was done", func() {
	It("because a link of another page says so", func(ctx SpecContext) {
		v, other := signIn(ctx, admin), signIn(ctx, admin)
		settings := other.get(ctx, directory("settings/edit")).submit(ctx, directory("settings/edit"), nil)
		Expect(settings.all("p", "class", "done")).To(HaveLen(1))
		for _, link := range []string{directory("settings") + "?done=saved", settings.Request.URL.RequestURI()} {
			Expect(v.get(ctx, link).all("p", "class", "done")).To(BeEmpty(), link)
		}
	})
})

var _ = Describe("the console keeps secret", func() {
	It("its secrets from the terminal, addresses and other pages", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		for _, path := range addresses(ctx) {
			answer := v.get(ctx, path)
			Expect(answer.Request.URL.String()).NotTo(ContainSubstring("secret"))
			Expect(answer.Header.Get("Referrer-Policy")).To(Equal("same-origin"))
			Expect(answer.Header.Get("Cache-Control")).To(Equal("no-store"))
			Expect(answer.Header.Get("Content-Security-Policy")).To(And(ContainSubstring("default-src 'none'"), Not(ContainSubstring("unsafe"))))
			Expect(answer.body).NotTo(ContainSubstring(environment.Token))
		}
		Expect(v.output()).NotTo(ContainSubstring(environment.Token))
		if v.csrf != "" {
			Expect(v.output()).NotTo(ContainSubstring(v.csrf))
		}
		for _, cookie := range cookiesOf(v) {
			Expect(v.output()).NotTo(ContainSubstring(cookie.Value))
			Expect(v.get(ctx, directory("")).body).NotTo(ContainSubstring(cookie.Value))
		}
	})

	It("the address that lets in from other accounts of the machine", func(ctx SpecContext) {
		o := newOpener()
		c := start(admin, o.variables)
		Eventually(o.opened).Should(BeARegularFile())
		arguments, err := os.ReadFile(o.opened)
		Expect(err).NotTo(HaveOccurred())
		file := string(arguments)
		for path, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
			info, err := os.Stat(path)
			Expect(err).NotTo(HaveOccurred(), "the arguments of xdg-open are %q", file)
			Expect(info.Mode().Perm()).To(Equal(mode), path)
		}

		t := newTab(ctx, c, chromedp.WithNewBrowserContext())
		again := t.second(ctx) // the same browser may open the file again
		for _, tab := range []*tab{t, again} {
			tab.allowed = "file://" + file
			tab.do(chromedp.Navigate(tab.allowed))
			tab.arrive(directory(""))
		}
		c.close()
		Expect(os.ReadDir(o.temporary)).To(BeEmpty())
	})

	It("the cookie from scripts", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		Expect(evaluate[string](t, "document.cookie")).To(BeEmpty())
	})
})

// host returns a change of a request's Host that keeps the port.
func host(name string) func(*http.Request) {
	return func(r *http.Request) { r.Host = name + ":" + r.URL.Port() }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// postedTo returns the addresses that the forms of a page are sent to by POST.
func postedTo(a *answer) (actions []string) {
	for _, form := range a.all("form") {
		target, err := a.Request.URL.Parse(attribute(form, "action"))
		Expect(err).NotTo(HaveOccurred())
		if strings.EqualFold(attribute(form, "method"), http.MethodPost) {
			actions = append(actions, target.Path)
		}
	}
	return actions
}

func cookiesOf(v *visitor) []*http.Cookie {
	GinkgoHelper()
	root, err := url.Parse(v.root)
	Expect(err).NotTo(HaveOccurred())
	cookies := v.http.Jar.Cookies(root)
	Expect(cookies).NotTo(BeEmpty())
	return cookies
}

// copyCookies returns a jar that sends the cookies of a visitor to another console.
func copyCookies(from *visitor, to string) http.CookieJar {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	root, err := url.Parse(to)
	Expect(err).NotTo(HaveOccurred())
	jar.SetCookies(root, cookiesOf(from))
	return jar
}

// A row of docs/threat-model.md: if a browser begins to tell ports apart, the row is wrong.
var _ = Describe("the console cannot keep", func() {
	It("its cookie from a listener on another port that the browser visits", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		cookies := make(chan string, 1)
		listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case cookies <- r.Header.Get("Cookie"):
			default: // a later request, such as that for an icon
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		DeferCleanup(listener.Close)
		t.allowed = listener.URL + "/"
		evaluate[bool](t, "location = '"+t.allowed+"', true")
		var stolen string
		Eventually(ctx, cookies).Should(Receive(&stolen))
		thief := newVisitor(t.console)
		Expect(thief.send(ctx, http.MethodGet, directory("users"), nil, header("Cookie", stolen)).StatusCode).To(Equal(http.StatusOK))
	})
})
