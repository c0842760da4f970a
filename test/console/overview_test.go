//go:build console

package console_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/net/html"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

// bindEverywhere gives a person a ClusterRole in the whole cluster, until the end of the spec.
func bindEverywhere(ctx context.Context, p person, role string) {
	GinkgoHelper()
	createUntilEnd(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: string(p) + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: string(p)}},
	})
}

// permitDirectory gives a person verbs of the one directory, by its name, until the end of the spec.
func permitDirectory(ctx context.Context, p person, verbs ...string) {
	GinkgoHelper()
	named := metav1.ObjectMeta{Namespace: environment.Namespace, Name: string(p) + "-keeps-one"}
	createUntilEnd(ctx, &rbacv1.Role{ObjectMeta: named, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"cloudssodirectories"}, Verbs: verbs,
		ResourceNames: []string{v1alpha1.DirectoryName},
	}}})
	createUntilEnd(ctx, &rbacv1.RoleBinding{
		ObjectMeta: named, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: named.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: string(p)}},
	})
}

// createUntilEnd creates an object, and deletes it at the end of the spec.
func createUntilEnd(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(environment.Admin.Create(ctx, o)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(client.IgnoreNotFound(environment.Admin.Delete(ctx, o))).To(Succeed())
	})
}

// turn turns the switch of the directory, and waits until the operator has seen it.
func turn(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"scimSynchronization":%q}}`, position))
	Expect(environment.Admin.Patch(ctx, d, patch, byHand)).To(Succeed())
	Eventually(func() (v1alpha1.Synchronization, error) {
		return d.Status.SCIMSynchronization, environment.Admin.Get(ctx, client.ObjectKeyFromObject(d), d)
	}).Should(Equal(position))
}

// assignmentOf returns an assignment of the group engineers in a namespace, with an end unless it is zero.
func assignmentOf(name string, ends time.Time) *v1alpha1.CloudSSOAccessAssignment {
	a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: name}}
	a.Spec.Principal = v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "engineers"}
	a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: "ClusterRole", Name: "view"}
	a.Spec.Target.Namespaces = []string{quickstart.TargetNamespace}
	if !ends.IsZero() {
		a.Spec.ExpiresAt = &metav1.Time{Time: ends}
	}
	return a
}

// cells returns the texts of the rows of a page's tables that begin with a header of the row.
func cells(a *answer) (rows [][]string) {
	for _, row := range a.all("tr") {
		if len(allBelow(row, "th", "scope", "row")) == 0 {
			continue
		}
		var texts []string
		for cell := range row.ChildNodes() {
			texts = append(texts, textOf(cell))
		}
		rows = append(rows, texts)
	}
	return rows
}

// firstCells returns the first cell of each such row.
func firstCells(a *answer) (names []string) {
	for _, row := range cells(a) {
		names = append(names, row[0])
	}
	return names
}

// link returns the address of the first link of a page with a text.
func link(a *answer, text string) string {
	GinkgoHelper()
	for _, l := range a.all("a") {
		if textOf(l) == text {
			target, err := a.Request.URL.Parse(attribute(l, "href"))
			Expect(err).NotTo(HaveOccurred())
			return target.RequestURI()
		}
	}
	Fail(fmt.Sprintf("the page %s has no link %q: %s", a.Request.URL, text, a.text()))
	return ""
}

var _ = Describe("the overview", func() {
	It("shows the counts, the connection and the conditions in words", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		d := &v1alpha1.CloudSSODirectory{}
		Eventually(func(g Gomega) {
			g.Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
			g.Expect(d.Status.Users).NotTo(BeNil())
			g.Expect(d.Status.Users.Suspended).NotTo(BeNil())
			page := v.get(ctx, directory(""))
			for state, count := range map[string]int32{
				"Active": d.Status.Users.Active, "Suspended": *d.Status.Users.Suspended, "In conflict": *d.Status.Users.Conflict,
				"Disabled": d.Status.Users.Disabled - *d.Status.Users.Suspended - *d.Status.Users.Conflict,
			} {
				address := "users?state=" + strings.TrimPrefix(strings.Replace(state, "conflict", "Conflict", 1), "In ")
				g.Expect(link(page, fmt.Sprintf("%d %s", count, state))).To(Equal(directory(address)))
			}
			for address, want := range map[string]string{
				"users?source=SCIM":    fmt.Sprintf("%d SCIM Synchronization", d.Status.Users.SCIM),
				"users?source=Manual":  fmt.Sprintf("%d Manual", d.Status.Users.Manual),
				"groups?source=SCIM":   fmt.Sprintf("%d SCIM Synchronization", d.Status.Groups.SCIM),
				"groups?source=Manual": fmt.Sprintf("%d Manual", d.Status.Groups.Manual),
			} {
				counts := page.all("a", "href", address)
				g.Expect(counts).To(HaveLen(1), address)
				g.Expect(textOf(counts[0])).To(Equal(want))
			}
		}).Should(Succeed())
		page := v.get(ctx, directory(""))
		Expect(page.text()).To(And(
			ContainSubstring("SCIM synchronization Enabled"), ContainSubstring("Refused while it was off, and not made up for None"),
			ContainSubstring("Last set by"), ContainSubstring("Working: a request with a valid token came"),
			ContainSubstring(d.Status.Endpoint),
		))
		Expect(cells(page)).To(ContainElement(ContainElements("Admission policies installed (PoliciesInstalled)", "Yes")))
		Expect(page.all("time")).NotTo(BeEmpty())
		for _, current := range page.all("a", "aria-current", "page") {
			Expect(textOf(current)).To(Equal("Overview"))
		}
	})

	It("says which admission policy is missing, and what to do", func(ctx SpecContext) {
		lock := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-lock"}}
		Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(lock), lock)).To(Succeed())
		deny := lock.Spec.ValidationActions
		v := signIn(ctx, viewer)
		DeferCleanup(func(ctx context.Context) {
			lock.Spec.ValidationActions = deny
			Expect(environment.Admin.Update(ctx, lock)).To(Succeed())
			Eventually(func() bool {
				return meta.IsStatusConditionTrue(readDirectory(ctx).Status.Conditions, v1alpha1.ConditionPoliciesInstalled)
			}).Should(BeTrue())
		})
		lock.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		Expect(environment.Admin.Update(ctx, lock)).To(Succeed())
		Eventually(func() string { return v.get(ctx, directory("")).text() }).Should(And(
			ContainSubstring("The admission policies that protect synchronized objects are not in place. Ask the cluster's administrator"),
			ContainSubstring("Admission policies installed (PoliciesInstalled) No"), ContainSubstring("cloudsso-lock has no binding")))
	})

	It("shows what was refused, and lets an administrator acknowledge a full push", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationDisabled)
		DeferCleanup(turn, v1alpha1.SynchronizationEnabled)
		v := signIn(ctx, viewer)
		Expect(v.get(ctx, directory("")).text()).To(ContainSubstring("Synchronization is Disabled"))
		scim(ctx, http.StatusForbidden, "PATCH", "/Users/"+users[carol],
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"title":"Engineer"}}]}`)
		turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(func() string { return v.get(ctx, directory("")).text() }).Should(And(
			ContainSubstring("Start a full push there."), MatchRegexp(`not made up for Writes: \d+, \S+ ago`), ContainSubstring("PATCH Users/"+users[carol]),
			ContainSubstring("You lack the right patch cloudssodirectories.cloudsso.dev")))
		Expect(v.get(ctx, directory("")).forms(directory("resync"))).To(BeEmpty())
		permitDirectory(ctx, viewer, "patch")
		Eventually(func() int { return len(v.get(ctx, directory("")).forms(directory("resync"))) }).Should(Equal(1))

		a := signIn(ctx, admin)
		Expect(a.get(ctx, directory("")).forms(directory("resync"))).To(HaveLen(1))
		Eventually(func() []*html.Node { // the time of a refusal is a whole second, and acknowledged once that has passed
			page := a.get(ctx, directory(""))
			forms := page.forms(directory("resync"))
			if len(forms) > 0 {
				page.submit(ctx, directory("resync"), nil)
			}
			return forms
		}).Should(BeEmpty())
		Eventually(func() string { return a.get(ctx, directory("")).text() }).ShouldNot(ContainSubstring("full push there"))
	})

	It("acknowledges no write that was refused after the page was loaded", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationDisabled)
		DeferCleanup(turn, v1alpha1.SynchronizationEnabled)
		a := signIn(ctx, admin)
		refuse := func() {
			scim(ctx, http.StatusForbidden, "PATCH", "/Users/"+users[carol],
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"title":"Engineer"}}]}`)
		}
		refuse()
		var old *answer
		Eventually(func() []*html.Node {
			old = a.get(ctx, directory(""))
			return old.forms(directory("resync"))
		}).ShouldNot(BeEmpty())
		count := theDirectory(ctx).Status.RefusedWrites.Count
		refuse()
		Eventually(func() int64 { return theDirectory(ctx).Status.RefusedWrites.Count }).Should(BeNumerically(">", count))
		refused := old.submit(ctx, directory("resync"), nil)
		Expect(refused.StatusCode).To(Equal(http.StatusConflict))
		Expect(refused.text()).To(ContainSubstring("Nothing was acknowledged"))
		Eventually(func(g Gomega) {
			a.get(ctx, directory("")).submit(ctx, directory("resync"), nil)
			g.Expect(a.get(ctx, directory("")).forms(directory("resync"))).To(BeEmpty())
		}).Should(Succeed())
	})
})

var _ = Describe("the list of directories", func() {
	It("asks a person for the namespace who may not list them", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		page := v.get(ctx, link(v.get(ctx, directory("")), "Other directories"))
		Expect(page.text()).To(ContainSubstring("You lack the right list cloudssodirectories.cloudsso.dev -A"))
		Expect(v.get(ctx, "/directories?namespace="+environment.Namespace).Request.URL.Path).To(Equal(directory("")))
	})

	It("lists them for a person who may", func(ctx SpecContext) {
		bindEverywhere(ctx, editor, "view")
		v := signIn(ctx, editor)
		Eventually(func() []string { return firstCells(v.get(ctx, "/directories")) }).Should(ContainElement(environment.Namespace))
		page := v.get(ctx, "/directories")
		Expect(v.get(ctx, link(page, environment.Namespace)).heading()).To(Equal("Overview"))
	})
})

var _ = Describe("a group", func() {
	It("shows those without effect alone to the end, in a browser", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(directory("groups/" + engineers + "?without=1"))
		Eventually(func() string { return t.text("#members ~ .scroll tbody, [aria-labelledby=members] tbody") }).Should(And(ContainSubstring(bob), ContainSubstring("That is all.")))
		Expect(t.isWhole()).To(BeTrue())
		Expect(t.text("[aria-labelledby=members] tbody")).NotTo(ContainSubstring(alice))
	})

	It("shows which members have no effect and why, and its access", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		page := v.get(ctx, directory("groups/"+engineers))
		Expect(firstCells(page)).To(ContainElements(alice, bob, carol, "engineers-view"))
		page = v.get(ctx, link(page, "Only those without effect"))
		Expect(page.text()).To(ContainSubstring("The identity provider has deactivated the user (active is false)."))
		Expect(firstCells(page)).To(ContainElement(bob))
		Expect(firstCells(page)).NotTo(ContainElement(alice))
	})

	It("shows each member once, page by page, those in slices too", func(ctx SpecContext) {
		const each = 70
		g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: "wide"}}
		g.Spec = v1alpha1.CloudSSOGroupSpec{DisplayName: "Wide", Source: v1alpha1.SourceManual, Sliced: true, Members: absent(0, each)}
		createUntilEnd(ctx, g)
		for i := range 3 {
			s := &v1alpha1.CloudSSOMembershipSlice{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: fmt.Sprintf("wide-%d", i)}}
			s.Spec = v1alpha1.CloudSSOMembershipSliceSpec{Group: g.Name, Source: v1alpha1.SourceManual, Members: absent((i+1)*each, each)}
			createUntilEnd(ctx, s)
		}
		v := signIn(ctx, viewer)
		var seen []string
		for path := directory("groups/wide"); path != ""; {
			page := v.get(ctx, path)
			Expect(page.StatusCode).To(Equal(http.StatusOK), page.text())
			seen = append(seen, namesOf(page)...)
			path = ""
			if strings.Contains(page.text(), "Show more") {
				path = link(page, "Show more")
			}
		}
		slices.Sort(seen)
		Expect(seen).To(HaveLen(4 * each))
		Expect(slices.Compact(seen)).To(HaveLen(4 * each))
	})
})

// absent returns members that are no users.
func absent(from, count int) (members []v1alpha1.Member) {
	for i := range count {
		members = append(members, v1alpha1.Member{Name: fmt.Sprintf("absent-%04d", from+i)})
	}
	return members
}

// namesOf returns the absent members that a page shows.
func namesOf(page *answer) (names []string) {
	for _, name := range firstCells(page) {
		if strings.HasPrefix(name, "absent-") {
			names = append(names, name)
		}
	}
	return names
}

var _ = Describe("access", func() {
	It("lists assignments, and temporary ones by their ends", func(ctx SpecContext) {
		soon := time.Now().Add(time.Hour)
		createUntilEnd(ctx, assignmentOf("ends-last", soon.Add(48*time.Hour)))
		createUntilEnd(ctx, assignmentOf("ends-first", soon))
		createUntilEnd(ctx, assignmentOf("ends-then", soon.Add(24*time.Hour)))
		v := signIn(ctx, viewer)
		page := v.get(ctx, directory("access"))
		Expect(firstCells(page)).To(ContainElements("engineers-view", "ends-first", "ends-then", "ends-last"))
		Expect(v.get(ctx, link(page, "Who has which role where")).all("a", "aria-current", "true")).To(ContainElement(HaveField("FirstChild.Data", "Access")))
		page = v.get(ctx, link(page, "Temporary access, the soonest end first"))
		Expect(firstCells(page)).To(Equal([]string{"ends-first", "ends-then", "ends-last"}))
		Expect(v.get(ctx, link(page, "ends-first")).text()).To(And(ContainSubstring("Where namespace web"), ContainSubstring("in 59m")))
	})

	It("says which rights a review needs that the person lacks", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		page := v.get(ctx, directory("review"))
		Expect(page.text()).To(And(
			ContainSubstring("list rolebindings.rbac.authorization.k8s.io -A"), ContainSubstring("list clusterrolebindings.rbac.authorization.k8s.io -A")))
		Expect(v.get(ctx, directory("review.csv")).StatusCode).To(Equal(http.StatusForbidden))

		bind(ctx, viewer, quickstart.TargetNamespace, "admin")
		Eventually(func() []string {
			return firstCells(v.get(ctx, directory("review?namespace="+quickstart.TargetNamespace)))
		}).
			Should(Equal([]string{alice, carol}))
	})

	It("shows who has which role where, and gives the table that the verb gives", func(ctx SpecContext) {
		formula := "=cmd|' /C calc'!A0"
		id := scim(ctx, http.StatusCreated, "POST", "/Users",
			fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true}`, formula)).ID()
		DeferCleanup(func(ctx context.Context) { scim(ctx, http.StatusNoContent, "DELETE", "/Users/"+id, "") })
		scim(ctx, http.StatusOK, "PATCH", "/Groups/"+engineers, fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, id))
		bindEverywhere(ctx, editor, "cluster-admin")
		v := signIn(ctx, editor)
		Eventually(func() []string { return firstCells(v.get(ctx, directory("review"))) }).Should(ConsistOf(formula, alice, carol))
		Expect(firstCells(v.get(ctx, directory("review?q=ALICE@example.com")))).To(Equal([]string{alice}))
		Expect(firstCells(v.get(ctx, directory("review?assignment=none")))).To(BeEmpty())
		Expect(firstCells(v.get(ctx, directory("review?cluster=1")))).To(BeEmpty())
		page := v.get(ctx, directory("review?assignment=engineers-view"))
		Expect(cells(page)[1]).To(ContainElements(alice, "ClusterRole/view", quickstart.TargetNamespace, "engineers, engineers-view"))

		file := v.get(ctx, link(page, "Download as CSV"))
		Expect(file.Header.Get("Content-Disposition")).To(Equal(`attachment; filename="access-` + environment.Namespace + `.csv"`))
		verb := exec.CommandContext(ctx, plugin, "review", "-o", "csv", "--namespace", environment.Namespace)
		verb.Env = []string{"KUBECONFIG=" + kubeconfigs[editor], "HOME=" + folder}
		want, err := verb.Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(file.body).To(Equal(string(want)))
		rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
		Expect(err).NotTo(HaveOccurred())
		Expect(rows).To(HaveLen(4))
		Expect(rows[1][0]).To(Equal("'" + formula))
	})
})
