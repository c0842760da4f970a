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
	"golang.org/x/sync/errgroup"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

type (
	assignment = v1alpha1.CloudSSOAccessAssignment
	user       = v1alpha1.CloudSSOUser
	group      = v1alpha1.CloudSSOGroup
	slice      = v1alpha1.CloudSSOMembershipSlice
)

const (
	scim   = v1alpha1.SourceSCIM
	manual = v1alpha1.SourceManual
)

// createUsers creates synchronized users, each of whose userName is its name.
func createUsers(ctx context.Context, names ...string) {
	GinkgoHelper()
	var all errgroup.Group
	all.SetLimit(16)
	for _, name := range names {
		all.Go(func() error { return admin.Create(ctx, newUser(name, name, scim)) })
	}
	Expect(all.Wait()).To(Succeed())
}

func createUser(ctx context.Context, name, userName string, source v1alpha1.Source) *user {
	GinkgoHelper()
	u := newUser(name, userName, source)
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

func newUser(name, userName string, source v1alpha1.Source) *user {
	return &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.CloudSSOUserSpec{Source: source, UserName: userName}}
}

// createGroup creates a group whose displayName is its name.
func createGroup(ctx context.Context, name string, source v1alpha1.Source, members ...string) *group {
	GinkgoHelper()
	g := &group{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: name, Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

// newSlice returns a slice of the synchronized group "developers".
func newSlice(name string, members ...string) *slice {
	return &slice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Group: "developers", Source: scim, Members: membersOf(members...)},
	}
}

// readsOf returns the operator's reads of one object of the spec's namespace.
func readsOf(object string) []string {
	return slices.DeleteFunc(traffic.all(), func(line string) bool {
		return !strings.HasPrefix(line, http.MethodGet) || !strings.HasSuffix(line, namespace+"/"+object)
	})
}

func membersOf(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

func setMembers(ctx context.Context, g *group, names ...string) {
	GinkgoHelper()
	modify(ctx, g, func(g *group) { g.Spec.Members = membersOf(names...) })
}

// modify changes an object as a person does.
func modify[T client.Object](ctx context.Context, o T, change func(T)) {
	GinkgoHelper()
	reread(ctx, o)
	before, ok := o.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	change(o)
	Expect(admin.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
}

func reread(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
}

// expectSeen waits until the operator's index shows users and groups as they are now, but for what its controllers write later.
func expectSeen(ctx context.Context, all ...client.Object) {
	GinkgoHelper()
	for _, o := range all {
		reread(ctx, o)
		Eventually(func() bool { return resources.HasSeen(o) }).Should(BeTrue(), o.GetName())
	}
}

func isGone(ctx context.Context, o client.Object) func() bool {
	return func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
}

// assign creates an assignment of role to the group "developers" in the namespace of the directory, changed.
func assign(ctx context.Context, changes ...func(*assignment)) *assignment {
	GinkgoHelper()
	a := &assignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one"},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "developers"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: role},
			Target:    v1alpha1.AccessTarget{Namespaces: []string{namespace}},
		},
	}
	for _, change := range changes {
		change(a)
	}
	Expect(admin.Create(ctx, a)).To(Succeed())
	return a
}

func named(name string) func(*assignment) { return func(a *assignment) { a.Name = name } }

func toPrincipal(principal v1alpha1.AccessPrincipal) func(*assignment) {
	return func(a *assignment) { a.Spec.Principal = principal }
}

func toUser(userName string) func(*assignment) {
	return toPrincipal(v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalUser, UserName: userName})
}

func inNamespaces(names ...string) func(*assignment) {
	return func(a *assignment) { a.Spec.Target.Namespaces = names }
}

func inCluster(a *assignment) { a.Spec.Target = v1alpha1.AccessTarget{Cluster: new(true)} }

