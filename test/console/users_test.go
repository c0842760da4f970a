//go:build console

package console_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// newUser has the provider create a user, and returns its id.
func newUser(ctx context.Context, userName string) string {
	GinkgoHelper()
	return scim(ctx, http.StatusCreated, "POST", "/Users", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"title":"Engineer","active":true}`, userName)).ID()
}

// newMember is newUser for a user who is among the engineers until the end of the spec.
func newMember(ctx context.Context, userName string) string {
	GinkgoHelper()
	id := newUser(ctx, userName)
	changeMembers := func(ctx context.Context, op string) {
		scim(ctx, http.StatusOK, "PATCH", "/Groups/"+engineers, fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":"members","value":[{"value":%q}]}]}`, op, id))
	}
	changeMembers(ctx, "add")
	DeferCleanup(changeMembers, "remove")
	return id
}

// inactive is a request that deactivates a user.
const inactive = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`

// deactivate has the provider deactivate a user.
func deactivate(ctx context.Context, status int, id string) {
	GinkgoHelper()
	scim(ctx, status, "PATCH", "/Users/"+id, inactive)
}

// stored returns a user as the API server has it.
func stored(ctx context.Context, id string) (*v1alpha1.CloudSSOUser, error) {
	u := &v1alpha1.CloudSSOUser{}
	return u, environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: id}, u)
}

// state returns the state of a user.
func state(ctx context.Context, id string) v1alpha1.UserState {
	GinkgoHelper()
	u, err := stored(ctx, id)
	Expect(err).NotTo(HaveOccurred())
	return policy.UserState(u, false)
}

// subjects returns the Kubernetes user names that have access to the target namespace.
func subjects(ctx context.Context) ([]string, error) {
	return quickstart.Subjects(ctx, environment.Admin, environment.Namespace, client.InNamespace(quickstart.TargetNamespace))
}

// setDirectory changes the directory's spec.
func setDirectory(ctx context.Context, change func(*v1alpha1.CloudSSODirectorySpec)) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		d := readDirectory(ctx)
		change(&d.Spec)
		g.Expect(environment.Admin.Update(ctx, d, byHand)).To(Succeed())
	}).Should(Succeed())
}

func readDirectory(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

var _ = Describe("the page of a user", func() {
	It("says at once why a user has lost access: when, by which credential, and in which request", func(ctx SpecContext) {
		id := newMember(ctx, "leaver@example.com")
		deactivate(ctx, http.StatusOK, id)
		v := signIn(ctx, viewer)
		u, err := stored(ctx, id)
		Expect(err).NotTo(HaveOccurred())
		change, known := policy.LastChangeOf(u)
		Expect(known).To(BeTrue())
		Eventually(func() string { return v.get(ctx, directory("users/"+id)).text() }).Should(And(
			ContainSubstring("Disabled: The identity provider has deactivated the user (active is false)."), ContainSubstring("Since"), ContainSubstring("SCIM request Modify"),
			ContainSubstring("Credential "+change.Credential), ContainSubstring("Request ID "+change.RequestID)))
		Expect(v.get(ctx, directory("users/"+id)).rows()).To(ContainElements(
			And(ContainElement("SCIM request: Modify"), ContainElement(change.Credential), ContainElement(change.RequestID)),
			ContainElement(HavePrefix("Has effect (Effective): No")), ContainElement("Created"), Equal([]string{"title", "Engineer"})))
		page := v.get(ctx, directory("users/"+id))
		Expect(link(page, change.Credential)).To(Equal(credential("")))
		Expect(v.get(ctx, link(page, change.RequestID)+"&whole=1").rows()).To(ConsistOf(
			HaveEach(Not(BeEmpty())), ContainElements("Modify", "User/leaver@example.com", "The user is now Disabled", change.RequestID)))
	})

	It("shows the groups that give access and do not list the user, because a provider can have taken the user out", func(ctx SpecContext) {
		id := newMember(ctx, "moved@example.com")
		readBindings(ctx, editor)
		v := signIn(ctx, editor)
		Expect(v.get(ctx, directory("users/"+id+"?access=1")).text()).NotTo(ContainSubstring("can have taken the user out of a group"))
		scim(ctx, http.StatusOK, "PATCH", "/Groups/"+engineers, fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, id))
		g := &v1alpha1.CloudSSOGroup{}
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: engineers}, g)).To(Succeed())
		change, known := policy.LastChangeOf(g)
		Expect(known).To(BeTrue())
		page := v.get(ctx, directory("users/"+id+"?access=1"))
		Expect(page.text()).To(ContainSubstring("can have taken the user out of a group"))
		Expect(page.rows()).To(ContainElement(ContainElements("engineers", assignment, "Modify", change.Credential, change.RequestID)))
		Expect(link(page, "engineers")).To(Equal(directory("groups/" + engineers)))
		Expect(link(page, assignment)).To(Equal(directory("access/" + assignment)))
		group := v.get(ctx, directory("groups/"+engineers))
		Expect(v.get(ctx, link(group, "Requests of this group in the log")+"&whole=1").rows()).To(ContainElement(ContainElements("Modify", "Group/engineers", change.RequestID)))
	})

	It("shows the groups, and the access to persons who may read bindings", func(ctx SpecContext) {
		id := newMember(ctx, "insider@example.com")
		Eventually(subjects).WithContext(ctx).WithTimeout(patience).Should(ContainElement(oidcissuer.UsernamePrefix + "insider@example.com"))
		Expect(signIn(ctx, viewer).get(ctx, directory("users/"+id+"/access")).text()).To(And(
			ContainSubstring("engineers"), ContainSubstring(`User "viewer" cannot list resource "rolebindings"`)))

		readBindings(ctx, editor)
		v := signIn(ctx, editor)
		for _, page := range []string{"/access", "?access=1"} {
			Expect(v.get(ctx, directory("users/"+id+page)).rows()).To(ContainElement(
				ContainElements("ClusterRole/view", quickstart.TargetNamespace, "engineers", "engineers-view", HavePrefix("Granted by"))), page)
		}
		deactivate(ctx, http.StatusOK, id)
		Eventually(func() [][]string { return v.get(ctx, directory("users/"+id+"/access")).rows() }).Should(ContainElement(
			ContainElements("would be: namespace "+quickstart.TargetNamespace, "engineers-view", "Not granted: the user has no effect (Disabled)")))
	})

	It("reads groups and access when a browser shows it", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(directory("users/" + users[alice]))
		Expect(run(t, chromedp.Text(chromedp.CSS("#access table")))).To(ContainSubstring("engineers"))
	})

	It("has no controls without the rights, and says which are missing", func(ctx SpecContext) {
		for _, p := range []person{viewer, editor} {
			page := signIn(ctx, p).get(ctx, directory("users/"+users[carol]))
			Expect(page.text()).To(And(ContainSubstring("You lack the right patch cloudssousers.cloudsso.dev"), ContainSubstring("You lack the right delete cloudssousers.cloudsso.dev")))
			Expect(page.all("a", "href", directory("users/"+users[carol]+"/suspend"))).To(BeEmpty())
		}
	})
})

// readBindings lets a person read the bindings of the cluster, until the end of the spec.
func readBindings(ctx context.Context, p person) {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: string(p) + "-reads-bindings"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings", "clusterrolebindings"}, Verbs: []string{"list"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: string(p)}},
	}
	for _, o := range []client.Object{role, binding} {
		Expect(environment.Admin.Create(ctx, o)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(environment.Admin.Delete(ctx, o)).To(Succeed()) })
	}
}

var _ = Describe("the list of users", func() {
	It("has the columns of CloudSSO, and its names of the sources", func(ctx SpecContext) {
		manual := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, GenerateName: "manual-"}}
		manual.Spec.UserName, manual.Spec.DisplayName = "column@example.com", "A column"
		createUntilEnd(ctx, manual)
		v := signIn(ctx, viewer)
		page := v.get(ctx, directory("users?q="+alice))
		Expect(page.rows()[0]).To(Equal([]string{"User name", "Display name", "State", "Source", "Created"}))
		Expect(page.rows()[1]).To(HaveExactElements(alice, "The user "+alice, "Active", "SCIM Synchronization", HaveSuffix(" ago")))
		Eventually(func() [][]string { return v.get(ctx, directory("users?q="+manual.Spec.UserName)).rows() }).Should(
			ContainElement(HaveExactElements(manual.Spec.UserName, "A column", "Active", "Manual", HaveSuffix(" ago"))))
	})
})

var _ = Describe("the lock of synchronization", func() {
	It("is said on the pages of what it locks, and only while it is on", func(ctx SpecContext) {
		manual := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, GenerateName: "manual-"}}
		manual.Spec.UserName = "manual@example.com"
		createUntilEnd(ctx, manual)
		v := signIn(ctx, viewer)
		said := map[string]string{
			directory("users/" + users[alice]): "Attributes Locked while synchronization is on: only the identity provider changes these attributes.",
			directory("groups/" + engineers):   "Members Locked while synchronization is on: only the identity provider changes the group and its members.",
		}
		for path, why := range said {
			Expect(v.get(ctx, path).text()).To(ContainSubstring(why), path)
		}
		Expect(v.get(ctx, directory("users/"+manual.Name)).text()).NotTo(ContainSubstring("Locked"))

		turn(ctx, v1alpha1.SynchronizationDisabled)
		DeferCleanup(turn, v1alpha1.SynchronizationEnabled)
		for path := range said {
			Expect(v.get(ctx, path).text()).NotTo(ContainSubstring("Locked"), path)
		}
	})
})

var _ = Describe("the suspension of a user", func() {
	It("takes the access, names who has done it, and is lifted", func(ctx SpecContext) {
		id := newMember(ctx, "suspect@example.com")
		Eventually(subjects).WithContext(ctx).WithTimeout(patience).Should(ContainElement(oidcissuer.UsernamePrefix + "suspect@example.com"))
		v := signIn(ctx, admin)
		address := directory("users/" + id)
		page := v.get(ctx, address+"/suspend")
		Expect(page.text()).To(ContainSubstring("loses all access within a second"))
		page = page.submit(ctx, address+"/suspend", nil)
		Expect(page.Request.URL.Path).To(Equal(address))
		Expect(page.text()).To(And(ContainSubstring("The user is suspended."), ContainSubstring("Suspended: An administrator has suspended the user."), ContainSubstring("administrator")))
		Eventually(subjects).WithContext(ctx).WithTimeout(patience).ShouldNot(ContainElement(oidcissuer.UsernamePrefix + "suspect@example.com"))
		Eventually(func() [][]string { return v.get(ctx, address).rows() }).Should(ContainElements(
			ContainElements("Suspended by an administrator", string(admin)), ContainElements(HavePrefix("Event: Suspended"), "the operator")))
		page = v.get(ctx, address+"/lift").submit(ctx, address+"/lift", nil)
		Expect(page.text()).To(ContainSubstring("The suspension is lifted."))
		Eventually(subjects).WithContext(ctx).WithTimeout(patience).Should(ContainElement(oidcissuer.UsernamePrefix + "suspect@example.com"))
	})

	It("is refused in the API server's words if the right is gone when the form is sent", func(ctx SpecContext) {
		id := newUser(ctx, "kept@example.com")
		address := directory("users/" + id + "/suspend")
		v := signIn(ctx, editor)
		Expect(v.get(ctx, address).forms(address)).To(BeEmpty())
		page := asAdminForAMoment(ctx, editor, v, address)
		refused := page.submit(ctx, address, nil)
		Expect(refused.StatusCode).To(Equal(http.StatusForbidden))
		Expect(refused.text()).To(ContainSubstring(`User "editor" cannot patch resource "cloudssousers"`))
		Expect(state(ctx, id)).To(Equal(v1alpha1.UserActive))
	})

	It("is not done to another object than the page has shown", func(ctx SpecContext) {
		address := directory("users/" + users[carol] + "/suspend")
		v := signIn(ctx, admin)
		v.get(ctx, address)
		Expect(v.post(ctx, address, url.Values{"uid": {"other"}}).text()).To(ContainSubstring("not the one that the page has shown"))
		Expect(state(ctx, users[carol])).To(Equal(v1alpha1.UserActive))
	})
})

// asAdminForAMoment shows a person an address with the role admin, and takes the role away.
func asAdminForAMoment(ctx context.Context, p person, v *visitor, address string) (page *answer) {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: "admin-for-a-moment"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: string(p)}},
	}
	Expect(environment.Admin.Create(ctx, binding)).To(Succeed())
	Eventually(func() int {
		page = v.get(ctx, address)
		return len(page.forms(address))
	}).Should(Equal(1))
	Expect(environment.Admin.Delete(ctx, binding)).To(Succeed())
	Eventually(func() int { return len(v.get(ctx, address).forms(address)) }).Should(BeZero())
	return page
}

var _ = Describe("the deletion of a user", func() {
	It("turns synchronization off, deletes a synchronized user, and turns it on", func(ctx SpecContext) {
		id := newMember(ctx, "deleted@example.com")
		v := signIn(ctx, admin)
		address := directory("users/" + id + "/delete")
		page := v.get(ctx, address)
		Expect(page.text()).To(And(ContainSubstring("The user is locked"), ContainSubstring("Unassign the user there first"), ContainSubstring("at most for 1m."), ContainSubstring("the API server's audit log does")))
		second := v.get(ctx, address)
		deleted := page.submit(ctx, address, nil)
		Expect(deleted.Request.URL.Path).To(Equal(directory("users")), deleted.text())
		Expect(deleted.text()).To(ContainSubstring("User deleted@example.com is deleted, and synchronization is on again."))
		_, err := stored(ctx, id)
		Expect(apierrors.IsNotFound(err)).To(BeTrue())
		Expect(readDirectory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Expect(second.submit(ctx, address, nil).text()).To(ContainSubstring("The user is deleted."), "the form was sent twice")
	})

	It("is offered within a break that is on, and leaves it on", func(ctx SpecContext) {
		id := newMember(ctx, "within@example.com")
		keepDirectory(ctx)
		v := signIn(ctx, admin)
		address := directory("users/" + id + "/delete")
		stale := v.get(ctx, address)
		v.get(ctx, directory("switch?to=Disabled")).submit(ctx, directory("switch"), url.Values{"break": {"true"}})
		before := readDirectory(ctx).Spec
		refused := stale.submit(ctx, address, nil)
		Expect(refused.StatusCode).To(Equal(http.StatusConflict))
		Expect(refused.text()).To(MatchRegexp(`is Disabled until \S+ already`))
		page := v.get(ctx, address)
		Expect(page.text()).To(ContainSubstring("The user can be deleted until then."))
		Expect(page.submit(ctx, address, nil).text()).To(ContainSubstring("User within@example.com is deleted. The API"))
		_, err := stored(ctx, id)
		Expect(apierrors.IsNotFound(err)).To(BeTrue())
		Expect(readDirectory(ctx).Spec).To(Equal(before))
	})

	It("does nothing to a user that a tool applies from Git, and says so", func(ctx SpecContext) {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{
			Namespace: environment.Namespace, Name: "declared", Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"},
		}}
		u.Spec.UserName = "declared@example.com"
		Expect(environment.Admin.Create(ctx, u)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(environment.Admin.Delete(ctx, u)).To(Succeed()) })
		page := signIn(ctx, admin).get(ctx, directory("users/declared/delete"))
		Expect(page.text()).To(ContainSubstring("Flux applies user declared: nothing was changed. Remove it from the source, and Flux deletes it"))
		Expect(page.forms(directory("users/declared/delete"))).To(BeEmpty())
	})

	It("names both missing rights, and leaves the switch alone without them", func(ctx SpecContext) {
		id := newUser(ctx, "undeleted@example.com")
		v := signIn(ctx, editor)
		address := directory("users/" + id + "/delete")
		Expect(v.get(ctx, address).text()).To(And(ContainSubstring("delete cloudssousers.cloudsso.dev"), ContainSubstring("patch cloudssodirectories.cloudsso.dev")))
		page := asAdminForAMoment(ctx, editor, v, address)
		generation := readDirectory(ctx).Generation
		Expect(page.submit(ctx, address, nil).text()).To(ContainSubstring("you lack the right to delete cloudssousers"))
		Expect(readDirectory(ctx).Generation).To(Equal(generation))
	})
})

var _ = Describe("approvals", Ordered, func() {
	withheld := map[string]string{}

	BeforeAll(func(ctx SpecContext) {
		setDirectory(ctx, func(spec *v1alpha1.CloudSSODirectorySpec) {
			spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(1)), Window: metav1.Duration{Duration: time.Hour}}
		})
		DeferCleanup(func(ctx context.Context) {
			setDirectory(ctx, func(spec *v1alpha1.CloudSSODirectorySpec) { spec.DisablementBudget = nil })
		})
		Eventually(func(g Gomega) { // until each replica knows the budget, and it is spent
			id := newUser(ctx, fmt.Sprintf("spender-%s@example.com", rand.Text()))
			c, err := provider.New(environment.BaseURL, environment.Token, environment.CAFile)
			g.Expect(err).NotTo(HaveOccurred())
			defer c.HTTP.CloseIdleConnections()
			response, err := c.Do(ctx, http.MethodPatch, "/Users/"+id, inactive)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(response.Status).To(Equal(http.StatusTooManyRequests))
		}).Should(Succeed())
		for _, name := range []string{"first", "second", "third"} {
			withheld[name] = newUser(ctx, name+"@example.com")
			deactivate(ctx, http.StatusTooManyRequests, withheld[name])
		}
		Eventually(func() *v1alpha1.UserCounts { return readDirectory(ctx).Status.Users }).Should(HaveField("Withheld", BeNumerically(">=", 4)))
	})

	It("lists what waits, and leads there from the overview", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		Expect(v.get(ctx, directory("")).all("a", "href", "approvals")).NotTo(BeEmpty())
		page := v.get(ctx, directory("approvals"))
		Expect(page.rows()).To(ContainElements(ContainElements("first@example.com", "Disable"), ContainElements("second@example.com", "Disable")))
		Expect(page.text()).To(And(ContainSubstring("1 user in 1h"), ContainSubstring("You lack the right patch cloudssousers.cloudsso.dev")))
		Expect(page.all("a", "href", directory("approvals/decide")+"?decision=Apply")).To(BeEmpty())
		Expect(v.get(ctx, directory("users/"+withheld["first"])).text()).To(ContainSubstring("This exceeds the disablement budget"))
	})

	It("applies one, and discards one", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		for name, decided := range map[string]string{"first": "Apply", "second": "Discard"} {
			page := v.get(ctx, directory("approvals/decide")+"?decision="+decided+"&user="+withheld[name])
			Expect(page.text()).To(ContainSubstring(name + "@example.com"))
			Expect(page.submit(ctx, directory("approvals/decide"), nil).text()).To(ContainSubstring("Decided"))
		}
		Eventually(func() v1alpha1.UserState { return state(ctx, withheld["first"]) }).Should(Equal(v1alpha1.UserDisabled))
		Eventually(func() *v1alpha1.WithheldDeactivation {
			u, err := stored(ctx, withheld["second"])
			Expect(err).NotTo(HaveOccurred())
			return u.Spec.Withheld
		}).Should(BeNil())
		Expect(state(ctx, withheld["second"])).To(Equal(v1alpha1.UserActive))
		stale := v.post(ctx, directory("approvals/decide"), url.Values{"decision": {"Apply"}, "user": {withheld["second"]}, "shown": {"x"}})
		Expect(stale.text()).To(ContainSubstring("is not withheld any more"))
	})

	It("decides about all that the page has shown, and about none that came later", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		page := v.get(ctx, directory("approvals/decide")+"?decision=Apply")
		Expect(page.text()).To(And(ContainSubstring("third@example.com"), Not(ContainSubstring("second@example.com"))))
		form := url.Values{"decision": {"Apply"}, "last": {withheld["third"]}}
		Expect(v.post(ctx, directory("approvals/decide"), form).StatusCode).To(Equal(http.StatusBadRequest))
		scim(ctx, http.StatusTooManyRequests, "DELETE", "/Users/"+withheld["third"], "")
		Expect(page.submit(ctx, directory("approvals/decide"), nil).text()).To(ContainSubstring("Decided, but for those that were changed since the page was loaded."))
		u, err := stored(ctx, withheld["third"])
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Spec.Withheld).To(HaveField("Decision", BeEmpty()), "it is a deletion by now, which the page has not shown")
		again := page.submit(ctx, directory("approvals/decide"), nil)
		Expect(again.StatusCode).To(Equal(http.StatusConflict))
		Expect(again.text()).To(ContainSubstring("None was decided"))
		page = v.get(ctx, directory("approvals/decide")+"?decision=Apply")
		Expect(page.submit(ctx, directory("approvals/decide"), nil).text()).To(ContainSubstring("Decided"))
		Eventually(func() v1alpha1.UserState { return state(ctx, withheld["third"]) }).Should(Equal(v1alpha1.UserDeprovisioned))
		Eventually(func() *v1alpha1.UserCounts { return readDirectory(ctx).Status.Users }).Should(HaveField("Withheld", BeZero()))
		Expect(v.get(ctx, directory("approvals")).text()).To(ContainSubstring("No deactivation waits for a decision."))
	})
})
