// Package admission_test checks the admission policies and the roles on a real API server: each cell of the table in
// docs/switch.md, as cluster-admin and as the operator, and which roles and controllers may write what.
package admission_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

var (
	person   client.Client // an administrator with cluster-admin
	operator client.Client // the operator's service account
	plane    *controlplane.ControlPlane
)

func TestAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Admission policies and roles")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	// The namespace controller looks again after some seconds if something was left, and the machine may be busy.
	SetDefaultEventuallyTimeout(time.Minute)
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	person, operator, plane = connect(ctx, controlplane.Options{Controllers: []string{
		"namespace-controller", "garbage-collector-controller", "clusterrole-aggregation-controller",
	}})
	Expect(plane.AwaitPolicies(ctx)).To(Succeed())
}, NodeTimeout(5*time.Minute))

// connect starts a control plane, which stops when the spec or suite ends. The policies are not in force yet.
func connect(ctx context.Context, o controlplane.Options) (person, operator client.Client, plane *controlplane.ControlPlane) {
	GinkgoHelper()
	plane, err := controlplane.Start(ctx, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	admin, err := plane.ClusterAdmin(ctx, "root")
	Expect(err).NotTo(HaveOccurred())
	account, err := plane.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	return newClient(admin), newClient(account), plane
}

func newClient(config *rest.Config) client.Client {
	GinkgoHelper()
	scheme := runtime.NewScheme()
	Expect(errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))).To(Succeed())
	c, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// newDirectory creates a namespace whose synchronization has the given position, and is activated; "" leaves out the
// directory.
func newDirectory(ctx context.Context, position v1alpha1.Synchronization) (namespace string) {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "policy-"}}
	Expect(person.Create(ctx, ns)).To(Succeed())
	if position != "" {
		Expect(person.Create(ctx, &v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: position},
		})).To(Succeed())
		Expect(controlplane.Activate(ctx, person, ns.Name)).To(Succeed())
		awaitLock(ctx, ns.Name, position == v1alpha1.SynchronizationEnabled)
	}
	return ns.Name
}

// turn sets the position of the switch and returns when the API server applies it, which is a matter of milliseconds.
func turn(ctx context.Context, namespace string, position v1alpha1.Synchronization) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(person.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	d.Spec.SCIMSynchronization = position
	Expect(person.Update(ctx, d)).To(Succeed())
	awaitLock(ctx, namespace, position == v1alpha1.SynchronizationEnabled)
}

// awaitLock waits until the API server applies the lock, or does not.
func awaitLock(ctx context.Context, namespace string, applied bool) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsForbidden(person.Create(ctx, newUser(namespace, "probe", v1alpha1.SourceSCIM), client.DryRunAll))
	}).WithPolling(time.Millisecond).Should(Equal(applied))
}

func newUser(namespace, name string, source v1alpha1.Source) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: source, UserName: name + "@example.com"},
	}
}

func newGroup(namespace, name string, source v1alpha1.Source) *v1alpha1.CloudSSOGroup {
	return &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: name},
	}
}
