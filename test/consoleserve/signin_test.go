package consoleserve_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

const overview = "/directories/" + namespace + "/"

var _ = Describe("A person", func() {
	It("gets the page that was asked for after the sign-in, under the name that the API server knows", func(ctx SpecContext) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain)
		page := b.get(ctx, overview+"users?state=Active")
		Expect(page.StatusCode).To(Equal(http.StatusOK), page.body)
		Expect(page.Request.URL.String()).To(Equal("https://" + host + overview + "users?state=Active"))
		Expect(page.body).To(ContainSubstring(nameOf(viewer)))
		asked := issuer.Asked()
		last := asked[len(asked)-1]
		for _, parameter := range []string{"state", "nonce", "code_challenge"} {
			Expect(len(last.Get(parameter))).To(BeNumerically(">=", 26), parameter)
		}
		Expect(last.Get("code_challenge_method")).To(Equal("S256"))
	})

	It("has the rights that RBAC gives, and is told in the API server's words what is missing", func(ctx SpecContext) {
		page := signIn(ctx, plain, stranger, nil).get(ctx, overview)
		Expect(page.StatusCode).To(Equal(http.StatusForbidden))
		Expect(page.body).To(ContainSubstring("User &#34;" + nameOf(stranger) + "&#34; cannot get resource"))
		Expect(signIn(ctx, plain, admin, nil).get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
	})

	It("chooses the directory without the right to list those of the cluster", func(ctx SpecContext) {
		b := signIn(ctx, plain, viewer, nil)
		Expect(b.get(ctx, "/").body).To(ContainSubstring("The console cannot list the directories for you"))
		Expect(b.get(ctx, "/directories?namespace="+namespace).Request.URL.Path).To(Equal(overview))
	})

	It("keeps the session at another replica, and after a restart", func(ctx SpecContext) {
		first := start()
		b := signIn(ctx, first, viewer, nil)
		b.moveTo(plain)
		Expect(b.stay().get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
		first.stop()
		b.moveTo(start())
		Expect(b.get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
	})

	It("signs out, and is asked for the password at the next sign-in", func(ctx SpecContext) {
		b := signIn(ctx, plain, viewer, nil)
		token := b.get(ctx, overview).csrf()
		page := b.send(ctx, http.MethodPost, "/signout", url.Values{"csrf": {token}})
		Expect(page.Request.URL.Path).To(Equal("/signedout"))
		Expect(b.cookies()).To(HaveLen(1), "it has no session")
		Expect(page.body).To(ContainSubstring(`href="/signin"`))
		for _, path := range []string{"/signin", "/signin?to=" + overview} {
			Expect(b.stay().get(ctx, path).Header.Get("Location")).To(ContainSubstring("prompt=login"), path)
		}
		Expect(b.get(ctx, overview).Header.Get("Location")).To(HavePrefix("/signin?"))
		issuer.SignIn(&viewer, nil)
		Expect(b.follow().get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
		Expect(b.stay().get(ctx, "/signin").Header.Get("Location")).NotTo(ContainSubstring("prompt=login"), "a sign-in has completed")
	})

	It("is not signed in again by pages in other tabs after the sign-out", func(ctx SpecContext) {
		b := signIn(ctx, plain, viewer, nil).stay()
		callback := b.atProvider(ctx, "/signin") // a sign-in that another tab has begun
		b.send(ctx, http.MethodPost, "/signout", url.Values{"csrf": {b.get(ctx, overview).csrf()}})
		signedOut := b.cookies()
		for name, change := range map[string]func(*http.Request){
			"a poll": func(r *http.Request) {
				r.Header.Set("HX-Request", "true")
				r.Header.Set("HX-Current-URL", "https://"+host+overview+"users?q=a")
			},
			"a stream": func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Mode", "cors")
				r.Header.Set("Accept", "text/event-stream")
			},
			"an icon":            func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "no-cors") },
			"a stream of before": func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") },
		} {
			part := b.get(ctx, overview+"users/rows", change)
			Expect(part.StatusCode).To(Equal(http.StatusUnauthorized), name)
			Expect(part.Header).NotTo(HaveKey("Hx-Refresh"), name)
			if name == "a poll" {
				Expect(part.body).To(And(HavePrefix("<p"), ContainSubstring(`href="/signin?to=`+url.QueryEscape(overview+"users?q=a")+`"`)))
			}
		}
		Expect(b.get(ctx, callback).StatusCode).To(Equal(http.StatusBadRequest))
		Expect(b.cookies()).To(Equal(signedOut))
	})

	It("ends the renewal of every copy of the session with the sign-out", func(ctx SpecContext) {
		b := signIn(ctx, renewing, viewer, map[string]any{"exp": time.Now().Add(25 * time.Second).Unix()})
		token := b.get(ctx, overview).csrf()
		copied := newBrowser(renewing).stay()
		for name, value := range b.cookies() {
			copied.plant(name, value)
		}
		valid := issuer.RefreshTokens()
		b.send(ctx, http.MethodPost, "/signout", url.Values{"csrf": {token}})
		Eventually(issuer.RefreshTokens).Should(Equal(valid - 1))
		before := copied.cookies()[sessionCookie]
		copied.get(ctx, overview)
		Expect(copied.cookies()[sessionCookie]).To(Equal(before), "the copy was renewed")
		Eventually(renewing.log).Should(ContainSubstring("a session could not be renewed"))
		Expect(renewing.log()).NotTo(ContainSubstring("could not be revoked"))
	})

	It("signs in again when the ID token has expired, and a form is not lost without a word", func(ctx SpecContext) {
		b := signIn(ctx, plain, viewer, map[string]any{"exp": time.Now().Add(5 * time.Second).Unix()}).stay()
		page := b.get(ctx, overview)
		Eventually(func() string { return b.get(ctx, overview).Header.Get("Location") }).Should(Equal("/signin?to=" + url.QueryEscape(overview)))
		sent := b.send(ctx, http.MethodPost, overview+"settings", nil)
		Expect(sent.StatusCode).To(Equal(http.StatusUnauthorized))
		Expect(sent.body).To(ContainSubstring("Your session has ended, and nothing was changed."))

		issuer.SignIn(&viewer, nil)
		again := b.follow().get(ctx, overview)
		Expect(again.Request.URL.Path).To(Equal(overview))
		if page.StatusCode == http.StatusOK { // a busy machine may need all of the five seconds
			Expect(again.csrf()).NotTo(Equal(page.csrf()))
		}
	})

	It("gets a new ID token by the refresh token before the old one expires", func(ctx SpecContext) {
		b := signIn(ctx, renewing, viewer, map[string]any{"exp": time.Now().Add(25 * time.Second).Unix()}).stay()
		asked := len(issuer.Asked())
		before := b.cookies()[sessionCookie]
		for range 3 { // the provider accepts each refresh token once
			Expect(b.get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
			Expect(b.cookies()[sessionCookie]).NotTo(Equal(before))
			before = b.cookies()[sessionCookie]
		}
		Expect(issuer.Asked()).To(HaveLen(asked))
	})

	It("keeps the ID token that a renewal would change to another person's", func(ctx SpecContext) {
		b := signIn(ctx, renewing, viewer, map[string]any{"exp": time.Now().Add(25 * time.Second).Unix()}).stay()
		issuer.SignIn(&viewer, map[string]any{"sub": admin.Subject, "preferred_username": admin.UserName})
		Expect(b.get(ctx, overview).body).NotTo(ContainSubstring(nameOf(admin)))
		Eventually(renewing.log).Should(ContainSubstring("of another person"))
	})

	It("has a session with some hundred groups, and is told if there are too many", func(ctx SpecContext) {
		b := signIn(ctx, plain, groupsOf(viewer, 250), nil)
		Expect(len(b.cookies())).To(BeNumerically(">", 1))
		Expect(b.get(ctx, overview).StatusCode).To(Equal(http.StatusOK))

		tooMany := groupsOf(viewer, 2000)
		issuer.SignIn(&tooMany, nil)
		refused := newBrowser(plain).get(ctx, "/signin")
		Expect(refused.StatusCode).To(Equal(http.StatusForbidden))
		Expect(refused.body).To(ContainSubstring("too large for a session"))
	})
})

