// Package consoleserve_test runs the console in the cluster as its Deployment does: as two processes, before a real API server that
// trusts a real OpenID provider.
package consoleserve_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/programs"
	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

func TestConsoleServe(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The console in the cluster")
}

const (
	// namespace has the directory.
	namespace = "acme"
	// host is where browsers reach the console. They are led to a replica, as a Service does.
	host   = "console.example.com"
	secret = "the client's secret"
	// patience is how long a busy machine may take.
	patience = time.Minute
)

// The persons, with the ClusterRoles view and admin in the namespace, and without a role.
var (
	viewer   = oidcissuer.Person{Subject: "00u-viewer", UserName: "viewer@example.com"}
	admin    = oidcissuer.Person{Subject: "00u-admin", UserName: "admin@example.com"}
	stranger = oidcissuer.Person{Subject: "00u-stranger", UserName: "stranger@example.com"}
)

var (
	cp      *controlplane.ControlPlane
	cluster client.Client
	issuer  *oidcissuer.Issuer
	folder  string
	program string
	// plain asks for no refresh token. renewing asks for one. They share the key of cookies.
	plain, renewing *replica
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	log.SetLogger(logr.Discard()) // without it, clients print a warning with a stack
	folder = GinkgoT().TempDir()
	startIssuer(ctx)
	startControlPlane(ctx)
	writeFiles()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	program, err = programs.Build(ctx, programs.Options{Root: root, Package: "cmd/kubectl-cloudsso", Dir: folder})
	Expect(err).NotTo(HaveOccurred())
	plain, renewing = start(), start("--scopes=profile,email,offline_access")
	awaitIssuer(ctx)
}, NodeTimeout(10*time.Minute))

func startIssuer(ctx context.Context) {
	GinkgoHelper()
	var err error
	issuer, err = oidcissuer.Start(ctx, filepath.Join(folder, "issuer"), time.Now())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(issuer.Stop)
	register()
}

// register makes the console's client known to the issuer.
func register() {
	issuer.Register(oidcissuer.Client{ID: oidcissuer.Audience, Secret: secret, RedirectURL: "https://" + host + "/signin/callback"})
}

func startControlPlane(ctx context.Context) {
	GinkgoHelper()
	configuration, err := issuer.WriteAuthenticationConfiguration()
	Expect(err).NotTo(HaveOccurred())
	cp, err = controlplane.Start(ctx, controlplane.Options{AuthenticationConfig: configuration})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cp.Stop()).To(Succeed()) })
	Expect(cp.AggregateRoles(ctx)).To(Succeed())
	cluster, err = client.New(cp.Admin(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	Expect(v1alpha1.AddToScheme(cluster.Scheme())).To(Succeed())
	Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	Expect(cluster.Create(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}})).To(Succeed())
	bind(ctx, viewer, namespace, "view")
	bind(ctx, admin, namespace, "admin")
}

func bind(ctx context.Context, p oidcissuer.Person, in, role string) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: nameOf(p)}},
	})).To(Succeed())
}

// nameOf returns what the API server calls a person.
func nameOf(p oidcissuer.Person) string { return oidcissuer.UsernamePrefix + p.UserName }

// writeFiles writes what the Deployment mounts.
func writeFiles() {
	GinkgoHelper()
	_, err := selfsigned.Write(folder, time.Now())
	Expect(err).NotTo(HaveOccurred())
	key := make([]byte, 32)
	_, err = rand.Read(key)
	Expect(err).NotTo(HaveOccurred())
	for name, content := range map[string]string{
		"cookie-key": base64.StdEncoding.EncodeToString(key) + "\n", "client-secret": secret + "\n", "ca.crt": string(cp.Admin().CAData),
	} {
		Expect(os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600)).To(Succeed())
	}
}

// awaitIssuer waits until the API server has read the keys of the issuer, which it does after its start.
func awaitIssuer(ctx context.Context) {
	GinkgoHelper()
	token, err := issuer.IDToken(viewer, time.Now(), time.Now().Add(time.Hour))
	Expect(err).NotTo(HaveOccurred())
	path := strings.Join([]string{"apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, "cloudssodirectories"}, "/")
	Eventually(func() (int, error) { return controlplane.Get(ctx, cp.WithToken(token), path) }).Should(Equal(http.StatusOK))
}
