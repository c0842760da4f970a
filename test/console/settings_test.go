//go:build console

package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// theDirectory returns the directory as it is now.
func theDirectory(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

// byHand is the field manager of a person. The console takes it for no tool that applies the object again.
const byHand = client.FieldOwner("kubectl-edit")

// keepDirectory restores the spec of the directory at the end of the spec, and waits until the directory is served again.
func keepDirectory(ctx context.Context) {
	GinkgoHelper()
	before := theDirectory(ctx).Spec
	DeferCleanup(func(ctx context.Context) {
		Eventually(func() error {
			d := theDirectory(ctx)
			d.Spec = before
			return environment.Admin.Update(ctx, d, byHand)
		}).Should(Succeed())
		if before.SCIMSynchronization == v1alpha1.SynchronizationEnabled { // what is cleaned up next may be a request of the provider
			Eventually(scimStatus).WithContext(ctx).WithArguments(environment.Token).Should(Equal(http.StatusOK))
		}
	})
}

// scimStatus returns the status of a request of the identity provider that reads the directory with a token.
func scimStatus(ctx context.Context, token string) int {
	GinkgoHelper()
	c, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	defer c.HTTP.CloseIdleConnections()
	response, err := c.Do(ctx, "GET", "/Users?count=1", "")
	Expect(err).NotTo(HaveOccurred())
	return response.Status
}

// faultAt returns what a page says is wrong with an input.
func faultAt(a *answer, input string) string {
	GinkgoHelper()
	faults := a.all("p", "id", input+"-fault")
	Expect(faults).To(HaveLen(1), a.text())
	return textOf(faults[0])
}

var _ = Describe("the switch", func() {
	BeforeEach(keepDirectory)

	It("says what it means, and is turned by the admin for ten minutes, for longer, and back", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		page := v.get(ctx, directory("switch?to=Disabled"))
		Expect(page.text()).To(And(ContainSubstring("are refused with 403"), ContainSubstring("The operator turns it on again after 10m.")))

		settings := page.submit(ctx, directory("switch"), url.Values{"break": {"true"}})
		Expect(settings.Request.URL.Path).To(Equal(directory("settings")))
		Expect(settings.text()).To(And(ContainSubstring("disabled for ten minutes"), ContainSubstring("by administrator"), ContainSubstring("The operator enables it")))
		d := theDirectory(ctx)
		Expect(d.Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationDisabled))
		Expect(d.Spec.ResumeAt.Time).To(BeTemporally("~", time.Now().Add(10*time.Minute), time.Minute))
		Eventually(scimStatus).WithContext(ctx).WithArguments(environment.Token).Should(Equal(http.StatusForbidden))

		Expect(v.get(ctx, directory("")).text()).To(ContainSubstring("Last set by administrator"))

		page = v.get(ctx, directory("switch?to=Disabled"))
		Expect(page.text()).To(ContainSubstring("That end is removed"))
		Expect(page.submit(ctx, directory("switch"), url.Values{"break": {"false"}}).StatusCode).To(Equal(http.StatusOK))
		page = v.get(ctx, directory("switch?to=Enabled"))
		Expect(page.submit(ctx, directory("switch"), nil).text()).To(ContainSubstring("Synchronization is enabled."))
		d = theDirectory(ctx)
		Expect(d.Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationEnabled))
		Expect(d.Spec.ResumeAt).To(BeNil())
		Eventually(scimStatus).WithContext(ctx).WithArguments(environment.Token).Should(Equal(http.StatusOK))
	})

	It("changes nothing if the directory was changed in another tab", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		stale := v.get(ctx, directory("switch?to=Disabled"))
		v.get(ctx, directory("switch?to=Disabled")).submit(ctx, directory("switch"), url.Values{"break": {"true"}})
		before := theDirectory(ctx)
		answer := stale.submit(ctx, directory("switch"), url.Values{"break": {"true"}})
		Expect(answer.StatusCode).To(Equal(http.StatusConflict))
		Expect(answer.text()).To(ContainSubstring("Nothing was changed"))
		Expect(theDirectory(ctx).Spec).To(Equal(before.Spec))
	})

	It("has no such position", func(ctx SpecContext) {
		Expect(signIn(ctx, admin).get(ctx, directory("switch?to=Sometimes")).StatusCode).To(Equal(http.StatusNotFound))
	})

	It("warns of the tool that applies it", func(ctx SpecContext) {
		d := theDirectory(ctx)
		position := d.DeepCopy()
		d.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
		Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(position), client.FieldOwner("argocd-controller"))).To(Succeed())
		v := signIn(ctx, admin)
		Expect(v.get(ctx, directory("switch?to=Enabled")).text()).To(ContainSubstring("argocd-controller applies the switch of this directory, and may turn the change back"))
		Expect(v.get(ctx, directory("settings")).text()).To(ContainSubstring("argocd-controller applies the switch of this directory"))
		Expect(v.get(ctx, directory("")).text()).To(ContainSubstring("Last set by the program argocd-controller The API server's audit log has the person."))
	})

	for _, p := range []person{viewer, editor} {
		It("is shown to the "+string(p)+" with the right that is missing", func(ctx SpecContext) {
			v := signIn(ctx, p)
			page := v.get(ctx, directory("switch?to=Disabled"))
			Expect(page.text()).To(ContainSubstring("You lack the right patch cloudssodirectories.cloudsso.dev"))
			Expect(page.forms(directory("switch"))).To(BeEmpty())
		})
	}
})

