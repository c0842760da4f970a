package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func assignment(d *directory) types.NamespacedName {
	return types.NamespacedName{Namespace: d.namespace, Name: "pods"}
}

func TestDeactivatedUserLosesAccessWithoutALeader(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	shared, alone := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "bob", "alice"), d.bindInCluster(0, v1alpha1.PrincipalUser, alice, "alice")
	r.shown(shared, alone)

	d.set(r, alice, schema.Active, false)
	acknowledged := time.Now()
	shared.has("bob")
	alone.has()
	if took := time.Since(acknowledged); took > promise {
		t.Errorf("access was gone after %s", took)
	}
	eventually(t, patience, "one revocation is measured, and none is pending", func() bool {
		revocations, pending := r.measured(t)
		return revocations == 1 && pending == 0
	})
}

// A provider repeats a request whose answer has not come. The API server may have stored the first one.
func TestWhatIsAcknowledgedAtTheSecondAttemptIsRevoked(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob, carol := d.user(r, "alice"), d.user(r, "bob"), d.user(r, "carol")
	group := d.group(r, alice, bob, carol)
	b := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob", "carol")
	r.shown(b)
	direct, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: alice}}
	if err := direct.Patch(t.Context(), u, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"active":false}}`))); err != nil {
		t.Fatal(err)
	}
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: group}}
	members := fmt.Appendf(nil, `{"spec":{"members":[{"name":%q},{"name":%q}]}}`, alice, carol)
	if err := direct.Patch(t.Context(), g, client.RawPatch(types.MergePatchType, members)); err != nil {
		t.Fatal(err)
	}
	d.set(r, alice, schema.Active, false)
	b.has("bob", "carol")
	d.members(r, group, scim.RemoveMembers, bob)
	b.has("carol")
}

func TestDeprovisionedUserLosesAccess(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	b := d.bind(0, v1alpha1.PrincipalGroup, d.group(r, alice, bob), allowed, "alice", "bob")
	r.shown(b)
	if _, err := r.In(d.namespace).Delete(t.Context(), schema.User, alice, nil); err != nil {
		t.Fatal(err)
	}
	b.has("bob")
}

func TestSubjectsThatAreNoUsersStay(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice := d.user(r, "alice")
	b := d.bind(0, v1alpha1.PrincipalUser, alice, allowed, "alice")
	o := &rbacv1.RoleBinding{}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(b.object), o); err != nil {
		t.Fatal(err)
	}
	o.Subjects = append(o.Subjects, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "alice"})
	if err := admin.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b.object = o
	r.shown(b)
	d.set(r, alice, schema.Active, false)
	b.has([]string{}...)
	if o.Subjects[0].Kind != rbacv1.GroupKind {
		t.Errorf("the subjects are %v", o.Subjects)
	}
}

// The leader goes by what its informers show, and may grant what another replica has just revoked.
func TestSubjectThatIsGrantedAgainIsTakenOutAgain(t *testing.T) {
	leader, r, d := newReplica(t), newReplica(t), newDirectory(t)
	alice, bob, carol := d.user(r, "alice"), d.user(r, "bob"), d.user(r, "carol")
	group := d.group(r, alice, bob, carol)
	first, second := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob", "carol"), d.bind(1, v1alpha1.PrincipalGroup, group, allowed, "bob")
	r.shown(first, second)
	leader.shown(first, second)

	d.set(r, alice, schema.Active, false)
	first.has("bob", "carol")
	first.set("alice", "bob", "carol")
	first.has("bob", "carol")
	second.set("bob", "alice")
	second.has("bob")

	d.set(r, alice, schema.Active, true)
	first.set("alice", "bob", "carol")
	r.shown(first)
	d.set(r, carol, schema.Active, false)
	first.has("alice", "bob") // the same reconcile would take alice out
}

func TestBusyBindingLosesItsSubject(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	shared, alone := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "bob", "alice"), d.bind(1, v1alpha1.PrincipalGroup, group, allowed, "alice")
	r.shown(shared, alone)
	names := []string{shared.object.GetName(), alone.object.GetName()}
	writing := make(chan struct{}, 1)
	start(t, func(ctx context.Context) error {
		for i := 0; ctx.Err() == nil; i++ {
			for _, name := range names {
				o := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: d.target, Name: name}}
				patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"written":"%d"}}}`, i)
				err := admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
				if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
					return err
				}
			}
			select {
			case writing <- struct{}{}:
			default:
			}
		}
		return nil
	})
	<-writing
	d.set(r, alice, schema.Active, false)
	shared.has("bob")
	eventually(t, patience, "alice is gone from the other binding", func() bool { return len(alone.names()) == 0 })
}

