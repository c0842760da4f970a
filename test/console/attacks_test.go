//go:build console

package console_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

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

	It("the secret a second time, and a guessed one", func(ctx SpecContext) {
		signedIn := signIn(ctx, admin)
		login := strings.TrimPrefix(signedIn.login, signedIn.root)
		other := newVisitor(signedIn.console)
		for _, address := range []string{login, loginPath, loginPath + "?secret=", loginPath + "?secret=GUESSED"} {
			Expect(other.get(ctx, address).StatusCode).To(Equal(http.StatusUnauthorized), address)
		}
		Expect(signedIn.get(ctx, directory("")).StatusCode).To(Equal(http.StatusOK))
	})

	It("a session that was fixed before the person logged in", func(ctx SpecContext) {
		c := open(admin)
		victim := newVisitor(c)
		root, err := url.Parse(c.root)
		Expect(err).NotTo(HaveOccurred())
		planted := &http.Cookie{Name: "cloudsso-console", Value: "planted", Path: "/"}
		victim.http.Jar.SetCookies(root, []*http.Cookie{planted})
		Expect(victim.get(ctx, strings.TrimPrefix(c.login, c.root)).StatusCode).To(Equal(http.StatusOK))
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

var _ = Describe("the console keeps secret", func() {
	It("its secrets from the terminal, addresses and other pages", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		for _, path := range addresses(ctx) {
			answer := v.get(ctx, path)
			Expect(answer.Request.URL.String()).NotTo(ContainSubstring("secret"))
			Expect(answer.Header.Get("Referrer-Policy")).To(Equal("no-referrer"))
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
