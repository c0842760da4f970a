package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// The tests of this package share a control plane, on which replicas work with the operator's own identity. No leader runs.
var (
	controlPlane *controlplane.ControlPlane
	admin        client.Client
	leader       client.Client // makes bindings, also to a role that the operator may not bind any more
	operator     *rest.Config
	scheme       = runtime.NewScheme()
)

const (
	// allowed is a ClusterRole that the operator may bind, and forbidden one that it may not.
	allowed, forbidden = "test-viewer", "test-owner"
	// remember is how long the replicas remember a revocation.
	remember = time.Minute
	// promise is within what time access is to be gone after an acknowledgement. One test measures it; the others wait for
	// longer, because the machine may be busy.
	promise, patience = time.Second, 20 * time.Second
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	cp, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	controlPlane = cp
	defer func() {
		if err := cp.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if err := prepare(ctx, cp); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func prepare(ctx context.Context, cp *controlplane.ControlPlane) (err error) {
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if admin, err = client.New(cp.Admin(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if leader, err = client.New(cp.UnlimitedOperator(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if operator, err = cp.Operator(ctx); err != nil {
		return err
	}
	viewer := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}
	reading := []string{"get", "list", "watch"}
	all := []string{"get", "list", "watch", "create", "patch", "delete"}
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: allowed}, Rules: viewer},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: forbidden}, Rules: viewer},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "test-access"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings", "clusterrolebindings"}, Verbs: all},
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{allowed}, Verbs: []string{"bind"}},
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "clusterroles"}, Verbs: reading},
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: reading},
			{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"*"}, Verbs: reading},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "test-access"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "test-access"},
			Subjects: []rbacv1.Subject{{
				Kind: rbacv1.ServiceAccountKind, Namespace: controlplane.SystemNamespace, Name: controlplane.OperatorServiceAccount,
			}},
		},
	} {
		if err := admin.Create(ctx, o); err != nil {
			return err
		}
	}
	return cp.AwaitPolicies(ctx)
}

// replica is one process's store, and its Bindings.
type replica struct {
	*store.Store
	*bindings.Bindings
	registry *prometheus.Registry
	// stop ends the Bindings, and waits for their end.
	stop func()
}

// newReplica starts a replica, which runs until the test ends. It serves the namespaces, or all if none are given.
func newReplica(t *testing.T, served ...string) *replica {
	t.Helper()
	sources := &informer.Sources{}
	selector, err := bindings.Selector(served)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(operator, cache.Options{
		Scheme: scheme, NewInformer: sources.NewInformer, DefaultTransform: cachetransform.Transform,
		ByObject: map[client.Object]cache.ByObject{&rbacv1.RoleBinding{}: {Label: selector}, &rbacv1.ClusterRoleBinding{}: {Label: selector}},
	})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	gate, registry := &priority.Gate{}, prometheus.NewRegistry()
	s, err := store.New(t.Context(), store.Config{
		Client: direct, Cache: c, Sources: sources, Priority: gate,
		Warn:      func(runtime.Object, string, string) {},
		Log:       slog.New(slog.DiscardHandler),
		Now:       time.Now,
		NewSuffix: func() string { return rand.String(5) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bindings.New(t.Context(), bindings.Config{
		Client: direct, Cache: c, Members: s, Claims: s.Claims(), Remember: remember,
		Priority: gate, Registry: registry, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Revoker = b
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	start(t, c.Start, func(ctx context.Context) error {
		defer close(ended)
		defer context.AfterFunc(ctx, stop)()
		return b.Start(running)
	})
	eventually(t, patience, "the replica has synced", func() bool { return s.Synced() && b.Synced() })
	return &replica{s, b, registry, func() { stop(); <-ended }}
}

// measured returns how many revocations the replica has measured, and how many bindings it is looking at.
func (r *replica) measured(t *testing.T) (revocations uint64, pending float64) {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		switch f.GetName() {
		case "cloudsso_access_revocation_duration_seconds":
			revocations = f.GetMetric()[0].GetHistogram().GetSampleCount()
		case "cloudsso_access_revocations_pending":
			pending = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return revocations, pending
}

// start runs functions until the test ends, and waits for their ends.
func start(t *testing.T, all ...func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, len(all))
	for _, run := range all {
		go func() { ended <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range all {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// eventually fails the test if a condition does not hold within a time.
func eventually(t *testing.T, within time.Duration, what string, isMet func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !isMet() {
		select {
		case <-poll.C:
		case <-deadline.C:
			t.Fatalf("after %s: not so: %s", within, what)
		}
	}
}

var namespaces atomic.Int64

// directory is a synchronized directory, which has a namespace of its own as the target of access.
type directory struct {
	*testing.T
	namespace, target string
}

func newDirectory(t *testing.T, change ...func(*v1alpha1.CloudSSODirectory)) *directory {
	t.Helper()
	number := namespaces.Add(1)
	d := &directory{t, fmt.Sprintf("directory-%d", number), fmt.Sprintf("target-%d", number)}
	declared := &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	}
	for _, c := range change {
		c(declared)
	}
	d.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: d.namespace}})
	d.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: d.target}})
	d.create(declared)
	if err := controlplane.Activate(t.Context(), admin, d.namespace); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *directory) create(o client.Object) {
	d.Helper()
	d.createAs(admin, o)
}

func (d *directory) createAs(c client.Client, o client.Object) {
	d.Helper()
	if err := c.Create(d.Context(), o); err != nil {
		d.Fatal(err)
	}
}

// user creates a user on a replica, and returns its id. The userName is also its Kubernetes user name.
func (d *directory) user(r *replica, userName string) string {
	d.Helper()
	created, err := r.In(d.namespace).Create(d.Context(), schema.User, schema.Object{}.With(schema.UserName, userName).With(schema.Active, true), nil)
	if err != nil {
		d.Fatal(err)
	}
	return created.ID
}

// group creates a group on a replica, and returns its id.
func (d *directory) group(r *replica, members ...string) string {
	d.Helper()
	created, err := r.In(d.namespace).Create(d.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "developers"), members)
	if err != nil {
		d.Fatal(err)
	}
	return created.ID
}

// set changes an attribute of a user on a replica.
func (d *directory) set(r *replica, user string, attribute *schema.Attribute, value any) {
	d.Helper()
	_, err := r.In(d.namespace).Update(d.Context(), schema.User, user, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		return o.With(attribute, value), nil
	}})
	if err != nil {
		d.Fatal(err)
	}
}