func TestBindingThatTheOperatorMayNotChangeIsDeleted(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	b := d.bind(0, v1alpha1.PrincipalGroup, d.group(r, alice, bob), forbidden, "alice", "bob")
	r.shown(b)
	d.set(r, alice, schema.Active, false)
	b.has()
}

// The authorizer of RBAC does not look at whether a binding is being deleted.
func TestBindingThatAFinalizerKeepsGrantsNothing(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice := d.user(r, "alice")
	revoked, written := d.bind(0, v1alpha1.PrincipalUser, alice, allowed, "alice"), d.bindInCluster(0, v1alpha1.PrincipalUser, alice, "alice")
	for _, b := range []*binding{revoked, written} {
		b.finalizers("example.com/kept")
		t.Cleanup(func() { b.names(); b.finalizers() })
	}
	r.shown(revoked, written)
	d.write(r, d.wanted(r, ""))
	if names := written.names(); names == nil || len(names) > 0 {
		t.Errorf("the binding that was written has %q", names)
	}
	d.set(r, alice, schema.Active, false)
	eventually(t, patience, "the binding in the target has no subject", func() bool { return len(revoked.names()) == 0 })
}

func TestRemovedMemberLosesAccess(t *testing.T) {
	for name, change := range map[string]func(d *directory, r *replica, group, alice, bob string){
		"PATCH": func(d *directory, r *replica, group, alice, _ string) {
			d.members(r, group, scim.RemoveMembers, alice)
		},
		"PUT": func(d *directory, r *replica, group, _, bob string) {
			d.members(r, group, scim.ReplaceMembers, bob)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, d := newReplica(t), newDirectory(t)
			alice, bob := d.user(r, "alice"), d.user(r, "bob")
			group := d.group(r, alice, bob)
			member, direct := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob"), d.bind(1, v1alpha1.PrincipalUser, alice, allowed, "alice")
			r.shown(member, direct)
			change(d, r, group, alice, bob)
			member.has("bob")
			direct.has("alice")
		})
	}
}

func TestMemberRemovedFromASliceLosesAccess(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	var users, names []string
	for i := range v1alpha1.SliceSize + 20 {
		names = append(names, fmt.Sprintf("member-%d", i))
		users = append(users, d.user(r, names[i]))
	}
	group := d.group(r, users...)
	first, last := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, names[:100]...), d.bind(1, v1alpha1.PrincipalGroup, group, allowed, names[220:]...)
	r.shown(first, last)
	d.members(r, group, scim.RemoveMembers, users[0], users[len(users)-1])
	first.has(names[1:100]...)
	last.has(names[220 : len(users)-1]...)

	d.members(r, group, scim.ReplaceMembers, users[1:51]...)
	first.has(names[1:51]...)
	last.has()
}

func TestDeletedGroupGrantsNothing(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	member, direct := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob"), d.bindInCluster(0, v1alpha1.PrincipalUser, alice, "alice")
	r.shown(member, direct)
	if _, err := r.In(d.namespace).Delete(t.Context(), schema.Group, group, nil); err != nil {
		t.Fatal(err)
	}
	member.has()
	direct.has("alice")
	member.object.SetResourceVersion("")
	d.createAs(leader, member.object)
	member.has()
}

func TestFormerKubernetesUserNameLosesAccess(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "Alice"), d.user(r, "bob")
	b := d.bind(0, v1alpha1.PrincipalGroup, d.group(r, alice, bob), allowed, "Alice", "alice", "bob")
	r.shown(b)
	d.set(r, alice, schema.UserName, "alice")
	b.has("alice", "bob") // the same userName, but not for Kubernetes
	d.set(r, alice, schema.UserName, "alicia")
	b.has("bob")
}

func TestFormerEmailLosesAccess(t *testing.T) {
	r := newReplica(t)
	d := newDirectory(t, func(d *v1alpha1.CloudSSODirectory) {
		d.Spec.KubernetesUsername = &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromEmail, Prefix: "oidc:", Lowercase: true}
	})
	alice := d.user(r, "alice")
	d.set(r, alice, schema.User.Attribute("emails"), emails("Alice@Example.com"))
	b := d.bind(0, v1alpha1.PrincipalUser, alice, allowed, "oidc:alice@example.com", "oidc:alicia@example.com")
	r.shown(b)
	d.set(r, alice, schema.User.Attribute("emails"), emails("alicia@example.com"))
	b.has("oidc:alicia@example.com")
}

