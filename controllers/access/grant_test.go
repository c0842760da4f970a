package access_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var _ = Describe("an assignment to a group", func() {
	var developers *group

	BeforeEach(func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob", "eve")
		developers = createGroup(ctx, "developers", scim, "ada", "bob")
	})

	It("grants to its members, to those who join, and to no one who leaves", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionTrue, v1alpha1.ReasonEffective, "developers")
		Expect(a.Status.Principal).To(HaveValue(HaveField("Name", "developers")))
		Expect(a.Finalizers).To(ContainElement(v1alpha1.FinalizerBindings))
		// If the members were seen one by one, the second count comes ten seconds after the first.
		Eventually(func() []*int32 {
			reread(ctx, a)
			return []*int32{a.Status.Users, a.Status.Namespaces, a.Status.Bindings}
		}).Should(HaveExactElements(HaveValue(BeEquivalentTo(2)), HaveValue(BeEquivalentTo(1)), HaveValue(BeEquivalentTo(1))))

		setMembers(ctx, developers, "bob", "eve")
		expectSubjects(ctx, a, namespace, "bob", "eve")
		setMembers(ctx, developers)
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionFalse, v1alpha1.ReasonNoUsers, "developers")
		setMembers(ctx, developers, "ada")
		expectSubjects(ctx, a, namespace, "ada")
	})

	It("follows the state of a member", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		ada := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}}
		for _, change := range []func(*user, bool){
			func(u *user, off bool) { u.Spec.Suspended = off },
			func(u *user, off bool) { u.Spec.Active = new(!off) },
		} {
			modify(ctx, ada, func(u *user) { change(u, true) })
			expectSubjects(ctx, a, namespace, "bob")
			modify(ctx, ada, func(u *user) { change(u, false) })
			expectSubjects(ctx, a, namespace, "ada", "bob")
		}
		modify(ctx, ada, func(u *user) { u.Spec.UserName = "ada@example.com" })
		expectSubjects(ctx, a, namespace, "ada@example.com", "bob")
	})

	It("finds members in slices", func(ctx SpecContext) {
		a := assign(ctx)
		more := newSlice("developers-1", "eve")
		modify(ctx, developers, func(g *group) { g.Spec.Sliced = true })
		Expect(admin.Create(ctx, more)).To(Succeed())
		expectSubjects(ctx, a, namespace, "ada", "bob", "eve")
		modify(ctx, more, func(s *slice) { s.Spec.Members = []v1alpha1.Member{} })
		expectSubjects(ctx, a, namespace, "ada", "bob")
	})

	It("takes its bindings with it when it is deleted", func(ctx SpecContext) {
		elsewhere := newNamespace(ctx, "target-", nil)
		a, wide := assign(ctx, inNamespaces(namespace, elsewhere)), assign(ctx, named("wide"), inCluster)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectSubjects(ctx, a, elsewhere, "ada", "bob")
		expectSubjects(ctx, wide, "", "ada", "bob")
		for _, a := range []*assignment{a, wide} {
			Expect(admin.Delete(ctx, a.DeepCopy())).To(Succeed())
			Eventually(isGone(ctx, a.DeepCopy())).Should(BeTrue())
			for _, target := range []string{namespace, elsewhere, ""} {
				Expect(bindingsIn(ctx, a, target)).To(BeEmpty())
			}
		}
	})

	It("grants another role by other bindings", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		modify(ctx, a, ofRole(v1alpha1.RoleKindClusterRole, "edit"))
		expectSubjects(ctx, a, namespace, "ada", "bob")
		Expect(bindingsIn(ctx, a, namespace)).To(HaveExactElements(HaveField("RoleRef.Name", "edit")))
		Expect(notes(ctx, a, "DriftRepaired")()).To(BeEmpty())
	})

	It("loses every binding of its former role before it gets one of another role", func(ctx SpecContext) {
		elsewhere := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, elsewhere))
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectSubjects(ctx, a, elsewhere, "ada", "bob")
		expectReady(ctx, a)
		before := len(traffic.bindingWrites())
		modify(ctx, a, ofRole(v1alpha1.RoleKindClusterRole, "edit"))
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectSubjects(ctx, a, elsewhere, "ada", "bob")
		written := traffic.bindingWrites()[before:]
		Expect(written).To(HaveLen(4))
		Expect(written[:2]).To(HaveEach(HavePrefix("DELETE")))
		Expect(written[2:]).To(HaveEach(HavePrefix("POST")))
	})

	It("loses the bindings of its former role while the right to the new one is not known", Serial, func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		editor := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "editor-" + namespace}}
		Expect(admin.Create(ctx, editor)).To(Succeed())
		allow(ctx, "clusterroles", editor.Name)
		questions.set()
		modify(ctx, a, ofRole(v1alpha1.RoleKindClusterRole, editor.Name))
		expectSubjects(ctx, a, namespace)
		questions.unset()
		expectSubjects(ctx, a, namespace, "ada", "bob")
	})

	It("shows in mode Preview what it would grant, and grants nothing", func(ctx SpecContext) {
		a := assign(ctx, func(a *assignment) { a.Spec.Mode = v1alpha1.AccessPreview })
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPreview)
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionFalse, v1alpha1.ReasonPreview)
		Eventually(func() []*int32 { reread(ctx, a); return []*int32{a.Status.Users, a.Status.Bindings} }).
			Should(HaveExactElements(HaveValue(BeEquivalentTo(2)), HaveValue(BeEquivalentTo(1))))
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		modify(ctx, a, func(a *assignment) { a.Spec.Mode = v1alpha1.AccessEnforce })
		expectSubjects(ctx, a, namespace, "ada", "bob")
		modify(ctx, a, func(a *assignment) { a.Spec.Mode = v1alpha1.AccessPreview })
		expectSubjects(ctx, a, namespace)
	})

	It("takes members of source Manual only if it says so", func(ctx SpecContext) {
		createUser(ctx, "zoe", "zoe", manual)
		setMembers(ctx, developers, "ada", "zoe")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true })
		expectSubjects(ctx, a, namespace, "ada", "zoe")
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = false })
		expectSubjects(ctx, a, namespace, "ada")
	})

	It("stays with the group through a rename, and grants to another group of the name once that is confirmed", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		modify(ctx, developers, func(g *group) { g.Spec.DisplayName = "engineers" })
		other := createGroup(ctx, "others", scim, "eve")
		modify(ctx, other, func(g *group) { g.Spec.DisplayName = "developers" })
		setMembers(ctx, developers, "ada")
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)

		Expect(admin.Delete(ctx, developers)).To(Succeed())
		turn(ctx, v1alpha1.SynchronizationDisabled) // so that the guard lets the group go
		Eventually(isGone(ctx, developers)).Should(BeTrue())
		expectSubjects(ctx, a, namespace)
		turn(ctx, v1alpha1.SynchronizationEnabled)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalChanged, `set spec.principal.confirmed to "others"`)
		Expect(subjectsOf(ctx, a, namespace)()).To(BeEmpty())
		modify(ctx, a, func(a *assignment) { a.Spec.Principal.Confirmed = "others" })
		expectSubjects(ctx, a, namespace, "eve")
		expectReady(ctx, a)
	})

	It("only takes away while synchronization is switched off, and everything if there is no directory", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		turn(ctx, v1alpha1.SynchronizationDisabled)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynchronizationDisabled)
		setMembers(ctx, developers, "bob", "eve")
		expectSubjects(ctx, a, namespace, "bob")
		expectSeen(ctx, developers)
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true })
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynchronizationDisabled)
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"bob"}), "eve is granted nothing by a pass that has seen the new member")
		turn(ctx, v1alpha1.SynchronizationEnabled)
		expectSubjects(ctx, a, namespace, "bob", "eve")
		expectReady(ctx, a)
		Expect(admin.Delete(ctx, directory())).To(Succeed())
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionFalse, v1alpha1.ReasonSynchronizationDisabled, "has no CloudSSODirectory")
	})

	It("loses its bindings before the directory that is deleted is gone", func(ctx SpecContext) {
		elsewhere := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, elsewhere))
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectSubjects(ctx, a, elsewhere, "ada", "bob")
		expectReady(ctx, a)
		unknown := bindingsIn(ctx, a, namespace)[0]
		unknown.ResourceVersion, unknown.UID = "", ""
		unknown.Name, unknown.Labels[v1alpha1.LabelAssignment] = "cloudsso:"+namespace+":unknown:0", "unknown"
		gate.shut()
		Expect(admin.Create(ctx, &unknown)).To(Succeed())
		turn(ctx, v1alpha1.SynchronizationDisabled)
		held := gate.countHeld()
		Expect(admin.Delete(ctx, directory())).To(Succeed())
		Eventually(gate.countHeld).Should(BeNumerically(">=", held+2))
		reread(ctx, directory())
		gate.unlock()
		Eventually(isGone(ctx, directory())).Should(BeTrue())
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		Expect(bindingsIn(ctx, a, elsewhere)).To(BeEmpty())
		Expect(isGone(ctx, &unknown)()).To(BeTrue())
	})

	It("goes although a finalizer of another program keeps a binding of an assignment that does not exist", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		for i, role := range []string{"view", "cluster-admin"} {
			kept := bindingsIn(ctx, a, namespace)[0]
			kept.ResourceVersion, kept.UID, kept.Finalizers, kept.RoleRef.Name = "", "", []string{"example.com/kept"}, role
			kept.Name, kept.Labels[v1alpha1.LabelAssignment] = fmt.Sprintf("cloudsso:%s:unknown:%d", namespace, i), "unknown"
			Expect(admin.Create(ctx, &kept)).To(Succeed())
			DeferCleanup(modify[*rbacv1.RoleBinding], &kept, func(b *rbacv1.RoleBinding) { b.Finalizers = nil })
			Eventually(func() *metav1.Time { reread(ctx, &kept); return kept.DeletionTimestamp }).ShouldNot(BeNil())
			if role == "cluster-admin" { // which the operator may not bind, and so may not change
				Expect(kept.Subjects).NotTo(BeEmpty())
				continue
			}
			Eventually(func() []rbacv1.Subject { reread(ctx, &kept); return kept.Subjects }).Should(BeEmpty())
		}
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Expect(admin.Delete(ctx, directory())).To(Succeed())
		Eventually(isGone(ctx, directory())).Should(BeTrue())
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
	})

	It("is tried again about every second while its bindings outlast the directory's deletion", func(ctx SpecContext) {
		a := assign(ctx)
		expectReady(ctx, a)
		turn(ctx, v1alpha1.SynchronizationDisabled)
		before := deletions.refused.Load()
		deletions.set()
		Expect(admin.Delete(ctx, directory())).To(Succeed())
		const firstSecond = 6 // with a back-off that begins at 50 ms
		Eventually(deletions.refused.Load).Should(BeNumerically(">=", before+firstSecond))
		before = deletions.refused.Load()
		Consistently(func() int64 { return deletions.refused.Load() - before }).WithTimeout(2 * time.Second).Should(BeNumerically("<=", 4))
		deletions.unset()
		Eventually(isGone(ctx, directory())).Should(BeTrue())
	})

	It("begins and ends at its times", func(ctx SpecContext) {
		begin := clock.Now().Add(time.Hour).Truncate(time.Second)
		a := assign(ctx, beginning(begin), ending(begin.Add(time.Hour)))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		clock.Jump(time.Hour)
		Eventually(subjectsOf(ctx, a, namespace)).WithTimeout(inTime).Should(Equal([]string{"ada", "bob"}))
		expectReady(ctx, a)
		By("ending and beginning again when the clock is set back and put right")
		clock.Jump(-time.Hour)
		Eventually(subjectsOf(ctx, a, namespace)).WithTimeout(inTime).Should(BeEmpty())
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		clock.Jump(time.Hour)
		Eventually(subjectsOf(ctx, a, namespace)).WithTimeout(inTime).Should(Equal([]string{"ada", "bob"}))
		By("ending")
		clock.Jump(time.Hour)
		Eventually(subjectsOf(ctx, a, namespace)).WithTimeout(inTime).Should(BeEmpty())
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccessExpired)
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionFalse, v1alpha1.ReasonAccessExpired)
		modify(ctx, a, ending(clock.Now().Add(time.Hour)))
		expectSubjects(ctx, a, namespace, "ada", "bob")
	})

	It("holds back a user who is deleted until the bindings have lost it", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		turn(ctx, v1alpha1.SynchronizationDisabled)
		gate.shut()
		ada := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}}
		Expect(admin.Delete(ctx, ada)).To(Succeed())
		Consistently(isGone(ctx, ada)).WithTimeout(time.Second).Should(BeFalse())
		gate.unlock()
		Eventually(isGone(ctx, ada)).Should(BeTrue())
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"bob"}))
	})

	DescribeTable("holds back a group that is deleted until no binding is left", func(ctx SpecContext, remove func(context.Context)) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		Eventually(func() []string { reread(ctx, developers); return developers.Finalizers }).Should(ContainElement(v1alpha1.FinalizerSlices))
		gate.shut()
		remove(ctx)
		Consistently(isGone(ctx, developers)).WithTimeout(time.Second).Should(BeFalse())
		gate.unlock()
		Eventually(isGone(ctx, developers)).Should(BeTrue())
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
	},
		Entry("over SCIM", func(ctx context.Context) {
			_, err := resources.In(namespace).Delete(ctx, schema.Group, "developers", nil)
			Expect(err).NotTo(HaveOccurred())
		}),
		Entry("by a person", func(ctx context.Context) {
			turn(ctx, v1alpha1.SynchronizationDisabled)
			Expect(admin.Delete(ctx, developers)).To(Succeed())
		}),
	)

	It("takes a user out again who lost access before it was granted", func(ctx SpecContext) {
		Eventually(func() bool { return resources.HasSeen(developers) }).Should(BeTrue())
		for _, name := range []string{"ada", "bob"} {
			expectSeen(ctx, &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
		}
		users.pause()
		modify(ctx, &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}}, func(u *user) { u.Spec.Active = new(false) })
		a := assignAndCorrect(ctx)
		expectSubjects(ctx, a, namespace, "bob")
	})

	It("takes a user out again who left the group before it was granted", func(ctx SpecContext) {
		expectSeen(ctx, developers)
		groups.pause()
		setMembers(ctx, developers, "bob")
		a := assignAndCorrect(ctx)
		expectSubjects(ctx, a, namespace, "bob")
	})

	It("takes everyone out again whose group was deleted before it was granted", func(ctx SpecContext) {
		expectSeen(ctx, developers)
		groups.pause()
		modify(ctx, developers, func(g *group) { g.Finalizers = []string{"example.com/held"} }) // and not the guard's
		DeferCleanup(func(ctx SpecContext) { modify(ctx, developers, func(g *group) { g.Finalizers = nil }) })
		Expect(admin.Delete(ctx, developers)).To(Succeed())
		a := assignAndCorrect(ctx)
		expectSubjects(ctx, a, namespace)
	})

	It("takes a user out again who left a slice before it was granted, and not one who moved to another", func(ctx SpecContext) {
		createUsers(ctx, "kim")
		first, second := newSlice("developers-1", "eve", "kim"), newSlice("developers-2")
		modify(ctx, developers, func(g *group) { g.Spec.Sliced = true })
		Expect(admin.Create(ctx, first)).To(Succeed())
		Expect(admin.Create(ctx, second)).To(Succeed())
		probe := assign(ctx, named("probe")) // whose bindings show that the cache has the slices
		expectSubjects(ctx, probe, namespace, "ada", "bob", "eve", "kim")
		lists.pause()
		modify(ctx, second, func(s *slice) { s.Spec.Members = membersOf("kim") })
		modify(ctx, first, func(s *slice) { s.Spec.Members = []v1alpha1.Member{} })
		a := assignAndCorrect(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob", "kim")
		Expect(readsOf("cloudssomembershipslices/developers-1")).NotTo(BeEmpty())
		Expect(readsOf("cloudssomembershipslices/developers-2")).To(BeEmpty(), "the cache shows none of the users in it")
	})

	It("gives nothing back to a user who left the group and was revoked by another replica", func(ctx SpecContext) {
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
		groups.pause()
		setMembers(ctx, developers, "bob")
		reads := func() int { return len(readsOf("cloudssogroups/developers")) }
		before := reads()
		modify(ctx, &bindingsIn(ctx, a, namespace)[0], func(b *rbacv1.RoleBinding) { b.Subjects = b.Subjects[1:] })
		Eventually(reads).Should(BeNumerically(">", before+1), "it is looked at again")
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"bob"}))
		setMembers(ctx, developers, "ada", "bob")
		expectSubjects(ctx, a, namespace, "ada", "bob")
	})

	It("takes a user out again who lost access before it was granted to many", func(ctx SpecContext) {
		names := numbered(500)
		last := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "zed"}} // on the second page of a list
		createUsers(ctx, names...)
		createUsers(ctx, last.Name) // after the others, so that an index that shows this one shows all
		all := createGroup(ctx, "all", scim, append(names, last.Name)...)
		expectSeen(ctx, all, last)
		users.pause()
		modify(ctx, last, func(u *user) { u.Spec.Active = new(false) })
		before := len(traffic.all())
		a := assign(ctx, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "all"}))
		page := "GET /apis/cloudsso.dev/v1alpha1/namespaces/" + namespace + "/cloudssousers"
		Eventually(func() []string {
			return slices.DeleteFunc(traffic.all()[before:], func(line string) bool {
				return !strings.HasPrefix(line, http.MethodGet) || !strings.Contains(line, namespace+"/cloudssousers")
			})
		}).Should(Equal([]string{page, page}))
		created := slices.DeleteFunc(traffic.bindingWrites(), func(line string) bool { return !strings.HasSuffix(line, "/namespaces/"+namespace+"/rolebindings") })
		Expect(created).To(HaveLen(6), "the last user was never granted anything")
		expectSubjects(ctx, a, namespace, names...)
	})

	It("takes a user out again who loses access while it is granted", Serial, func(ctx SpecContext) {
		before := gate.countHeld()
		gate.shut()
		a := assign(ctx)
		Eventually(gate.countHeld).Should(BeNumerically(">", before))
		ada := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}}
		modify(ctx, ada, func(u *user) { u.Spec.Active = new(false) })
		Eventually(func() v1alpha1.UserState { reread(ctx, ada); return ada.Status.State }).Should(Equal(v1alpha1.UserDisabled))
		gate.unlock()
		expectSubjects(ctx, a, namespace, "bob")
		expectReady(ctx, a)
	})
})