// members changes the members of a group on a replica.
func (d *directory) members(r *replica, group string, op scim.MemberOp, users ...string) {
	d.Helper()
	_, err := r.In(d.namespace).Update(d.Context(), schema.Group, group, scim.Change{Members: []scim.MemberChange{{Op: op, IDs: users}}})
	if err != nil {
		d.Fatal(err)
	}
}

// binding is a projected binding, made by hand as the leader makes it.
type binding struct {
	*directory
	object client.Object
}

func (d *directory) origin(kind v1alpha1.PrincipalKind, principal string) access.Origin {
	return access.Origin{Directory: d.namespace, Assignment: "pods", Kind: kind, Principal: principal}
}

// bind creates a RoleBinding in the target namespace.
func (d *directory) bind(number int, kind v1alpha1.PrincipalKind, principal, role string, names ...string) *binding {
	d.Helper()
	o := &rbacv1.RoleBinding{RoleRef: clusterRole(role), Subjects: access.Subjects(names)}
	o.Namespace, o.Name = d.target, access.BindingName(d.namespace, "pods", number)
	d.origin(kind, principal).Write(o)
	d.createAs(leader, o)
	return &binding{d, o}
}

// bindInCluster creates a ClusterRoleBinding.
func (d *directory) bindInCluster(number int, kind v1alpha1.PrincipalKind, principal string, names ...string) *binding {
	d.Helper()
	o := &rbacv1.ClusterRoleBinding{RoleRef: clusterRole(allowed), Subjects: access.Subjects(names)}
	o.Name = access.BindingName(d.namespace, "pods", number)
	d.origin(kind, principal).Write(o)
	d.createAs(leader, o)
	return &binding{d, o}
}

func clusterRole(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

// names returns the Kubernetes user names that the API server has in the binding; nil if it is gone.
func (b *binding) names() (names []string) {
	b.Helper()
	err := admin.Get(context.WithoutCancel(b.Context()), client.ObjectKeyFromObject(b.object), b.object)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		b.Fatal(err)
	}
	switch o := b.object.(type) {
	case *rbacv1.RoleBinding:
		names, _ = access.NamesOf(o.Subjects)
	case *rbacv1.ClusterRoleBinding:
		names, _ = access.NamesOf(o.Subjects)
	}
	return append([]string{}, names...)
}

// has fails the test if the binding does not get exactly these names. Without one it is to be gone.
func (b *binding) has(names ...string) {
	b.Helper()
	var got []string
	eventually(b.T, patience, fmt.Sprintf("%s has the subjects %v", client.ObjectKeyFromObject(b.object), names), func() bool {
		got = b.names()
		return slices.Equal(got, names) && (got == nil) == (names == nil)
	})
}

// set gives the binding subjects, as another replica does that knows of no revocation.
func (b *binding) set(names ...string) {
	b.Helper()
	for {
		b.names()
		switch o := b.object.(type) {
		case *rbacv1.RoleBinding:
			o.Subjects = access.Subjects(names)
		case *rbacv1.ClusterRoleBinding:
			o.Subjects = access.Subjects(names)
		}
		err := admin.Update(b.Context(), b.object)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		return
	}
}

// finalizers gives the binding finalizers, as another program does.
func (b *binding) finalizers(all ...string) {
	b.Helper()
	b.object.SetFinalizers(all)
	if err := admin.Update(context.WithoutCancel(b.Context()), b.object); err != nil {
		b.Fatal(err)
	}
}

// shown waits until a replica's index shows the subjects of bindings.
func (r *replica) shown(all ...*binding) {
	for _, b := range all {
		b.Helper()
		o := b.object
		_, _, number, _ := access.ParseBindingName(o.GetName())
		eventually(b.T, patience, "the index shows "+o.GetName(), func() bool {
			found, ok := r.Get(assignment(b.directory), o.GetNamespace(), number)
			return ok && found.GetResourceVersion() == o.GetResourceVersion()
		})
	}
}

// emails returns the value of a user's attribute emails.
func emails(address string) any {
	attribute := schema.User.Attribute("emails")
	return []any{schema.Object{}.With(attribute.Sub("value"), address)}
}
