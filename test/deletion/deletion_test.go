// Package deletion_test deletes whole directories, and measures how long the operator's finalizers hold them up.
package deletion_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

const (
	// users and members are about half of those of a directory that took two minutes to delete, 622 and 320. The time grew
	// with the square of the members, so that these would take more than a minute. They are more than one slice has.
	users, members = 300, 260
	// trimmedUsers are those of a namespace without a directory, where no list of members is written.
	trimmedUsers = 60
	// limit is for how long the operator may hold users up that are being deleted: a few seconds, and as much again for other
	// processes on the machine.
	limit = 30 * time.Second
	// namespaceLimit is longer, because the namespace controller looks again after eight seconds if a finalizer was left.
	namespaceLimit = 2 * time.Minute
)

var environment *quickstart.Environment

func TestDeletion(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Deleting a directory")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(namespaceLimit)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond) // lists more often would take the time of the operator
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), PlainHTTP: true, Controllers: []string{"namespace-controller", "garbage-collector-controller"},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
}, NodeTimeout(5*time.Minute))

func newNamespace(ctx context.Context) (name string) {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	Expect(environment.Admin.Create(ctx, ns)).To(Succeed())
	return ns.Name
}

// newDirectory creates a namespace with a directory whose switch is Disabled, users, and a group that counts its members.
func newDirectory(ctx context.Context, sliced bool) (namespace string) {
	GinkgoHelper()
	namespace = newNamespace(ctx)
	create(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}})
	g := populate(ctx, namespace, users, sliced)
	Eventually(func() *int32 {
		Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
		return g.Status.Members
	}).Should(HaveValue(BeEquivalentTo(members)))
	return namespace
}

// newNamespaceWithoutDirectory creates a namespace with users and a group, which the operator does not count.
func newNamespaceWithoutDirectory(ctx context.Context, sliced bool) (namespace string) {
	GinkgoHelper()
	namespace = newNamespace(ctx)
	populate(ctx, namespace, trimmedUsers, sliced)
	return namespace
}

// populate creates users, and a group, which it returns. The first users are members of the group. If there are fewer users
// than members, the other members do not exist.
func populate(ctx context.Context, namespace string, users int, sliced bool) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	all := make([]client.Object, users)
	names := make([]v1alpha1.Member, max(users, members))
	for i := range names {
		names[i].Name = fmt.Sprintf("user-%d", i)
	}
	for i := range all {
		all[i] = &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: names[i].Name, Finalizers: []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships}},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: names[i].Name},
		}
	}
	create(ctx, all...)
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff", Finalizers: []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices}},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Staff", Members: names[:members]},
	}
	if sliced {
		g.Spec.Sliced, g.Spec.Members = true, nil
	}
	create(ctx, g)
	for i, from := 0, 0; sliced && from < members; i, from = i+1, from+v1alpha1.SliceSize {
		create(ctx, &v1alpha1.CloudSSOMembershipSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("staff-%d", i), Finalizers: []string{v1alpha1.FinalizerGuard}},
			Spec: v1alpha1.CloudSSOMembershipSliceSpec{
				Source: v1alpha1.SourceSCIM, Group: g.Name, Members: names[from:min(from+v1alpha1.SliceSize, members)],
			},
		})
	}
	return g
}

func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	var creates errgroup.Group
	creates.SetLimit(8)
	for _, o := range objects {
		creates.Go(func() error { return environment.Admin.Create(ctx, o) })
	}
	Expect(creates.Wait()).To(Succeed())
}

// kubectl runs kubectl as an administrator; the policies apply. It waits for five objects a second at most, so the
// test waits instead.
func kubectl(ctx context.Context, arguments ...string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"--kubeconfig", environment.Kubeconfig}, arguments...)...)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
}