func groupsOf(p oidcissuer.Person, count int) oidcissuer.Person {
	for i := range count {
		p.Groups = append(p.Groups, "group-with-a-long-name-"+strconv.Itoa(i))
	}
	return p
}

var _ = Describe("A sign-in", func() {
	DescribeTable("is refused with an ID token", func(ctx SpecContext, reason string, change func() map[string]any) {
		issuer.SignIn(&admin, change())
		b := newBrowser(plain)
		page := b.get(ctx, "/signin")
		Expect(page.StatusCode).To(Equal(http.StatusForbidden))
		Expect(page.body).To(ContainSubstring("The answer of the identity provider is not valid"))
		Expect(b.cookies()).To(BeEmpty())
		Eventually(plain.log).Should(ContainSubstring(reason))
	},
		Entry("of another audience", "expected audience", func() map[string]any { return map[string]any{"aud": "another-client"} }),
		Entry("of another issuer", "different provider", func() map[string]any { return map[string]any{"iss": "https://evil.example"} }),
		Entry("that has expired", "token is expired", func() map[string]any { return map[string]any{"exp": time.Now().Add(-time.Minute).Unix()} }),
		Entry("of another sign-in", "another nonce", func() map[string]any { return map[string]any{"nonce": "replayed"} }),
		Entry("without a nonce", "another nonce", func() map[string]any { return map[string]any{"nonce": ""} }),
	)

	It("is refused if the API server does not accept the ID token", func(ctx SpecContext) {
		issuer.SignIn(&admin, map[string]any{"preferred_username": "system:admin", "groups": []string{"system:masters"}})
		page := newBrowser(plain).get(ctx, "/signin")
		Expect(page.StatusCode).To(Equal(http.StatusForbidden))
		Expect(page.body).To(ContainSubstring("The API server does not accept your ID token"))
	})

	DescribeTable("is refused with an ID token that the console accepts and the API server does not:", func(ctx SpecContext, trust func(context.Context) (*oidcissuer.Issuer, string)) {
		provider, id := trust(ctx)
		provider.Register(oidcissuer.Client{ID: id, Secret: secret, RedirectURL: "https://" + host + "/signin/callback"})
		provider.SignIn(&admin, map[string]any{"aud": id})
		r := start("--issuer-url="+provider.URL, "--issuer-ca-file="+provider.CAFile, "--client-id="+id)
		b := newBrowser(r, provider.CAFile)
		page := b.get(ctx, overview+"users")
		Expect(page.StatusCode).To(Equal(http.StatusForbidden), page.body)
		Expect(page.body).To(And(
			ContainSubstring("The API server does not accept your ID token."),
			ContainSubstring("whether the API server trusts the issuer "+provider.URL+" and its client "+id),
			ContainSubstring(`href="/signin?to=`+url.QueryEscape(overview+"users")+`"`),
		))
		Expect(b.cookies()).NotTo(HaveKey(sessionCookie))
		Eventually(r.log).Should(ContainSubstring("the API server has answered 401"))
	},
		Entry("of an audience of another client", func(context.Context) (*oidcissuer.Issuer, string) {
			DeferCleanup(register)
			return issuer, "a-client-of-the-console-alone"
		}),
		Entry("of an issuer of the console alone", func(ctx context.Context) (*oidcissuer.Issuer, string) {
			other, err := oidcissuer.Start(ctx, GinkgoT().TempDir(), time.Now())
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(other.Stop)
			return other, oidcissuer.Audience
		}),
	)

	DescribeTable("is refused while the API server", func(ctx SpecContext, end, begin func() error) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain)
		Expect(end()).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(begin()).To(Succeed())
			awaitIssuer(ctx)
			Expect(b.get(ctx, overview+"users").StatusCode).To(Equal(http.StatusOK), "the person signs in when the API server is back")
		})
		page := b.get(ctx, overview+"users")
		Expect(page.StatusCode).To(Equal(http.StatusBadGateway), page.body)
		Expect(page.body).To(And(
			ContainSubstring("The API server does not answer, so the console cannot tell who you are."),
			ContainSubstring(`href="/signin?to=`+url.QueryEscape(overview+"users")+`"`),
		))
		Expect(b.cookies()).NotTo(HaveKey(sessionCookie))
	},
		Entry("has ended", func() error { return cp.KillAPIServer() }, func() error { return cp.StartAPIServer() }),
		Entry("does not answer", func() error { return cp.PauseAPIServer() }, func() error { return cp.ResumeAPIServer() }),
	)

	It("is refused in the API server's words if that does not tell who the person is", func(ctx SpecContext) {
		binding := &rbacv1.ClusterRoleBinding{}
		Expect(cluster.Get(ctx, client.ObjectKey{Name: "system:basic-user"}, binding)).To(Succeed())
		issuer.SignIn(&admin, nil)
		b := newBrowser(plain)
		DeferCleanup(func(ctx context.Context) {
			binding.ObjectMeta = metav1.ObjectMeta{Name: binding.Name, Labels: binding.Labels, Annotations: binding.Annotations}
			Expect(cluster.Create(ctx, binding)).To(Succeed())
			Eventually(func() int { return b.get(ctx, "/signin").StatusCode }).Should(Equal(http.StatusOK))
		})
		Expect(cluster.Delete(ctx, binding.DeepCopy())).To(Succeed())
		var page answer
		Eventually(func() string {
			page = b.get(ctx, "/signin")
			return page.body
		}).Should(And(ContainSubstring("The API server has not told the console who you are."), ContainSubstring("cannot create resource &#34;selfsubjectreviews&#34;")))
		Expect(page.StatusCode).To(Equal(http.StatusForbidden))
	})

	It("is refused by the provider", func(ctx SpecContext) {
		issuer.SignIn(nil, nil)
		page := newBrowser(plain).get(ctx, "/signin")
		Expect(page.StatusCode).To(Equal(http.StatusForbidden))
		Expect(page.body).To(ContainSubstring("The identity provider has refused the sign-in"))
	})

	It("fails while the provider is away, and the console runs", func(ctx SpecContext) {
		page := newBrowser(start("--issuer-url=https://127.0.0.1:1")).get(ctx, "/signin")
		Expect(page.StatusCode).To(Equal(http.StatusBadGateway))
		Expect(page.body).To(ContainSubstring("The identity provider does not answer"))
	})

	It("of an attacker is not completed in another browser", func(ctx SpecContext) {
		issuer.SignIn(&admin, nil)
		attacker := newBrowser(plain).stay()
		callback := attacker.atProvider(ctx, "/signin")
		victim := newBrowser(plain)
		page := victim.get(ctx, callback)
		Expect(page.StatusCode).To(Equal(http.StatusBadRequest))
		Expect(victim.cookies()).NotTo(HaveKey(sessionCookie))

		victim.stay().get(ctx, "/signin") // a sign-in of the victim's own has another state
		Expect(victim.get(ctx, callback).StatusCode).To(Equal(http.StatusBadRequest))
		Expect(victim.cookies()).NotTo(HaveKey(sessionCookie))
	})

	It("is completed once", func(ctx SpecContext) {
		issuer.SignIn(&admin, nil)
		b := newBrowser(plain).stay()
		callback := b.atProvider(ctx, "/signin")
		Expect(b.signIns()).To(HaveLen(1))
		name := b.signIns()[0]
		attempt := b.cookies()[name]
		Expect(b.get(ctx, callback).StatusCode).To(Equal(http.StatusSeeOther))
		Expect(b.get(ctx, callback).StatusCode).To(Equal(http.StatusBadRequest))
		b.plant(name, attempt)
		Expect(b.get(ctx, callback).StatusCode).To(Equal(http.StatusForbidden), "the provider accepts a code once")
		Eventually(plain.log).Should(ContainSubstring("the provider has answered 400 invalid_grant"))
		Expect(plain.log()).NotTo(ContainSubstring("Alice@example.com"))
	})

	It("is completed in each of two tabs that have begun one, and the forms of both stay valid", func(ctx SpecContext) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain).stay()
		first := b.atProvider(ctx, "/signin?to="+url.QueryEscape(overview+"users"))
		second := b.atProvider(ctx, "/signin?to="+url.QueryEscape(overview+"groups"))
		Expect(b.signIns()).To(HaveLen(2))
		Expect(b.get(ctx, first).Header.Get("Location")).To(Equal(overview + "users"))
		token := b.get(ctx, overview).csrf()
		Expect(b.get(ctx, second).Header.Get("Location")).To(Equal(overview + "groups"))
		Expect(b.get(ctx, overview).csrf()).To(Equal(token))
		Expect(b.signIns()).To(BeEmpty())

		issuer.SignIn(&admin, nil) // another person at the same browser
		Expect(b.get(ctx, b.atProvider(ctx, "/signin")).StatusCode).To(Equal(http.StatusSeeOther))
		Expect(b.get(ctx, overview).csrf()).NotTo(Equal(token))
	})

	It("of a tab that was forgotten takes no place from others", func(ctx SpecContext) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain).stay()
		var callbacks []string
		for range 5 {
			callbacks = append(callbacks, b.atProvider(ctx, "/signin"))
			Expect(len(b.signIns())).To(BeNumerically("<=", 3))
		}
		Expect(b.get(ctx, callbacks[0]).StatusCode).To(Equal(http.StatusBadRequest))
		Expect(b.get(ctx, callbacks[4]).StatusCode).To(Equal(http.StatusSeeOther))
		Expect(b.get(ctx, callbacks[3]).StatusCode).To(Equal(http.StatusSeeOther))
	})

	DescribeTable("leads to no other site", func(ctx SpecContext, to string) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain).stay()
		callback := b.atProvider(ctx, "/signin?to="+url.QueryEscape(to))
		Expect(b.get(ctx, callback).Header.Get("Location")).To(Equal("/"))
	},
		Entry("by its URL", "https://evil.example/"),
		Entry("without a scheme", "//evil.example/"),
		Entry("by backslashes", `/\evil.example/`),
		Entry("by a tab that browsers leave out", "/\t/evil.example/"),
		Entry("by a script", "javascript:alert(1)"),
		Entry("by a user", "https://"+host+"@evil.example/"),
		Entry("by a relative address", "evil.example"),
		Entry("that a cookie has no room for", "/"+strings.Repeat("a", 5000)),
	)
})