var _ = Describe("the settings", func() {
	BeforeEach(keepDirectory)

	It("are changed by the admin, and shown in words", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		var page *answer
		Eventually(func() string { // another spec may have given the right
			page = v.get(ctx, directory("settings/edit"))
			return page.text()
		}).Should(ContainSubstring("You lack the right map-usernames cloudssodirectories.cloudsso.dev"))
		settings := page.submit(ctx, directory("settings/edit"), url.Values{
			"existingUsers": {"Adopt"}, "requestsPerSecond": {"500"}, "burst": {"2000"}, "budget": {"percent"}, "amount": {"5"}, "window": {"24h"},
		})
		Expect(settings.text()).To(And(ContainSubstring("The settings were saved."), ContainSubstring("(Adopt)"),
			ContainSubstring("500 requests a second, 2000 at once"), ContainSubstring("5 % of the active users in 24h")))
		Expect(v.get(ctx, directory("settings/edit")).submit(ctx, directory("settings/edit"), nil).text()).To(ContainSubstring("Nothing was changed."))
	})

	It("keep what was typed and show at the field what the API server refuses", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		answer := v.get(ctx, directory("settings/edit")).submit(ctx, directory("settings/edit"), url.Values{
			"requestsPerSecond": {"0"}, "burst": {"many"}, "budget": {"count"}, "amount": {"3"}, "window": {"1s"},
		})
		Expect(answer.StatusCode).To(Equal(http.StatusUnprocessableEntity))
		Expect(faultAt(answer, "requestsPerSecond")).To(ContainSubstring("should be greater than or equal to 1"))
		Expect(faultAt(answer, "burst")).To(ContainSubstring("must be of type integer"))
		for name, typed := range map[string]string{"requestsPerSecond": "0", "burst": "many", "amount": "3", "window": "1s"} {
			Expect(answer.all("input", "name", name, "value", typed)).To(HaveLen(1), name)
		}
		answer = answer.submit(ctx, directory("settings/edit"), url.Values{"requestsPerSecond": {"1"}, "burst": {"1"}})
		Expect(faultAt(answer, "window")).To(ContainSubstring("window is a duration of 1m to 168h"))
	})

	It("keep what was typed if another tab was faster", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		stale := v.get(ctx, directory("settings/edit"))
		v.get(ctx, directory("settings/edit")).submit(ctx, directory("settings/edit"), url.Values{"requestsPerSecond": {"300"}, "burst": {"900"}})
		answer := stale.submit(ctx, directory("settings/edit"), url.Values{"requestsPerSecond": {"400"}, "burst": {"900"}})
		Expect(answer.StatusCode).To(Equal(http.StatusConflict))
		Expect(answer.text()).To(And(ContainSubstring("Nothing was saved"), ContainSubstring("The directory has: 300")))
		Expect(answer.submit(ctx, directory("settings/edit"), nil).text()).To(ContainSubstring("400 requests a second"))
	})

	It("map user names with the right of its own", func(ctx SpecContext) {
		bind(ctx, admin, environment.Namespace, "cloudsso-username-mapper")
		v := signIn(ctx, admin)
		var page *answer
		Eventually(func() string {
			page = v.get(ctx, directory("settings/edit"))
			return page.text()
		}).ShouldNot(ContainSubstring("You lack"))
		answer := page.submit(ctx, directory("settings/edit"), url.Values{"prefix": {"system:"}})
		Expect(faultAt(answer, "prefix")).To(ContainSubstring("which Kubernetes reserves"))
		Expect(answer.submit(ctx, directory("settings/edit"), url.Values{"attribute": {"email"}, "prefix": {"sso:"}}).text()).To(
			ContainSubstring("email, after the prefix “sso:”"))
	})

	It("are shown to and changed by a person who may not list the credentials", func(ctx SpecContext) {
		permitDirectory(ctx, keeper, "get", "patch")
		v := newVisitor(open(keeper))
		v.logIn(ctx)
		var page *answer
		Eventually(func() string {
			page = v.get(ctx, directory("settings"))
			return page.text()
		}).Should(ContainSubstring("You lack the right list scimcredentials.cloudsso.dev"))
		Expect(page.StatusCode).To(Equal(http.StatusOK))
		Expect(page.text()).NotTo(ContainSubstring("the identity provider cannot connect"), "the page does not know that")
		page = v.get(ctx, link(page, "Change the settings"))
		Expect(page.submit(ctx, directory("settings/edit"), url.Values{"existingUsers": {"Adopt"}}).text()).To(ContainSubstring("The settings were saved."))
	})

	It("are shown to the viewer without controls", func(ctx SpecContext) {
		page := signIn(ctx, viewer).get(ctx, directory("settings"))
		Expect(page.text()).To(And(
			ContainSubstring("You lack the right patch cloudssodirectories.cloudsso.dev"), ContainSubstring("You lack the right create scimcredentials.cloudsso.dev"),
		))
		Expect(page.all("a", "class", "button")).To(BeEmpty())
	})
})