var _ = Describe("an assignment to a user", func() {
	It("grants to a synchronized user by userName, and to a Manual one by name", func(ctx SpecContext) {
		createUser(ctx, "ada", "ada@example.com", scim)
		createUser(ctx, "zoe", "zoe@example.com", manual)
		a, b := assign(ctx, named("scim"), toUser("ADA@example.com")), assign(ctx, named("manual"), toUser("zoe@example.com"))
		expectSubjects(ctx, a, namespace, "ada@example.com")
		expectCondition(ctx, b, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalNotFound, "spec.principal.name")
		modify(ctx, b, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalUser, Name: "zoe"}))
		expectSubjects(ctx, b, namespace, "zoe@example.com")
	})

	It("lets a Manual user not stand in the way of a synchronized one", func(ctx SpecContext) {
		modify(ctx, directory(), func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.KubernetesUsername = &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromExternalID}
		})
		zoe := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "zoe"}, Spec: v1alpha1.CloudSSOUserSpec{Source: manual, UserName: "zoe", ExternalID: "e1"}}
		ada := &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}, Spec: v1alpha1.CloudSSOUserSpec{Source: scim, UserName: "ada", ExternalID: "e1"}}
		Expect(admin.Create(ctx, zoe)).To(Succeed())
		a := assign(ctx, named("manual"), toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalUser, Name: "zoe"}))
		expectSubjects(ctx, a, namespace, "e1")
		Expect(admin.Create(ctx, ada)).To(Succeed())
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameConflict, "zoe", "ada", "e1")
		b := assign(ctx, named("scim"), toUser("ada"))
		expectSubjects(ctx, b, namespace, "e1")
		modify(ctx, ada, func(u *user) { u.Spec.ExternalID = "e2" })
		expectSubjects(ctx, b, namespace, "e2")
		expectSubjects(ctx, a, namespace, "e1")
		Eventually(condition(ctx, a, v1alpha1.ConditionUsersSkipped)).Should(BeNil())
	})
})

