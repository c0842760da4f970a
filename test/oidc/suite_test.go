// Package oidc_test gives a real API server the AuthenticationConfigurations of the documentation, and shows which
// tokens it accepts.
package oidc_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

func TestOIDC(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "OIDC")
}

// namespace is where the users of the suite have a role.
const namespace = "web"

const (
	// acceptTimeout is how long the API server may take to read the keys of an issuer, which it does after its start.
	acceptTimeout = 30 * time.Second
	pollInterval  = 10 * time.Millisecond
)

var (
	issuer *oidcissuer.Issuer
	cp     *controlplane.ControlPlane
	admin  client.Client
	// configFile is the AuthenticationConfiguration of the API server.
	configFile string
	// ownConfig is the content of configFile that the quick start uses.
	ownConfig []byte
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	issuer, err = oidcissuer.Start(ctx, GinkgoT().TempDir(), time.Now())
	Expect(err).NotTo(HaveOccurred())
	own, err := issuer.WriteAuthenticationConfiguration()
	Expect(err).NotTo(HaveOccurred())
	ownConfig, err = os.ReadFile(own)
	Expect(err).NotTo(HaveOccurred())
	configFile = filepath.Join(GinkgoT().TempDir(), "authentication.yaml")
	Expect(os.WriteFile(configFile, ownConfig, 0o600)).To(Succeed())
	cp, err = controlplane.Start(ctx, controlplane.Options{AuthenticationConfig: configFile})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cp.Stop()).To(Succeed()) })
	Expect(cp.AggregateRoles(ctx)).To(Succeed())
	admin, err = client.New(cp.Admin(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
}, NodeTimeout(3*time.Minute))

// configure gives the API server an AuthenticationConfiguration. If it has another one, it is restarted.
func configure(content []byte) {
	GinkgoHelper()
	present, err := os.ReadFile(configFile)
	Expect(err).NotTo(HaveOccurred())
	if bytes.Equal(present, content) {
		return
	}
	Expect(os.WriteFile(configFile, content, 0o600)).To(Succeed())
	Expect(cp.RestartAPIServer()).To(Succeed())
}

// bind gives a user a ClusterRole in the namespace of the suite, and returns the binding.
func bind(ctx context.Context, user, role string) *rbacv1.RoleBinding {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: role + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	Expect(admin.Create(ctx, binding)).To(Succeed())
	return binding
}

// status returns a function that reads the pods of the namespace, and returns the HTTP status.
func status(ctx context.Context, config *rest.Config) func() int {
	GinkgoHelper()
	caller, err := rest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	address, err := url.JoinPath(config.Host, "api/v1/namespaces", namespace, "pods")
	Expect(err).NotTo(HaveOccurred())
	return func() int {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		Expect(err).NotTo(HaveOccurred())
		response, err := caller.Do(request)
		if err != nil {
			return 0
		}
		defer response.Body.Close()
		return response.StatusCode
	}
}

// statusOf is status of a token.
func statusOf(ctx context.Context, token string) func() int {
	GinkgoHelper()
	return status(ctx, cp.WithToken(token))
}

// alice is a person of the provider.
var alice = oidcissuer.Person{Subject: "00u1a2b3c4", UserName: "Alice@example.com"}

// token returns an ID token of a person that is valid for an hour.
func token(p oidcissuer.Person) string {
	GinkgoHelper()
	t, err := issuer.IDToken(p, time.Now(), time.Now().Add(time.Hour))
	Expect(err).NotTo(HaveOccurred())
	return t
}
