package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	// heavyUsers are as many as one page of a load and a half, so that a load has several pages.
	heavyUsers = 150
	// heavyUser is the size of each, in bytes: many times that of what is kept of it.
	heavyUser = 4 * 32_000
)

// newHeavyUser returns a user of that size.
func newHeavyUser(namespace string, n int) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("heavy-%d", n)}}
	u.Spec = v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: fmt.Sprintf("heavy-%d@example.com", n)}
	for i := range 8 {
		u.Spec.Photos = append(u.Spec.Photos, v1alpha1.MultiValue{Value: strings.Repeat("𝄞", heavyUser/4/8), Type: fmt.Sprint(i)})
	}
	return u
}

// heap returns the bytes that are in use after a garbage collection.
func heap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

func TestObjectsOfANamespaceWithoutADirectoryTakeNoMemory(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "heavy-"}}
	if err := admin.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	running := replicas[0]
	before := heap()
	group := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "all"}}
	group.Spec = v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "All"}
	objects := []client.Object{group}
	for n := range heavyUsers {
		u := newHeavyUser(ns.Name, n)
		group.Spec.Members = append(group.Spec.Members, v1alpha1.Member{Name: u.Name})
		objects = append(objects, u)
	}
	createAll(t, admin, objects...)
	eventually(t, func() bool { return hasSeenAll(running, objects) })
	clear(objects) // the test itself does not hold them any longer
	added := heap() - before
	t.Logf("%d users of %d bytes added %d bytes of memory", heavyUsers, heavyUser, added)
	if added > heavyUsers*heavyUser/4 {
		t.Errorf("%d users added %d bytes of memory", heavyUsers, added)
	}
	restarted := newReplica(t, &informer.Sources{Trimming: cachetransform.Trimming(admin)}) // it is synced
	for _, s := range []*store.Store{running, restarted} {
		if _, err := s.In(ns.Name).Get(t.Context(), schema.User, group.Spec.Members[0].Name, scim.Omit{}); status(err) != http.StatusServiceUnavailable {
			t.Errorf("a namespace that is not whole is served: %v", err)
		}
	}

	createDirectory(t, ns.Name)
	for _, s := range []*store.Store{running, restarted} {
		expectWhole(t, s.In(ns.Name))
	}
}

func TestObjectsAreReadWholeWhateverTheNamesOfNamespaceAndObjects(t *testing.T) {
	s := newReplica(t, &informer.Sources{Trimming: cachetransform.Trimming(admin)})
	for _, prefix := range []string{"before-", "zz-after-"} { // the names of the users, which begin with user-
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
		if err := admin.Create(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
		users := make([]client.Object, heavyUsers)
		for n := range users {
			u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: fmt.Sprintf("user-%d", n)}}
			u.Spec = v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: u.Name}
			users[n] = u
		}
		createAll(t, admin, users...)
		eventually(t, func() bool { return hasSeenAll(s, users) })
		createDirectory(t, ns.Name)
		var page *scim.Page
		eventually(t, func() (listed bool) {
			var err error
			page, err = s.In(ns.Name).List(t.Context(), schema.User, scim.Query{Count: 1})
			return err == nil
		})
		if page.Total != heavyUsers {
			t.Errorf("namespace %s shows %d users", ns.Name, page.Total)
		}
	}
}

func TestAUserIsNotWrittenWhileItsGroupsAreUnknown(t *testing.T) {
	trimming, groupsRead := cachetransform.Trimming(admin), make(chan struct{})
	list := trimming.List
	trimming.List = func(ctx context.Context, example k8sruntime.Object, namespace string, options metav1.ListOptions) (k8sruntime.Object, error) {
		if _, isGroup := example.(*v1alpha1.CloudSSOGroup); isGroup {
			<-groupsRead
		}
		return list(ctx, example, namespace, options)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "new-"}}
	if err := admin.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "ada"}}
	u.Spec = v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "ada"}
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "staff"}}
	g.Spec = v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Staff", Members: []v1alpha1.Member{{Name: u.Name}}}
	if err := errors.Join(admin.Create(t.Context(), u), admin.Create(t.Context(), g)); err != nil {
		t.Fatal(err)
	}
	sources := &informer.Sources{Trimming: trimming}
	s := newReplica(t, sources)
	createDirectory(t, ns.Name)
	eventually(t, func() bool { return sources.Of(u).IsWhole(ns.Name) })
	disable := scim.Change{Attributes: func(o schema.Object) (schema.Object, error) { return o.With(schema.Active, false), nil }}
	_, err := s.In(ns.Name).Update(t.Context(), schema.User, u.Name, disable)
	if status(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "still reading the directory") {
		t.Errorf("a user is written whose groups are not known: %v", err)
	}
	close(groupsRead)
	var written *scim.Resource
	eventually(t, func() bool {
		written, err = s.In(ns.Name).Update(t.Context(), schema.User, u.Name, disable)
		return err == nil
	})
	if groups := slices.Collect(written.Groups); len(groups) != 1 {
		t.Errorf("the user is in %d groups", len(groups))
	}
}

func hasSeenAll(s *store.Store, objects []client.Object) bool {
	return !slices.ContainsFunc(objects, func(o client.Object) bool { return !s.HasSeen(o) })
}

// createDirectory creates a directory that is activated and Enabled.
func createDirectory(t *testing.T, namespace string) {
	t.Helper()
	directory := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
	directory.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
	if err := errors.Join(admin.Create(t.Context(), directory), controlplane.Activate(t.Context(), admin, namespace)); err != nil {
		t.Fatal(err)
	}
}

// expectWhole waits until a directory is served, and expects each user with its photos, and the group with its members.
func expectWhole(t *testing.T, d scim.Store) {
	t.Helper()
	eventually(t, func() bool {
		_, err := d.List(t.Context(), schema.User, scim.Query{Count: 1})
		return err == nil
	})
	photos := schema.User.Attribute("photos")
	for n := range heavyUsers {
		u, err := d.Get(t.Context(), schema.User, fmt.Sprintf("heavy-%d", n), scim.Omit{})
		if err != nil {
			t.Fatal(err)
		}
		if values, _ := u.Attributes.Get(photos).([]any); len(values) != 8 {
			t.Errorf("user %d has %d photos", n, len(values))
		}
		if groups := slices.Collect(u.Groups); len(groups) != 1 {
			t.Errorf("user %d is in %d groups", n, len(groups))
		}
	}
	page, err := d.List(t.Context(), schema.User, scim.Query{Count: 1})
	if err != nil || page.Total != heavyUsers {
		t.Errorf("%v users: %v", page, err)
	}
	deactivate := scim.Change{Attributes: func(o schema.Object) (schema.Object, error) { return o.With(schema.Active, false), nil }}
	u, err := d.Update(t.Context(), schema.User, "heavy-0", deactivate)
	if err != nil {
		t.Fatal(err)
	}
	if values, _ := u.Attributes.Get(photos).([]any); len(values) != 8 {
		t.Errorf("a deactivated user has %d photos", len(values))
	}
}