func labelled(label string) func(*assignment) {
	return func(a *assignment) {
		a.Spec.Target = v1alpha1.AccessTarget{NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": v1alpha1.LabelValue(label)}}}
	}
}

func ofRole(kind v1alpha1.RoleKind, name string) func(*assignment) {
	return func(a *assignment) { a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: kind, Name: name} }
}

func beginning(at time.Time) func(*assignment) {
	return func(a *assignment) { a.Spec.NotBefore = &metav1.Time{Time: at} }
}

func ending(at time.Time) func(*assignment) {
	return func(a *assignment) { a.Spec.ExpiresAt = &metav1.Time{Time: at} }
}

// bindingsIn returns the bindings of an assignment in a namespace, or in the cluster, by number.
func bindingsIn(ctx context.Context, a *assignment, target string) []rbacv1.RoleBinding {
	GinkgoHelper()
	labels := client.MatchingLabels{v1alpha1.LabelDirectory: a.Namespace, v1alpha1.LabelAssignment: a.Name}
	var found rbacv1.RoleBindingList
	if target != "" {
		Expect(admin.List(ctx, &found, client.InNamespace(target), labels)).To(Succeed())
		return found.Items
	}
	var all rbacv1.ClusterRoleBindingList
	Expect(admin.List(ctx, &all, labels)).To(Succeed())
	for _, b := range all.Items {
		found.Items = append(found.Items, rbacv1.RoleBinding{ObjectMeta: b.ObjectMeta, RoleRef: b.RoleRef, Subjects: b.Subjects})
	}
	return found.Items
}

// subjectsOf returns a function that returns the sorted names of who has the role of an assignment in a target; of another
// role, or of another kind, the name says so.
func subjectsOf(ctx context.Context, a *assignment, target string) func() []string {
	return func() []string {
		names := []string{}
		for _, b := range bindingsIn(ctx, a, target) {
			for _, s := range b.Subjects {
				name := s.Name
				if b.RoleRef.Name != a.Spec.RoleRef.Name {
					name = b.RoleRef.Name + ":" + name
				}
				if s.Kind != rbacv1.UserKind {
					name = s.Kind + ":" + name
				}
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
}

func expectSubjects(ctx context.Context, a *assignment, target string, names ...string) {
	GinkgoHelper()
	if names == nil {
		names = []string{}
	}
	slices.Sort(names)
	Eventually(subjectsOf(ctx, a, target)).Should(Equal(names))
}

// condition returns a function that reads an assignment and returns a condition of its present generation; nil if there is
// none.
func condition(ctx context.Context, a *assignment, conditionType string) func() *metav1.Condition {
	return func() *metav1.Condition {
		reread(ctx, a)
		c := meta.FindStatusCondition(a.Status.Conditions, conditionType)
		if c == nil || c.ObservedGeneration != a.Generation {
			return nil
		}
		return c
	}
}

func expectCondition(ctx context.Context, a *assignment, conditionType string, status metav1.ConditionStatus, reason string, says ...string) {
	GinkgoHelper()
	wanted := []OmegaMatcher{Not(BeNil()), HaveField("Status", status), HaveField("Reason", reason)}
	for _, part := range says {
		wanted = append(wanted, HaveField("Message", ContainSubstring(part)))
	}
	Eventually(condition(ctx, a, conditionType)).Should(And(wanted...))
}

func expectReady(ctx context.Context, a *assignment) {
	GinkgoHelper()
	expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// notes returns a function that returns the Events of a reason on an assignment, as text.
func notes(ctx context.Context, a *assignment, reason string) func() string {
	return func() string {
		var all eventsv1.EventList
		Expect(admin.List(ctx, &all, client.InNamespace(a.Namespace))).To(Succeed())
		var found []string
		for _, e := range all.Items {
			if e.Regarding.Name == a.Name && e.Reason == reason {
				found = append(found, e.Note)
			}
		}
		return strings.Join(found, "\n")
	}
}

func numbered(count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprintf("user%03d", i))
	}
	return names
}
