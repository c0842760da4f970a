package bindings_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
)

// wanted returns a binding of the directory that is planned from what the replica's index shows.
func (d *directory) wanted(r *replica, target string, names ...string) bindings.Binding {
	return bindings.Binding{
		Origin: d.origin(v1alpha1.PrincipalGroup, "developers"), Target: target, RoleRef: clusterRole(allowed), Subjects: names,
		ResourceVersion: r.View(assignment(d), target).ResourceVersion(0),
	}
}

func (d *directory) write(r *replica, want bindings.Binding) {
	d.Helper()
	if err := r.Write(d.Context(), want); err != nil {
		d.Fatal(err)
	}
}

// stored returns the binding of a target that the replicas write.
func (d *directory) stored(target string) *binding {
	name := access.BindingName(d.namespace, "pods", 0)
	if target == "" {
		o := &rbacv1.ClusterRoleBinding{}
		o.Name = name
		return &binding{d, o}
	}
	o := &rbacv1.RoleBinding{}
	o.Namespace, o.Name = target, name
	return &binding{d, o}
}

func TestBindingsAreCreatedChangedAndDeleted(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	for _, target := range []string{d.target, ""} {
		stored := d.stored(target)
		d.write(r, d.wanted(r, target, "alice"))
		stored.has("alice")
		if got := access.OriginOf(stored.object); got != d.origin(v1alpha1.PrincipalGroup, "developers") {
			t.Errorf("the origin is %+v", got)
		}
		view := r.View(assignment(d), target)
		if numbers, holding := view.Numbers(), view.Holding("alice"); !slices.Equal(numbers, []int{0}) || !slices.Equal(holding, []int{0}) {
			t.Errorf("after the write the index shows %v, %v", numbers, holding)
		}
		d.write(r, d.wanted(r, target, "alice", "bob"))
		stored.has("alice", "bob")
		d.write(r, d.wanted(r, target))
		stored.has()
		if numbers := r.View(assignment(d), target).Numbers(); len(numbers) > 0 {
			t.Errorf("after the deletion the index shows %v", numbers)
		}
	}
	d.write(r, d.wanted(r, d.target)) // there is nothing to delete
	want := d.wanted(r, "no-such-namespace", "alice")
	if err := r.Write(t.Context(), want); !apierrors.IsNotFound(err) {
		t.Errorf("in a namespace that does not exist: %v", err)
	}
}

func TestAssignmentsOfBindingsAreKnown(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	d.write(r, d.wanted(r, d.target, "alice"))
	d.write(r, d.wanted(r, "", "alice"))
	if targets := r.Targets(assignment(d)); !slices.Equal(targets, []string{"", d.target}) {
		t.Errorf("the targets are %q", targets)
	}
	if all := r.Assignments(); !slices.Contains(all, assignment(d)) {
		t.Errorf("the assignments are %v", all)
	}
}

// A plan that does not know of a revocation must not bring the subject back.
func TestWriteThatWasPlannedFromAnOlderBindingConflicts(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	d.write(r, d.wanted(r, d.target, "alice", "bob"))
	planned := d.wanted(r, d.target, "alice", "bob", "carol")
	created := d.wanted(r, "", "alice")
	d.write(r, d.wanted(r, d.target, "bob"))
	d.write(r, d.wanted(r, "", "bob"))
	for _, want := range []bindings.Binding{planned, created} {
		if err := r.Write(t.Context(), want); !apierrors.IsConflict(err) {
			t.Errorf("%q: %v", want.Target, err)
		}
	}
	unseen := d.stored(d.target)
	unseen.set("bob", "carol") // the index may not show it yet
	if err := r.Write(t.Context(), planned); !apierrors.IsConflict(err) {
		t.Error(err)
	}
	unseen.has("bob", "carol")
}