var _ = Describe("a synchronized user", func() {
	It("loses access while another one gets the same Kubernetes user name", func(ctx SpecContext) {
		modify(ctx, directory(), func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.KubernetesUsername = &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromExternalID}
		})
		with := func(name, externalID string) *user {
			u := newUser(name, name, scim)
			u.Spec.ExternalID = externalID
			Expect(admin.Create(ctx, u)).To(Succeed())
			return u
		}
		with("ada", "e1")
		a, b := assign(ctx, toUser("ada")), assign(ctx, named("second"), toUser("bob"))
		expectSubjects(ctx, a, namespace, "e1")
		bob := with("bob", "e1")
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameConflict, "ada", "bob", "e1")
		expectCondition(ctx, b, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameConflict, "ada", "bob", "e1")
		Expect(bindingsIn(ctx, b, namespace)).To(BeEmpty())
		modify(ctx, bob, func(u *user) { u.Spec.ExternalID = "e2" })
		expectSubjects(ctx, a, namespace, "e1")
		expectSubjects(ctx, b, namespace, "e2")
	})
})

func directory() *v1alpha1.CloudSSODirectory {
	return &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
}

func turn(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	modify(ctx, directory(), func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = position })
}

var _ = Describe("the targets of an assignment", func() {
	BeforeEach(func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
	})

	It("are the namespaces that have the labels, as they come and go", func(ctx SpecContext) {
		team := namespace // is in no other spec
		first := newNamespace(ctx, "target-", map[string]string{"team": team})
		a := assign(ctx, labelled(team))
		expectSubjects(ctx, a, first, "ada")
		second := newNamespace(ctx, "target-", map[string]string{"team": team})
		expectSubjects(ctx, a, second, "ada")
		modify(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: first}}, func(n *corev1.Namespace) { n.Labels["team"] = "other" })
		expectSubjects(ctx, a, first)
		Expect(subjectsOf(ctx, a, second)()).To(Equal([]string{"ada"}))
		By("deleting a namespace, which no controller here finishes")
		Expect(admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: second}})).To(Succeed())
		before := len(traffic.bindingWrites())
		modify(ctx, &group{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "developers"}}, func(g *group) { g.Labels = map[string]string{"again": "yes"} })
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
		third := newNamespace(ctx, "target-", map[string]string{"team": team})
		expectSubjects(ctx, a, third, "ada")
		Expect(traffic.bindingWrites()[before:]).To(HaveLen(1))
		Expect(subjectsOf(ctx, a, second)()).To(Equal([]string{"ada"}), "what is in a namespace that ends is left to it")
	})

	It("keep what has ended while they are being deleted, until the assignment is deleted", func(ctx SpecContext) {
		going := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, going))
		expectSubjects(ctx, a, going, "ada")
		expectReady(ctx, a)
		By("deleting a namespace, which no controller here finishes")
		Expect(admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: going}})).To(Succeed())
		modify(ctx, a, func(a *assignment) { a.Spec.Mode = v1alpha1.AccessPreview })
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPreview)
		Expect(subjectsOf(ctx, a, going)()).To(Equal([]string{"ada"}))
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(isGone(ctx, a.DeepCopy())).Should(BeTrue())
		Expect(bindingsIn(ctx, a, going)).To(BeEmpty())
	})

	It("are granted as far as they exist and are not excluded", func(ctx SpecContext) {
		later := "later-" + namespace
		a := assign(ctx, inNamespaces(namespace, "kube-system", later))
		expectSubjects(ctx, a, namespace, "ada")
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetExcluded, "kube-system")
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionTrue, v1alpha1.ReasonEffective)
		Expect(bindingsIn(ctx, a, "kube-system")).To(BeEmpty())
		modify(ctx, a, inNamespaces(namespace, later))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound, later)
		Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: later}})).To(Succeed())
		expectSubjects(ctx, a, later, "ada")
		expectReady(ctx, a)
	})

	It("get a role once it is there, and lose it when it is deleted", func(ctx SpecContext) {
		a := assign(ctx, ofRole(v1alpha1.RoleKindRole, "deployer"))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRoleNotFound, "deployer", namespace)
		deployer := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deployer"}}
		Expect(admin.Create(ctx, deployer)).To(Succeed())
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		Expect(admin.Delete(ctx, deployer)).To(Succeed())
		expectSubjects(ctx, a, namespace)
	})

	It("get no role that the operator may not bind", func(ctx SpecContext) {
		a := assign(ctx, ofRole(v1alpha1.RoleKindClusterRole, "admin"))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRoleNotAllowed, `ClusterRole "admin"`, "cloudsso-operator-access")
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		By("leaving nothing for which the operator asks again while another spec counts its requests")
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(isGone(ctx, a)).Should(BeTrue())
	})

	It("get a role that the operator may bind later", func(ctx SpecContext) {
		auditor := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "auditor-" + namespace}}
		Expect(admin.Create(ctx, auditor)).To(Succeed())
		a := assign(ctx, ofRole(v1alpha1.RoleKindClusterRole, auditor.Name))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRoleNotAllowed)
		allow(ctx, "clusterroles", auditor.Name)
		Eventually(func() []string {
			clock.Advance(11 * time.Second)
			modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = !a.Spec.IncludeManual })
			return subjectsOf(ctx, a, namespace)()
		}).WithPolling(100 * time.Millisecond).Should(Equal([]string{"ada"}))
		expectReady(ctx, a)
	})
})