// atProvider begins a sign-in, and returns the address that the provider sends the browser back to.
func (b *browser) atProvider(ctx SpecContext, path string) (callback string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.get(ctx, path).Header.Get("Location"), nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := b.client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	back, found := strings.CutPrefix(response.Header.Get("Location"), "https://"+host)
	Expect(found).To(BeTrue(), response.Status)
	return back
}

var _ = Describe("A session", func() {
	It("is new after each sign-in, whatever cookie was there", func(ctx SpecContext) {
		attacker := signIn(ctx, plain, stranger, nil)
		planted := attacker.cookies()[sessionCookie]
		issuer.SignIn(&viewer, nil)
		victim := newBrowser(plain)
		victim.plant(sessionCookie, planted)
		Expect(victim.get(ctx, "/signin").StatusCode).To(Equal(http.StatusOK))
		Expect(victim.cookies()[sessionCookie]).NotTo(Equal(planted))
		Expect(victim.get(ctx, overview).csrf()).NotTo(Equal(attacker.get(ctx, overview).csrf()))
		Expect(attacker.get(ctx, overview).body).NotTo(ContainSubstring(nameOf(viewer)))
	})

	It("is in cookies that no script, no other site and no other host of the domain has", func(ctx SpecContext) {
		issuer.SignIn(&viewer, nil)
		b := newBrowser(plain).stay()
		begun := b.get(ctx, "/signin")
		completed := b.get(ctx, b.atProvider(ctx, "/signin"))
		all := append(begun.Response.Cookies(), completed.Response.Cookies()...)
		Expect(len(all)).To(BeNumerically(">=", 3))
		for _, c := range all {
			Expect(c.Name).To(HavePrefix("__Host-"))
			Expect(c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "").To(BeTrue(), c.Raw)
			Expect(len(c.Raw)).To(BeNumerically("<", 4096))
		}
		Expect(completed.Header.Get("Strict-Transport-Security")).NotTo(BeEmpty())
	})

	DescribeTable("is not that of a cookie", func(ctx SpecContext, change func(map[string]string) string) {
		b := signIn(ctx, plain, admin, nil).stay()
		cookies := b.cookies()
		b.get(ctx, "/signin") // there is the cookie of a sign-in too
		cookies[signInPrefix] = b.cookies()[b.signIns()[0]]
		other := newBrowser(plain).stay()
		other.plant(sessionCookie, change(cookies))
		Expect(other.get(ctx, overview).Header.Get("Location")).To(HavePrefix("/signin?"))
	},
		Entry("that was changed", func(c map[string]string) string {
			middle := len(c[sessionCookie]) / 2
			other := "A"
			if c[sessionCookie][middle] == 'A' {
				other = "B"
			}
			return c[sessionCookie][:middle] + other + c[sessionCookie][middle+1:]
		}),
		Entry("that was cut", func(c map[string]string) string { return c[sessionCookie][:len(c[sessionCookie])-8] }),
		Entry("of a sign-in", func(c map[string]string) string { return c[signInPrefix] }),
		Entry("with a number of parts that it does not have", func(c map[string]string) string { return "4" + c[sessionCookie][1:] }),
		Entry("with a negative number of parts", func(c map[string]string) string { return "-1" + c[sessionCookie][1:] }),
		Entry("that is empty", func(map[string]string) string { return "" }),
	)

	It("is in no page, address or log", func(ctx SpecContext) {
		b := signIn(ctx, renewing, viewer, nil)
		for _, path := range []string{"/", overview, overview + "users", overview + "settings", "/nothing"} {
			page := b.get(ctx, path)
			Expect(page.body).NotTo(ContainSubstring("eyJ"), "an ID token begins so")
			Expect(page.Request.URL.String()).NotTo(ContainSubstring("eyJ"))
			Expect(page.Header.Get("Cache-Control")).To(Equal("no-store"))
		}
		for _, r := range []*replica{plain, renewing} {
			Expect(r.log()).NotTo(Or(ContainSubstring("eyJ"), ContainSubstring(secret)))
			Expect(r.log()).NotTo(Or(ContainSubstring(viewer.UserName), ContainSubstring(admin.UserName), ContainSubstring(viewer.Subject)))
		}
	})
})