// readCredential reads a credential; nil if there is none.
func readCredential(ctx context.Context, name string) *v1alpha1.SCIMCredential {
	GinkgoHelper()
	c := &v1alpha1.SCIMCredential{}
	err := environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: name}, c)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return c
}

// credentialNames returns the names of the directory's credentials.
func credentialNames(ctx context.Context) (names []string) {
	GinkgoHelper()
	var all v1alpha1.SCIMCredentialList
	Expect(environment.Admin.List(ctx, &all, client.InNamespace(environment.Namespace))).To(Succeed())
	for i := range all.Items {
		names = append(names, all.Items[i].Name)
	}
	return names
}

// tokenOf returns the token that a page shows.
func tokenOf(a *answer) string {
	GinkgoHelper()
	shown := a.all("code", "id", "token")
	Expect(shown).To(HaveLen(1), a.text())
	return textOf(shown[0])
}

// shown returns the text of an element of the tab's page, which a script may replace at any time.
func shown(t *tab, selector string) string {
	GinkgoHelper()
	return evaluate[string](t, "document.querySelector('"+selector+"').textContent")
}

var _ = Describe("credentials", func() {
	var given []string // the credentials of the environment
	BeforeEach(func(ctx SpecContext) {
		given = credentialNames(ctx)
		Expect(given).To(HaveLen(1))
		DeferCleanup(func(ctx context.Context) {
			deleteSuccessors(ctx)
			Eventually(scimStatus).WithContext(ctx).WithArguments(environment.Token).Should(Equal(http.StatusOK))
		})
	})

	// created creates the credential entra, and returns the page that shows its token.
	created := func(ctx context.Context, v *visitor) *answer {
		GinkgoHelper()
		return v.get(ctx, directory("new-credential")).submit(ctx, directory("credentials"), url.Values{
			"name": {"entra"}, "description": {"Entra production"}, "expiresAt": {time.Now().AddDate(0, 1, 0).UTC().Format("2006-01-02T15:04")},
		})
	}

	It("are created, used by a SCIM client, disabled, enabled and revoked", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		shown := created(ctx, v)
		token := tokenOf(shown)
		Expect(shown.Header.Get("Cache-Control")).To(Equal("no-store"))
		Expect(shown.Request.URL.String()).NotTo(ContainSubstring(token))
		Expect(shown.text()).To(ContainSubstring(environment.BaseURL))
		Eventually(func() string { return v.get(ctx, directory("credentials/entra/use")).text() }).Should(ContainSubstring("The operator accepts it."))
		revoke := func() string { return v.get(ctx, directory("credentials/"+given[0]+"/revoke")).text() }
		Eventually(revoke).WithTimeout(3 * time.Minute).Should(ContainSubstring("The other token, that of entra, has never been used"))
		Eventually(scimStatus).WithContext(ctx).WithArguments(token).Should(Equal(http.StatusOK))

		question := v.get(ctx, directory("credentials/entra/stored"))
		Expect(question.heading()).To(Equal("Is the token of entra stored?"))
		Eventually(func() string { return v.get(ctx, directory("credentials/entra")).text() }).WithTimeout(3 * time.Minute).Should(MatchRegexp(`Last used ?\S+ ago`))
		for _, path := range []string{"", "settings", "credentials/entra", "credentials/entra/stored"} {
			Expect(v.get(ctx, directory(path)).body).NotTo(ContainSubstring(token))
		}

		page := v.get(ctx, directory("credentials/entra"))
		Expect(page.submit(ctx, directory("credentials/entra/disabled"), nil).text()).To(ContainSubstring("The credential is disabled."))
		Eventually(scimStatus).WithContext(ctx).WithArguments(token).Should(Equal(http.StatusUnauthorized))
		page = v.get(ctx, directory("credentials/entra"))
		Expect(page.submit(ctx, directory("credentials/entra/disabled"), nil).text()).To(ContainSubstring("The credential is enabled."))
		Eventually(scimStatus).WithContext(ctx).WithArguments(token).Should(Equal(http.StatusOK))

		page = v.get(ctx, directory("credentials/entra/revoke"))
		Expect(page.text()).To(And(ContainSubstring("it was last used at"), ContainSubstring("Its token cannot be used again.")))
		Expect(page.submit(ctx, directory("credentials/entra/revoke"), nil).text()).To(ContainSubstring("The credential was revoked."))
		Eventually(scimStatus).WithContext(ctx).WithArguments(token).Should(Equal(http.StatusUnauthorized))
		Expect(v.output()).NotTo(ContainSubstring(token))
	})

	It("end only after a question if no other is in use, and the overview leads to one that is disabled", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		own := directory("credentials/" + given[0])
		for path, typed := range map[string]url.Values{"/disabled": nil, "/expiry": {"expiresAt": {"2020-01-01T00:00"}}} {
			question := v.get(ctx, own).submit(ctx, own+path, typed)
			Expect(question.Request.URL.Path).To(Equal(own + "/end"))
			Expect(question.text()).To(ContainSubstring("No other credential is usable: the identity provider cannot connect then."))
			Expect(question.forms(own + path)).To(HaveLen(1))
		}
		Expect(readCredential(ctx, given[0]).Spec).To(And(HaveField("Disabled", false), HaveField("ExpiresAt.Time", BeTemporally(">", time.Now()))))

		DeferCleanup(func(ctx context.Context) {
			c := readCredential(ctx, given[0])
			before := c.DeepCopy()
			c.Spec.Disabled = false
			Expect(environment.Admin.Patch(ctx, c, client.MergeFrom(before))).To(Succeed())
		})
		Expect(v.get(ctx, own+"/end?disabled=true").submit(ctx, own+"/disabled", nil).text()).To(ContainSubstring("The credential is disabled."))
		var overview *answer
		Eventually(func() string {
			overview = v.get(ctx, directory(""))
			return overview.text()
		}).Should(ContainSubstring("so the identity provider cannot connect: " + given[0] + " is disabled."))
		page := v.get(ctx, link(overview, "Enable it, or create another"))
		Expect(page.submit(ctx, own+"/disabled", nil).text()).To(ContainSubstring("The credential is enabled."))
		Eventually(func() string { return v.get(ctx, own).text() }).Should(ContainSubstring("Usable The operator accepts it."))
	})

	It("are not created twice by a reload, and the token is not shown again", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		form := v.get(ctx, directory("new-credential"))
		values := url.Values{"name": {"entra"}}
		token := tokenOf(form.submit(ctx, directory("credentials"), values))
		uid := readCredential(ctx, "entra").UID
		again := form.submit(ctx, directory("credentials"), values)
		Expect(again.StatusCode).To(Equal(http.StatusConflict))
		Expect(again.text()).To(And(ContainSubstring("its token cannot be shown again"), ContainSubstring("rotate or revoke it")))
		Expect(again.body).NotTo(ContainSubstring(token))
		Expect(readCredential(ctx, "entra").UID).To(Equal(uid))
		Expect(v.get(ctx, directory("credentials")).Request.URL.Path).To(Equal(directory("settings")), "the address of the token leads to the list")
	})

	It("are not created again by a form that was sent before, after the first one was revoked", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		form := v.get(ctx, directory("new-credential"))
		values := url.Values{"name": {"entra"}}
		tokenOf(form.submit(ctx, directory("credentials"), values))
		v.get(ctx, directory("credentials/entra/revoke")).submit(ctx, directory("credentials/entra/revoke"), nil)
		Expect(readCredential(ctx, "entra")).To(BeNil())
		again := form.submit(ctx, directory("credentials"), values)
		Expect(again.StatusCode).To(Equal(http.StatusConflict))
		Expect(again.text()).To(ContainSubstring("No credential was created: this form has created one before"))
		Expect(credentialNames(ctx)).To(Equal(given))
		tokenOf(again.submit(ctx, directory("credentials"), nil))
		Expect(credentialNames(ctx)).To(ConsistOf(given[0], "entra"), "the form of the answer is another one")

		deleteSuccessors(ctx)
		rotate := directory("credentials/" + given[0] + "/rotate")
		form = v.get(ctx, rotate)
		successor := strings.TrimPrefix(form.submit(ctx, rotate, nil).heading(), "The token of ")
		v.get(ctx, directory("credentials/"+successor+"/revoke")).submit(ctx, directory("credentials/"+successor+"/revoke"), nil)
		Expect(form.submit(ctx, rotate, nil).StatusCode).To(Equal(http.StatusConflict))
		Expect(credentialNames(ctx)).To(Equal(given))
	})

	It("are created once in a browser that loads the page of the token again, after it was revoked", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("new-credential"))
		t.do(chromedp.SendKeys(chromedp.CSS("#name"), "entra"), chromedp.Click(chromedp.CSS("main form button")))
		Eventually(t.shows).WithArguments("#token").Should(HavePrefix("cssoscim_"))
		deleteSuccessors(ctx)
		t.do(chromedp.Reload()) // which sends the form again
		Eventually(t.shows).WithArguments("main [role=alert]").Should(HavePrefix("No credential was created"))
		Expect(credentialNames(ctx)).To(Equal(given))
	})

	It("start again if the token was not stored", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		created(ctx, v)
		answer := v.get(ctx, directory("credentials/entra/stored")).submit(ctx, directory("credentials/entra/revoke"), url.Values{"again": {"true"}})
		Expect(answer.Request.URL.Path).To(Equal(directory("new-credential")))
		Expect(readCredential(ctx, "entra")).To(BeNil())
	})

	It("are rotated with both valid until the old one is revoked", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		old := given[0]
		form := v.get(ctx, directory("credentials/"+old+"/rotate"))
		shown := form.submit(ctx, directory("credentials/"+old+"/rotate"), nil)
		token := tokenOf(shown)
		successor := strings.TrimPrefix(shown.heading(), "The token of ")
		Expect(successor).To(HavePrefix(old + "-"))
		again := form.submit(ctx, directory("credentials/"+old+"/rotate"), nil)
		Expect(again.StatusCode).To(Equal(http.StatusConflict))
		Expect(again.text()).To(ContainSubstring("A directory has two credentials at most"))
		Expect(credentialNames(ctx)).To(ConsistOf(old, successor))

		rotation := directory("credentials/" + successor + "/rotation?old=" + old)
		Expect(v.get(ctx, rotation).text()).To(ContainSubstring("The new token has not been used yet."))
		Eventually(scimStatus).WithContext(ctx).WithArguments(token).Should(Equal(http.StatusOK))
		Expect(scimStatus(ctx, environment.Token)).To(Equal(http.StatusOK))
		Eventually(func() string { return v.get(ctx, rotation).text() }).WithTimeout(3 * time.Minute).Should(ContainSubstring("the old one has been unused for 2m"))
		Expect(v.get(ctx, directory("credentials/"+old+"/revoke")).text()).NotTo(ContainSubstring("No other credential is usable"))
	})

	It("show at the field what is refused, and keep what was typed", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		answer := v.get(ctx, directory("new-credential")).submit(ctx, directory("credentials"), url.Values{
			"name": {"Entra!"}, "description": {"Entra production"}, "allowedNetworks": {"203.0.113.7/24"},
		})
		Expect(answer.StatusCode).To(Equal(http.StatusUnprocessableEntity))
		Expect(answer.text()).To(ContainSubstring("RFC 1123"))
		Expect(answer.all("input", "name", "name", "value", "Entra!")).To(HaveLen(1))
		Expect(answer.all("input", "name", "description", "value", "Entra production")).To(HaveLen(1))
		answer = answer.submit(ctx, directory("credentials"), url.Values{"name": {"entra"}})
		Expect(faultAt(answer, "allowedNetworks")).To(ContainSubstring("without bits beyond its length"))
		Expect(credentialNames(ctx)).To(Equal(given))
	})

	It("change their expiry", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		created(ctx, v)
		action := directory("credentials/entra/expiry")
		answer := v.get(ctx, directory("credentials/entra")).submit(ctx, action, url.Values{"expiresAt": {"soon"}})
		Expect(answer.text()).To(ContainSubstring("Give a date and a time."))
		answer = answer.submit(ctx, action, url.Values{"expiresAt": {"2001-01-31T12:30"}})
		Expect(answer.text()).To(ContainSubstring("The expiry was changed."))
		Expect(readCredential(ctx, "entra").Spec.ExpiresAt.UTC()).To(Equal(time.Date(2001, 1, 31, 12, 30, 0, 0, time.UTC)))
	})

	It("are not changed by a form that showed another of the same name", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		created(ctx, v)
		stale, staleRevoke := v.get(ctx, directory("credentials/entra")), v.get(ctx, directory("credentials/entra/revoke"))
		Expect(environment.Admin.Delete(ctx, readCredential(ctx, "entra"))).To(Succeed())
		Eventually(credentialNames).WithContext(ctx).Should(Equal(given))
		created(ctx, v)
		Expect(stale.submit(ctx, directory("credentials/entra/disabled"), nil).StatusCode).To(Equal(http.StatusConflict))
		Expect(staleRevoke.submit(ctx, directory("credentials/entra/revoke"), nil).StatusCode).To(Equal(http.StatusConflict))
		Expect(readCredential(ctx, "entra").Spec.Disabled).To(BeFalse())
	})

	for _, p := range []person{viewer, editor} {
		It("are shown to the "+string(p)+" without controls", func(ctx SpecContext) {
			v := signIn(ctx, p)
			page := v.get(ctx, directory("credentials/"+given[0]))
			Expect(page.text()).To(And(ContainSubstring("You lack the right patch scimcredentials"), ContainSubstring("You lack the right delete scimcredentials")))
			Expect(page.all("form")).To(BeEmpty())
		})
	}

	It("copy the token in a browser, and do not show it when the person goes back", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(directory("new-credential"))
		t.do(chromedp.SendKeys(chromedp.CSS("#name"), "entra"), chromedp.Click(chromedp.CSS("main form button")))
		Eventually(t.shows).WithArguments("#token").Should(HavePrefix("cssoscim_"))
		token := t.text("#token")
		t.do(chromedp.Click(chromedp.CSS("[data-copy]")))
		Eventually(shown).WithArguments(t, "[data-copy-status]").Should(Equal("Copied"))
		Eventually(shown).WithArguments(t, ".use").Should(Equal("The operator accepts it."))
		t.do(chromedp.Click(chromedp.CSS("main a.button")))
		Eventually(t.path).Should(Equal(directory("credentials/entra/stored")))
		t.do(chromedp.NavigateBack())
		Expect(evaluate[string](t, "document.documentElement.outerHTML")).NotTo(ContainSubstring(token))
		Expect(credentialNames(ctx)).To(ConsistOf(given[0], "entra"))
	})
})