var _ = DescribeTable("holds nothing up for more than seconds", func(ctx SpecContext, create func(context.Context, bool) string, sliced bool, remove func(context.Context, string)) {
	namespace := create(ctx, sliced)
	began := time.Now()
	remove(ctx, namespace)
	Eventually(usersOf(ctx, namespace, isKept)).Should(BeEmpty())
	requested := time.Now()
	Eventually(usersOf(ctx, namespace, isAny)).Should(BeEmpty())
	heldUp := time.Since(requested)
	AddReportEntry("held up", fmt.Sprintf("for %s after %s in which the API server began the deletions", heldUp.Round(time.Millisecond), requested.Sub(began).Round(time.Millisecond)))
	Expect(heldUp).To(BeNumerically("<", limit))
	Eventually(slicesOf(ctx, namespace)).Should(BeEmpty())
},
	Entry("of all users, with a group in one list", newDirectory, false, deleteUsers),
	Entry("of all objects, with a sliced group", newDirectory, true, deleteObjects),
	Entry("of the namespace, with a sliced group", newDirectory, true, deleteNamespace),
	Entry("of all objects without a directory, with a sliced group", newNamespaceWithoutDirectory, true, deleteObjects),
	Entry("of the namespace without a directory, with a sliced group", newNamespaceWithoutDirectory, true, deleteNamespace),
)

var _ = It("lets a slice go whose group another finalizer keeps, without a directory", func(ctx SpecContext) {
	namespace := newNamespace(ctx)
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kept", Finalizers: []string{"example.com/keep"}},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Kept", Sliced: true},
	}
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kept-0", Finalizers: []string{v1alpha1.FinalizerGuard}},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: g.Name, Members: []v1alpha1.Member{{Name: "user"}}},
	}
	create(ctx, g)
	Expect(environment.Admin.Delete(ctx, g)).To(Succeed())
	create(ctx, s)
	Expect(environment.Admin.Delete(ctx, s)).To(Succeed())
	Eventually(slicesOf(ctx, namespace)).Should(BeEmpty())
	Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
	g.Finalizers = nil
	Expect(environment.Admin.Update(ctx, g)).To(Succeed())
})

func isKept(u *metav1.PartialObjectMetadata) bool { return u.DeletionTimestamp == nil }
func isAny(*metav1.PartialObjectMetadata) bool    { return true }

// usersOf returns a function that returns the names of some of the users of a namespace.
func usersOf(ctx context.Context, namespace string, selected func(*metav1.PartialObjectMetadata) bool) func() []string {
	return func() (names []string) {
		var all metav1.PartialObjectMetadataList
		all.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CloudSSOUserList"))
		Expect(environment.Admin.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		for i := range all.Items {
			if selected(&all.Items[i]) {
				names = append(names, all.Items[i].Name)
			}
		}
		return names
	}
}

// slicesOf returns a function that returns the slices of a namespace.
func slicesOf(ctx context.Context, namespace string) func() []v1alpha1.CloudSSOMembershipSlice {
	return func() []v1alpha1.CloudSSOMembershipSlice {
		var all v1alpha1.CloudSSOMembershipSliceList
		Expect(environment.Admin.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		return all.Items
	}
}

func deleteUsers(ctx context.Context, namespace string) {
	GinkgoHelper()
	Expect(environment.Admin.DeleteAllOf(ctx, &v1alpha1.CloudSSOUser{}, client.InNamespace(namespace))).To(Succeed())
}

func deleteObjects(ctx context.Context, namespace string) {
	GinkgoHelper()
	kubectl(ctx, "-n", namespace, "delete", "cloudssousers,cloudssogroups,cloudssomembershipslices,cloudssodirectories", "--all", "--wait=false")
}

func deleteNamespace(ctx context.Context, namespace string) {
	GinkgoHelper()
	kubectl(ctx, "delete", "namespace", namespace, "--wait=false")
	DeferCleanup(func(ctx SpecContext) {
		Eventually(func() bool {
			return apierrors.IsNotFound(environment.Admin.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}))
		}).Should(BeTrue())
		log, err := os.ReadFile(environment.LogFile())
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "Server rejected event") {
				GinkgoWriter.Print(line)
			}
			Expect(line).NotTo(And(ContainSubstring("Server rejected event"), ContainSubstring("because it is being terminated")))
		}
	})
}