var _ = Describe("what stands in the way of an assignment", func() {
	It("is a principal that is not there, until it comes", func(ctx SpecContext) {
		a := assign(ctx)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalNotFound, `CloudSSOGroup displayName "developers"`)
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
	})

	It("is a principal of which the index is told while it is looked for", func(ctx SpecContext) {
		a := assign(ctx)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalNotFound)
		createUsers(ctx, "ada")
		late.delay("developers")
		createGroup(ctx, "developers", scim, "ada")
		expectSubjects(ctx, a, namespace, "ada")
		b := assign(ctx, named("second"))
		expectSubjects(ctx, b, namespace, "ada")
	})

	It("is a principal of which the index is told after an assignment that is created later", func(ctx SpecContext) {
		late.delay("developers")
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
	})

	It("is no index that is behind, for what takes access away", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		former := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, former))
		expectSubjects(ctx, a, former, "ada")
		expectReady(ctx, a)
		other := createGroup(ctx, "other", scim)
		Eventually(func() []metav1.Condition { reread(ctx, other); return other.Status.Conditions }).ShouldNot(BeEmpty())
		expectSeen(ctx, other)
		late.hold("other")
		modify(ctx, a, inNamespaces(namespace))
		Eventually(func() int { return len(late.writesAtLooks()) }).Should(BeNumerically(">", 2))
		Expect(late.writesAtLooks()[2]).To(ContainElement(And(HavePrefix("DELETE "), ContainSubstring("/namespaces/"+former+"/"))))
		expectSubjects(ctx, a, former)
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"ada"}))
		By("going on after a second, and looking at the index less often")
		expectReady(ctx, a)
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"ada"}))
	})

	It("is no index that is behind, for what was granted by a pass that failed", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		kept, added := newNamespace(ctx, "target-", nil), newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(kept))
		expectSubjects(ctx, a, kept, "ada")
		expectReady(ctx, a)
		allowed := refuseBindings(ctx)
		modify(ctx, a, inNamespaces(kept, namespace, added))
		expectSubjects(ctx, a, added, "ada")
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWriteRefused)
		other := createGroup(ctx, "other", scim)
		Eventually(func() []metav1.Condition { reread(ctx, other); return other.Status.Conditions }).ShouldNot(BeEmpty())
		expectSeen(ctx, other)
		late.hold("other")
		modify(ctx, a, inNamespaces(kept))
		Eventually(func() int { return len(late.writesAtLooks()) }).Should(BeNumerically(">", 2))
		Expect(late.writesAtLooks()[2]).To(ContainElement(And(HavePrefix("DELETE "), ContainSubstring("/namespaces/"+added+"/"))))
		allowed()
		expectReady(ctx, a)
	})

	It("is no index that is behind, for a subject that does not belong there", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createUser(ctx, "zoe", "zoe", manual)
		createGroup(ctx, "developers", scim, "ada", "zoe")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		other := createGroup(ctx, "other", scim)
		Eventually(func() []metav1.Condition { reread(ctx, other); return other.Status.Conditions }).ShouldNot(BeEmpty())
		expectSeen(ctx, other)
		late.hold("other")
		before := len(traffic.bindingWrites())
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true }) // which grants to zoe once it has waited for the newest group
		Eventually(func() int { return len(late.writesAtLooks()) }).Should(BeNumerically(">", 2))
		modify(ctx, &bindingsIn(ctx, a, namespace)[0], func(b *rbacv1.RoleBinding) {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"})
		})
		expectSubjects(ctx, a, namespace, "ada", "zoe")
		Expect(traffic.bindingWrites()[before:]).To(HaveLen(2), "one takes eve out, and a later one adds zoe")
	})

	It("is no user who cannot be read, for what takes access away", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		createGroup(ctx, "developers", scim, "ada", "bob")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
		userReads.set()
		modify(ctx, &bindingsIn(ctx, a, namespace)[0], func(b *rbacv1.RoleBinding) { b.Subjects[0].Name = "eve" })
		expectSubjects(ctx, a, namespace, "bob")
		userReads.unset()
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
	})

	It("is no claim that cannot be read, for what takes access away", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		developers := createGroup(ctx, "developers", scim, "ada", "bob")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
		Eventually(func() []metav1.Condition { reread(ctx, developers); return developers.Status.Conditions }).ShouldNot(BeEmpty())
		claimReads.set()
		other := createGroup(ctx, "other", scim)
		modify(ctx, other, func(g *group) { g.Spec.DisplayName = "developers" })
		Eventually(claimReads.refused.Load).Should(BeNumerically(">", 0))
		expectSeen(ctx, other)
		modify(ctx, &bindingsIn(ctx, a, namespace)[0], func(b *rbacv1.RoleBinding) { b.Subjects[0].Name = "eve" })
		expectSubjects(ctx, a, namespace, "bob")
		claimReads.unset()
		expectSubjects(ctx, a, namespace, "ada", "bob")
	})

	It("is, while it takes access away, tried again every second", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		former := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, former))
		expectSubjects(ctx, a, former, "ada")
		expectReady(ctx, a)
		deletions.set()
		before := deletions.refused.Load()
		modify(ctx, a, inNamespaces(namespace))
		// With a back-off that goes on doubling, the tenth attempt would come after 25 seconds.
		Eventually(deletions.refused.Load).Should(BeNumerically(">=", before+10))
		deletions.unset()
		expectSubjects(ctx, a, former)
		expectReady(ctx, a)
	})

	It("is a Manual group that does not hold its name any more, whatever the index shows", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "taken", scim)
		crew := createGroup(ctx, "crew", manual, "ada")
		a := assign(ctx, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: "crew"}))
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		other := createGroup(ctx, "other", scim)
		Eventually(func() []metav1.Condition { reread(ctx, other); return other.Status.Conditions }).ShouldNot(BeEmpty())
		expectSeen(ctx, other)
		late.hold("other")
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true }) // so that it waits for the newest group
		Eventually(func() int { return len(late.writesAtLooks()) }).Should(BeNumerically(">", 2))
		modify(ctx, crew, func(g *group) { g.Spec.DisplayName = "taken" })
		expectSubjects(ctx, a, namespace)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalAmbiguous, "crew")
	})

	It("is a displayName that the group does not hold, also for an assignment to that very group", func(ctx SpecContext) {
		createUsers(ctx, "ada", "eve")
		holder := createGroup(ctx, "developers", scim, "ada")
		Eventually(func() []metav1.Condition { reread(ctx, holder); return holder.Status.Conditions }).ShouldNot(BeEmpty())
		other := createGroup(ctx, "other", scim, "eve")
		modify(ctx, other, func(g *group) { g.Spec.DisplayName = "developers" })
		Eventually(func() *metav1.Condition {
			reread(ctx, other)
			return meta.FindStatusCondition(other.Status.Conditions, v1alpha1.ConditionReady)
		}).Should(HaveValue(HaveField("Reason", v1alpha1.ReasonDisplayNameConflict)))
		a := assign(ctx, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: "other"}))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalAmbiguous, "other", "does not hold its displayName")
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		modify(ctx, other, func(g *group) { g.Spec.DisplayName = "other" })
		expectSubjects(ctx, a, namespace, "eve")
		expectReady(ctx, a)
	})

	DescribeTable("is a group of source Manual that has come in the place of a synchronized one", func(ctx SpecContext, named v1alpha1.AccessPrincipal, reason string) {
		named.Kind = v1alpha1.PrincipalGroup
		createUsers(ctx, "ada", "eve")
		developers := createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx, toPrincipal(named))
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		_, err := resources.In(namespace).Delete(ctx, schema.Group, developers.Name, nil)
		Expect(err).NotTo(HaveOccurred())
		Eventually(isGone(ctx, developers)).Should(BeTrue())
		usurper := createGroup(ctx, developers.Name, manual, "eve")
		Eventually(func() string { reread(ctx, usurper); return usurper.Status.ClaimedName }).Should(Equal("developers"))
		expectSeen(ctx, usurper)
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true })
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
		Expect(bindingsIn(ctx, a, namespace)).To(BeEmpty())
		By("naming it in a new assignment")
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(isGone(ctx, a)).Should(BeTrue())
		b := assign(ctx, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: usurper.Name}))
		expectSubjects(ctx, b, namespace, "eve")
	},
		Entry("named by displayName", v1alpha1.AccessPrincipal{DisplayName: "developers"}, v1alpha1.ReasonPrincipalNotFound),
		Entry("named by metadata.name", v1alpha1.AccessPrincipal{Name: "developers"}, v1alpha1.ReasonPrincipalChanged),
	)

	It("is an externalId that several groups have", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		first, second := createGroup(ctx, "first", scim, "ada"), createGroup(ctx, "second", scim, "bob")
		identified := func(g *group) { g.Spec.ExternalID = "e1" }
		modify(ctx, first, identified)
		modify(ctx, second, identified)
		expectSeen(ctx, first, second) // otherwise the one that is seen first stays the principal
		a := assign(ctx, toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, ExternalID: "e1"}))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPrincipalAmbiguous, "first, second")
		modify(ctx, second, func(g *group) { g.Spec.ExternalID = "e2" })
		expectSubjects(ctx, a, namespace, "ada")
	})

	It("is a user name that maps to nothing, for that user alone", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createUser(ctx, "root", "system:admin", scim)
		createGroup(ctx, "developers", scim, "ada", "root")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		expectCondition(ctx, a, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameInvalid, "CloudSSOUser root", `"system:"`)
		modify(ctx, &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "root"}}, func(u *user) { u.Spec.UserName = "root" })
		expectSubjects(ctx, a, namespace, "ada", "root")
		Eventually(condition(ctx, a, v1alpha1.ConditionUsersSkipped)).Should(BeNil())
	})

	It("is the policy of assignments, if it is missing: nothing is added, and revoking goes on", Serial, func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob", "eve")
		developers := createGroup(ctx, "developers", scim, "ada", "bob")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		binding := policyBinding()
		reread(ctx, binding)
		Expect(admin.Delete(ctx, binding)).To(Succeed())
		binding.ResourceVersion, binding.UID = "", ""
		restore := func(ctx SpecContext) {
			Expect(client.IgnoreAlreadyExists(admin.Create(ctx, binding.DeepCopy()))).To(Succeed())
		}
		DeferCleanup(restore) // if the spec fails, for those that follow
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing, policyName)
		setMembers(ctx, developers, "bob", "eve")
		expectSubjects(ctx, a, namespace, "bob")
		expectSeen(ctx, developers)
		modify(ctx, a, func(a *assignment) { a.Spec.IncludeManual = true })
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing)
		Expect(subjectsOf(ctx, a, namespace)()).To(Equal([]string{"bob"}), "eve is granted nothing by a pass that has seen the new member")
		restore(ctx)
		expectSubjects(ctx, a, namespace, "bob", "eve")
		expectReady(ctx, a)
	})

	It("is an API server that refuses its bindings", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		allowed := refuseBindings(ctx)
		a := assign(ctx)
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWriteRefused, "no bindings here")
		allowed()
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
	})
})

// assignAndCorrect creates an assignment whose first write grants, and whose second one takes away again.
func assignAndCorrect(ctx context.Context) *assignment {
	GinkgoHelper()
	before := len(traffic.bindingWrites())
	a := assign(ctx)
	Eventually(func() int { return len(traffic.bindingWrites()) - before }).Should(Equal(2))
	return a
}
