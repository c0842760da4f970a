// Package restore_test backs up a directory that an identity provider uses, and restores it: after it was deleted, on the same
// control plane, and after the cluster was lost, on a second one. The control planes are real, and each manager is a process.
package restore_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/programs"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

func TestRestore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Restoring a backup")
}

var (
	environment *quickstart.Environment // the cluster at the provider's address
	person      client.Client           // an administrator of it; the admission policies apply
	plugin      string                  // the program
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Race: true, Access: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	person = newPerson(ctx)
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	plugin, err = programs.Build(ctx, programs.Options{Root: root, Package: "cmd/kubectl-cloudsso", Dir: GinkgoT().TempDir()})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(5*time.Minute))

// newPerson returns a client of an administrator of the environment's cluster.
func newPerson(ctx context.Context) client.Client {
	GinkgoHelper()
	admin, err := environment.ControlPlane.ClusterAdmin(ctx, "velero")
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(admin, client.Options{Scheme: environment.Admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// directory is a namespace with a directory, and the provider that uses it.
type directory struct {
	namespace string
	scim      *provider.Client
}

// newDirectory creates a directory that is synchronized, with a credential whose token is minted.
func newDirectory(ctx context.Context) *directory {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "restore-"}}
	Expect(person.Create(ctx, ns)).To(Succeed())
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: ns.Name, Name: name} }
	Expect(person.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: meta(v1alpha1.DirectoryName),
		Spec: v1alpha1.CloudSSODirectorySpec{
			SCIMSynchronization: v1alpha1.SynchronizationEnabled,
			KubernetesUsername:  &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromUserName, Prefix: oidcissuer.UsernamePrefix},
		},
	})).To(Succeed())
	Expect(person.Create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: meta(quickstart.CredentialName)})).To(Succeed())
	token, err := quickstart.Token(ctx, person, ns.Name, quickstart.CredentialName)
	Expect(err).NotTo(HaveOccurred())
	scim, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	d := &directory{namespace: ns.Name, scim: scim}
	d.awaitServed(ctx)
	return d
}

// send sends a request and expects its status.
func (d *directory) send(ctx context.Context, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	response, err := d.scim.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Status).To(Equal(status), "%s %s: %s", method, path, response.Raw)
	return response
}

// answer returns a function that sends a query and returns the status.
func (d *directory) answer(ctx context.Context) func() int {
	return func() int {
		response, err := d.scim.Do(ctx, http.MethodGet, "/Users?count=0", "")
		Expect(err).NotTo(HaveOccurred())
		return response.Status
	}
}

// awaitServed waits until the directory is activated.
func (d *directory) awaitServed(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		response, err := d.scim.Do(ctx, http.MethodGet, "/Users?count=0", "")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Status).To(Equal(http.StatusOK), "%s", response.Raw)
	}).Should(Succeed())
}

// get reads an object of the namespace.
func get[T client.Object](ctx context.Context, d *directory, name string, o T) T {
	GinkgoHelper()
	Expect(person.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: name}, o)).To(Succeed())
	return o
}

// settings reads the CloudSSODirectory.
func (d *directory) settings(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	return get(ctx, d, v1alpha1.DirectoryName, &v1alpha1.CloudSSODirectory{})
}

// activate annotates the directory as its condition says.
func (d *directory) activate(ctx context.Context, uid string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationActivate, uid)
	Expect(person.Patch(ctx, d.settings(ctx), client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
}

// turn turns the switch.
func (d *directory) turn(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"spec":{"scimSynchronization":%q}}`, position)
	Expect(person.Patch(ctx, d.settings(ctx), client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
}
