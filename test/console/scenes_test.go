//go:build console

package console_test

import (
	"context"
	"net/http"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

// scene is a page that no link of the directory leads to.
type scene struct {
	name  string
	reach func(ctx context.Context, t *tab)
}

// scenes are those that specs look at which look at all pages; signInScenes has those of signing in. No browser looks at a list whose
// next part cannot be read, and at a deletion that has failed after its first step.
var scenes = []scene{
	{"the list of directories", func(_ context.Context, t *tab) { t.goTo("/directories") }},
	{"an address without a page", func(_ context.Context, t *tab) {
		Expect(t.load(directory("users/no-such-user"))).To(Equal(http.StatusNotFound))
	}},
	{"a user that is disabled", func(_ context.Context, t *tab) { t.goTo(directory("users/" + users[bob])) }},
	{"settings that are refused", func(_ context.Context, t *tab) {
		t.goTo(directory("settings/edit"))
		t.send("burst", "many")
		Eventually(t.shows).WithArguments("#burst-fault").Should(ContainSubstring("must be of type integer"))
	}},
	{"a credential that is refused", func(_ context.Context, t *tab) {
		t.goTo(directory("new-credential"))
		t.send("name", "Entra!")
		Eventually(t.shows).WithArguments("main [role=alert], #name-fault").Should(ContainSubstring("RFC 1123"))
	}},
	{"a new token", func(ctx context.Context, t *tab) { rotate(ctx, t) }},
	{"a rotation", func(ctx context.Context, t *tab) {
		t.goTo(directory("credentials/" + rotate(ctx, t) + "/rotation?old=" + quickstart.CredentialName))
	}},
	{"a deletion that is refused", func(ctx context.Context, t *tab) {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{
			Namespace: environment.Namespace, GenerateName: "applied-", Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"},
		}}
		u.Spec.UserName = "applied@example.com"
		createUntilEnd(ctx, u)
		t.goTo(directory("users/" + u.Name + "/delete"))
		Expect(t.text("main")).To(ContainSubstring("Flux applies user"))
	}},
	{"the question about one deactivation", func(_ context.Context, t *tab) { t.ask(leaver) }},
}

// The namespace of a user whose deactivation is withheld has no directory, so that no budget has to be spent, and the lock is open.
const (
	withheldNamespace = "withheld"
	leaver            = "leaver"
)

// createWithheld creates the user once, and lets the admin decide until the end of the spec.
func createWithheld(ctx context.Context) {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: withheldNamespace, Name: leaver}}
	u.Spec.UserName, u.Spec.Source = "leaver@example.com", v1alpha1.SourceSCIM
	u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, Since: metav1.Now()}
	for _, o := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: withheldNamespace}}, u} {
		Expect(client.IgnoreAlreadyExists(environment.Admin.Create(ctx, o))).To(Succeed())
	}
	bind(ctx, admin, withheldNamespace, "admin")
}

// ask opens the question about the withheld deactivation of a user.
func (t *tab) ask(user string) {
	GinkgoHelper()
	path := "/directories/" + withheldNamespace + "/approvals/decide?decision=Apply&user=" + user
	Eventually(t.load).WithArguments(path).Should(Equal(http.StatusOK)) // the API server may learn of the right later
	Expect(t.text("main")).To(ContainSubstring("loses all access"))
}

// shows returns the text of the first element that a CSS selector finds, while the tab may be on its way to another page.
func (t *tab) shows(selector string) (string, error) {
	return chromedp.Run(t.ctx, chromedp.Evaluate[string](`document.querySelector("`+selector+`")?.textContent ?? ""`))
}

// send types into a field of the page's form, and sends the form even if the browser would refuse the value.
func (t *tab) send(field, value string) {
	GinkgoHelper()
	evaluate[bool](t, `(form => { form.elements["`+field+`"].value = "`+value+`"; setTimeout(() => form.submit()); return true; })(document.querySelector("main form"))`)
}

// rotate begins the rotation of the directory's credential, so that the tab shows the new token, and returns the new credential's
// name.
func rotate(ctx context.Context, t *tab) (successor string) {
	GinkgoHelper()
	deleteSuccessors(ctx)
	DeferCleanup(deleteSuccessors)
	t.goTo(credential("/rotate"))
	t.do(chromedp.Click(chromedp.CSS("main form button")))
	Eventually(t.shows).WithArguments("#token").Should(HavePrefix("cssoscim_"))
	return strings.TrimPrefix(t.text("h1"), "The token of ")
}

// deleteSuccessors deletes the credentials that a spec has created.
func deleteSuccessors(ctx context.Context) {
	GinkgoHelper()
	var all v1alpha1.SCIMCredentialList
	Expect(environment.Admin.List(ctx, &all, client.InNamespace(environment.Namespace))).To(Succeed())
	for i := range all.Items {
		if all.Items[i].Name != quickstart.CredentialName {
			Expect(client.IgnoreNotFound(environment.Admin.Delete(ctx, &all.Items[i]))).To(Succeed())
		}
	}
	Eventually(credentialNames).WithContext(ctx).Should(Equal([]string{quickstart.CredentialName}))
}

// isWhole reports whether the page is loaded, and has all parts that it reads by itself. It scrolls to those that are read when they are
// seen, and back to the beginning. scrollIntoView would have the Tab key go on from there.
func (t *tab) isWhole() bool {
	GinkgoHelper()
	return evaluate[bool](t, `(() => {
		const unseen = document.querySelector("[hx-trigger=revealed]");
		scrollTo(0, unseen ? unseen.getBoundingClientRect().top + scrollY : 0);
		return !unseen && !document.querySelector("[hx-trigger=load]") && document.readyState === "complete";
	})()`)
}

// eachPage opens each address and each scene in turn. place names what look then sees.
func (t *tab) eachPage(ctx context.Context, look func(place string)) {
	GinkgoHelper()
	lookAt := func(place string) {
		Eventually(t.isWhole).Should(BeTrue(), place)
		look(place)
	}
	for _, path := range addresses(ctx) {
		t.goTo(path)
		lookAt(path)
	}
	createWithheld(ctx)
	for _, s := range scenes {
		s.reach(ctx, t)
		lookAt(s.name)
	}
	deleteSuccessors(ctx) // the next look begins as this one did
}