// Another user can have the Kubernetes user name by the time that a revocation is carried out.
func TestSubjectThatMeansAnotherEffectiveUserStays(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	b := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob")
	r.shown(b)
	if _, err := r.In(d.namespace).Delete(t.Context(), schema.User, alice, nil); err != nil {
		t.Fatal(err)
	}
	b.has("bob")
	d.members(r, group, scim.AddMembers, d.user(r, "alice"))
	b.set("alice", "bob")
	r.shown(b)
	d.set(r, bob, schema.Active, false)
	b.has("alice")
}

// Of two live users of one userName the claim says which of them holds it.
func TestUserWithoutTheClaimIsNotEffective(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice := d.user(r, "alice")
	manual := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: "ALICE"}}
	manual.Namespace, manual.Name = d.namespace, "by-hand"
	d.create(manual)
	manual.Status.ClaimedName = "ALICE"
	if err := admin.Status().Update(t.Context(), manual); err != nil {
		t.Fatal(err)
	}
	effective := func(r *replica) (names []string) { return r.Usernames(d.namespace).Names() }
	late := newReplica(t)
	for _, r := range []*replica{r, late} {
		eventually(t, patience, "alice alone is effective", func() bool {
			names := effective(r)
			return len(names) == 1 && names[0] == "alice"
		})
	}
	if _, err := r.In(d.namespace).Delete(t.Context(), schema.User, alice, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*replica{r, late} {
		eventually(t, patience, "the Manual user has the name", func() bool {
			names := effective(r)
			return len(names) == 1 && names[0] == "ALICE"
		})
	}
}

func TestRevocationIsAwaited(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	b := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob")
	r.shown(b)
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: alice}}
	if err := admin.Patch(t.Context(), u, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspended":true}}`))); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the suspension is known", func() bool {
		name, _ := r.Usernames(d.namespace).Of(alice)
		return name == ""
	})
	if err := r.AwaitRevoked(t.Context(), v1alpha1.PrincipalUser, d.namespace, alice); err != nil {
		t.Fatal(err)
	}
	if names := b.names(); len(names) != 1 {
		t.Errorf("the subjects are %v", names)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.AwaitRevoked(ended, v1alpha1.PrincipalGroup, d.namespace, group); err != nil {
		t.Errorf("bob belongs there: %v", err)
	}
}

// The controller of users waits for this before it removes the finalizer of a user whose directory was deleted before.
func TestRevocationIsAwaitedWithoutADirectory(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice := d.user(r, "alice")
	direct, member := d.bind(0, v1alpha1.PrincipalUser, alice, allowed, "alice"), d.bind(1, v1alpha1.PrincipalGroup, d.group(r, alice), allowed, "alice")
	r.shown(direct, member)
	declared := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: v1alpha1.DirectoryName}}
	disabled := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"scimSynchronization":"Disabled"}}`))
	if err := errors.Join(admin.Patch(t.Context(), declared, disabled), admin.Delete(t.Context(), declared)); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the directory is gone", func() bool { return len(r.Usernames(d.namespace).Names()) == 0 })
	awaited := make(chan error, 1)
	start(t, func(ctx context.Context) error {
		awaited <- r.AwaitRevoked(ctx, v1alpha1.PrincipalUser, d.namespace, alice)
		return nil
	})
	direct.has()
	select {
	case err := <-awaited:
		t.Fatalf("a binding through a group is left, and the wait ended: %v", err)
	default:
	}
	if err := admin.Delete(t.Context(), member.object); err != nil { // as the leader does
		t.Fatal(err)
	}
	if err := <-awaited; err != nil {
		t.Error(err)
	}
}

func TestReplicaThatStopsCarriesOutWhatItHasAcknowledged(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice := d.user(r, "alice")
	var all []*binding
	for i := range 40 {
		all = append(all, d.bind(i, v1alpha1.PrincipalUser, alice, allowed, "alice"))
	}
	r.shown(all...)
	d.set(r, alice, schema.Active, false)
	r.stop()
	for _, b := range all {
		if names := b.names(); len(names) > 0 {
			t.Errorf("%s has the subjects %v", b.object.GetName(), names)
		}
	}
}

func TestTerminatingNamespaceHoldsNothingUp(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	alice, bob := d.user(r, "alice"), d.user(r, "bob")
	group := d.group(r, alice, bob)
	ending, going := d.bind(0, v1alpha1.PrincipalGroup, group, allowed, "alice", "bob"), d.bindInCluster(0, v1alpha1.PrincipalGroup, group, "alice", "bob")
	r.shown(ending, going)
	// No namespace controller runs, so the namespace stays in this phase.
	if err := admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: d.target}}); err != nil {
		t.Fatal(err)
	}
	d.set(r, alice, schema.Active, false)
	ending.has("bob")
	going.has("bob")
}