func TestBindingOfAnotherRoleIsReplaced(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	r.shown(d.bind(0, v1alpha1.PrincipalGroup, "developers", forbidden, "alice"))
	d.write(r, d.wanted(r, d.target, "alice"))
	stored := d.stored(d.target)
	stored.has("alice")
	if o, ok := stored.object.(*rbacv1.RoleBinding); !ok || o.RoleRef.Name != allowed {
		t.Errorf("the binding is %v", stored.object)
	}
}

func TestBindingWithoutItsLabelsIsTakenOver(t *testing.T) {
	for name, edit := range map[string]string{
		"none is left":             `{"labels":null,"annotations":null}`,
		"the directory is removed": `{"labels":{"cloudsso.dev/directory":null}}`,
		"the directory is another": `{"labels":{"cloudsso.dev/directory":"globex"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirectory(t)
			r := newReplica(t, d.namespace)
			d.write(r, d.wanted(r, d.target, "alice", "bob"))
			stored := d.stored(d.target)
			patch := fmt.Appendf(nil, `{"metadata":%s}`, edit)
			if err := admin.Patch(t.Context(), stored.object, client.RawPatch(types.MergePatchType, patch)); err != nil {
				t.Fatal(err)
			}
			eventually(t, patience, "the informer does not show it any more", func() bool { return len(r.View(assignment(d), d.target).Numbers()) == 0 })
			d.write(r, d.wanted(r, d.target, "alice"))
			stored.has("alice")
			if got := access.OriginOf(stored.object); got != d.origin(v1alpha1.PrincipalGroup, "developers") {
				t.Errorf("the origin is %+v", got)
			}
		})
	}
}

func TestForbiddenChange(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	b := d.bind(0, v1alpha1.PrincipalGroup, "developers", forbidden, "alice", "bob")
	r.shown(b)
	want := d.wanted(r, d.target, "alice", "carol")
	want.RoleRef = clusterRole(forbidden)
	if err := r.Write(t.Context(), want); !apierrors.IsForbidden(err) {
		t.Errorf("a change that grants: %v", err)
	}
	b.has("alice", "bob")
	want = d.wanted(r, d.target, "alice")
	want.RoleRef = clusterRole(forbidden)
	d.write(r, want)
	b.has()
}

func TestSubscribersAreToldAfterTheIndex(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	var binding, name, rule atomic.Bool
	unsubscribe := r.Subscribe(func(c bindings.Change) {
		switch {
		case c.Assignment == assignment(d):
			binding.Store(len(r.View(c.Assignment, d.target).Numbers()) == 1)
		case c.Namespace == d.namespace && c.All:
			rule.Store(slices.Equal(r.Usernames(d.namespace).Names(), []string{"oidc:alice"}))
		case c.Namespace == d.namespace:
			owner, _ := r.Usernames(d.namespace).Owner("alice")
			name.Store(slices.Equal(c.Usernames, []string{"alice"}) && owner != "")
		}
	})
	d.user(r, "alice")
	d.write(r, d.wanted(r, d.target, "alice"))
	eventually(t, patience, "the user and the binding are told of", func() bool { return binding.Load() && name.Load() })
	declared := &v1alpha1.CloudSSODirectory{}
	declared.Namespace, declared.Name = d.namespace, v1alpha1.DirectoryName
	patch := []byte(`{"spec":{"kubernetesUsername":{"prefix":"oidc:"}}}`)
	if err := admin.Patch(t.Context(), declared, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the rule is told of", rule.Load)
	unsubscribe()
	binding.Store(false)
	d.write(r, d.wanted(r, d.target, "alice", "bob"))
	if binding.Load() {
		t.Error("a former subscriber is told")
	}
}

// A controller puts off what it has written itself, and looks at once at what another hand has.
func TestSubscribersAreToldWhoseWriteItWas(t *testing.T) {
	r, d := newReplica(t), newDirectory(t)
	d.user(r, "alice")
	var own, others atomic.Int32
	defer r.Subscribe(func(c bindings.Change) {
		switch {
		case c.Assignment != assignment(d):
		case c.IsOwn:
			own.Add(1)
		default:
			others.Add(1)
		}
	})()
	for _, names := range [][]string{{"alice"}, {"alice", "bob"}, {}} {
		d.write(r, d.wanted(r, d.target, names...))
	}
	eventually(t, patience, "the writes are told of", func() bool { return own.Load() == 3 })
	if others.Load() > 0 {
		t.Errorf("%d of them are told as those of others", others.Load())
	}
	d.write(r, d.wanted(r, d.target, "alice"))
	d.stored(d.target).set("alice", "mallory")
	eventually(t, patience, "the write of another is told of", func() bool { return others.Load() == 1 })
}

func TestAllBindingsAreRemoved(t *testing.T) {
	d := newDirectory(t)
	for i := range 200 {
		d.bind(i, v1alpha1.PrincipalGroup, "developers", allowed, "alice")
	}
	for i := range 49 {
		d.bindInCluster(i, v1alpha1.PrincipalGroup, "developers", "alice")
	}
	unlabelled := d.bind(200, v1alpha1.PrincipalGroup, "developers", forbidden, "alice")
	unlabelled.object.SetLabels(nil)
	foreign := &rbacv1.RoleBinding{RoleRef: clusterRole(allowed), Subjects: access.Subjects([]string{"alice"})}
	foreign.Namespace, foreign.Name = d.target, "made-by-hand"
	d.create(foreign)
	if err := admin.Update(t.Context(), unlabelled.object); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := bindings.RemoveAll(t.Context(), c, nil); err != nil || removed < 250 { // other tests leave bindings too
		t.Errorf("removed %d: %v", removed, err)
	}
	if removed, err := bindings.RemoveAll(t.Context(), c, nil); err != nil || removed != 0 {
		t.Errorf("then removed %d: %v", removed, err)
	}
	var left rbacv1.RoleBindingList
	if err := admin.List(t.Context(), &left, client.InNamespace(d.target)); err != nil || len(left.Items) != 1 || left.Items[0].Name != foreign.Name {
		t.Errorf("left: %v, %v", left.Items, err)
	}
}

func TestBindingsOfOtherNamespacesStay(t *testing.T) {
	served, other := newDirectory(t), newDirectory(t)
	for _, d := range []*directory{served, other} {
		d.bind(0, v1alpha1.PrincipalGroup, "developers", allowed, "alice")
		unlabelled := d.bind(1, v1alpha1.PrincipalGroup, "developers", allowed, "alice")
		d.bindInCluster(2, v1alpha1.PrincipalGroup, "developers", "alice")
		unlabelled.object.SetLabels(nil)
		if err := admin.Update(t.Context(), unlabelled.object); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []*directory{served, other} {
		if removed, err := bindings.RemoveAll(t.Context(), admin, []string{d.namespace}); err != nil || removed != 3 {
			t.Errorf("removed %d of %s: %v", removed, d.namespace, err)
		}
	}
}

func TestBindingThatIsLeftIsAnError(t *testing.T) {
	d := newDirectory(t)
	b := d.bind(0, v1alpha1.PrincipalGroup, "developers", allowed, "alice")
	b.finalizers("example.com/kept")
	_, err := bindings.RemoveAll(t.Context(), admin, nil)
	if want := fmt.Sprintf("1 bindings are left, such as RoleBinding %s/", d.target); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	b.names()
	b.finalizers()
}

func TestMissingRightsAreNamed(t *testing.T) {
	c, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := bindings.CheckRights(t.Context(), c); err != nil {
		t.Error(err)
	}
	powerless, err := controlPlane.User("powerless")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = client.New(powerless, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	var missing *bindings.MissingRightsError
	if err := bindings.CheckRights(t.Context(), c); !errors.As(err, &missing) || !strings.Contains(err.Error(), "config/access") {
		t.Errorf("%v", err)
	}
	if _, err := bindings.RemoveAll(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "config/access") {
		t.Errorf("%v", err)
	}
}