var _ = Describe("A request", func() {
	It("for another host is refused before all else", func(ctx SpecContext) {
		b := signIn(ctx, plain, admin, nil)
		for _, other := range []string{"evil.example", "127.0.0.1", host + ".evil.example", host + ":8443"} {
			page := b.get(ctx, overview, func(r *http.Request) { r.Host = other })
			Expect(page.StatusCode).To(Equal(http.StatusMisdirectedRequest), other)
		}
	})

	It("of another site changes nothing", func(ctx SpecContext) {
		b := signIn(ctx, plain, admin, nil).stay()
		token := b.get(ctx, overview).csrf()
		for name, change := range map[string]func(*http.Request){
			"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"another host":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			"another origin": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		} {
			Expect(b.send(ctx, http.MethodPost, "/signout", url.Values{"csrf": {token}}, change).StatusCode).To(Equal(http.StatusForbidden), name)
		}
		Expect(b.send(ctx, http.MethodPost, "/signout", nil).StatusCode).To(Equal(http.StatusForbidden), "without the session's token")
		other := signIn(ctx, plain, viewer, nil).get(ctx, overview).csrf()
		Expect(b.send(ctx, http.MethodPost, "/signout", url.Values{"csrf": {other}}).StatusCode).To(Equal(http.StatusForbidden), "with another session's token")
		Expect(b.get(ctx, overview).StatusCode).To(Equal(http.StatusOK))
	})

	It("without a session gets the assets alone", func(ctx SpecContext) {
		b := newBrowser(plain).stay()
		Expect(b.get(ctx, "/assets/style.css").StatusCode).To(Equal(http.StatusOK))
		for _, path := range []string{"/", overview, overview + "users", "/nothing"} {
			Expect(b.get(ctx, path).Header.Get("Location")).To(HavePrefix("/signin?to="), path)
		}
	})
})
