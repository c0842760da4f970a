// Package oidc_test gives a real API server the AuthenticationConfigurations of the documentation, and shows which
// tokens it accepts.
package oidc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

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
	// acceptTimeout is how long the API server may take to read the keys of the issuers, which it does after its start, and to
	// see changed rights and policies on a busy machine.
	acceptTimeout = 30 * time.Second
	pollInterval  = 10 * time.Millisecond
)

var (
	cp    *controlplane.ControlPlane
	admin client.Client
	// guarded has the configuration of the quick start. In unguarded the rule on groups is missing, in unprefixed the prefix
	// of user names. The issuer of lost ends in a test. refusing has also the rule of the documentation that refuses alice.
	guarded, unguarded, unprefixed, lost, refusing *authenticator
	documented                                     = documentedAuthenticators()
)

// authenticator is a provider that the API server knows. Each has an issuer of its guarded, so that the API server can have
// all of them at once.
type authenticator struct {
	issuer *oidcissuer.Issuer
	config map[string]any
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(acceptTimeout)
	SetDefaultEventuallyPollingInterval(pollInterval)
	log.SetLogger(logr.Discard()) // without it, clients print a warning with a stack
	for _, a := range []**authenticator{&guarded, &unguarded, &unprefixed, &lost, &refusing} {
		*a = quickStart(ctx)
	}
	replace(unguarded.config["userValidationRules"], systemGroupRule, "true")
	replace(unprefixed.config["claimMappings"], "'oidc:' + ", "")
	refusing.addRules(documentedRefusal())
	all := []any{guarded.config, unguarded.config, unprefixed.config, lost.config, refusing.config}
	for _, d := range documented {
		d.issuer = startIssuer(ctx)
		d.trust()
		all = append(all, d.config)
	}
	content, err := yaml.Marshal(map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": all,
	})
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(GinkgoT().TempDir(), "authentication.yaml")
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	cp, err = controlplane.Start(ctx, controlplane.Options{AuthenticationConfig: path})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cp.Stop()).To(Succeed()) })
	Expect(cp.AggregateRoles(ctx)).To(Succeed())
	admin, err = client.New(cp.Admin(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	guarded.awaitAlice(ctx)
}, NodeTimeout(5*time.Minute))

// awaitAlice waits until the API server accepts tokens.
func (a *authenticator) awaitAlice(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() (string, error) { return username(ctx, a.token(alice)) }).
		WithTimeout(acceptTimeout).WithPolling(pollInterval).Should(Equal("oidc:alice@example.com"))
}

func startIssuer(ctx context.Context) *oidcissuer.Issuer {
	GinkgoHelper()
	issuer, err := oidcissuer.Start(ctx, GinkgoT().TempDir(), time.Now())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(issuer.Stop)
	return issuer
}

// quickStart returns an authenticator with the configuration of the quick start.
func quickStart(ctx context.Context) *authenticator {
	GinkgoHelper()
	a := &authenticator{issuer: startIssuer(ctx)}
	path, err := a.issuer.WriteAuthenticationConfiguration()
	Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	a.config, err = firstAuthenticator(content)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// firstAuthenticator returns the first authenticator of an AuthenticationConfiguration.
func firstAuthenticator(content []byte) (map[string]any, error) {
	var configuration struct {
		APIVersion, Kind string
		JWT              []map[string]any
	}
	if err := yaml.UnmarshalStrict(content, &configuration); err != nil {
		return nil, err
	}
	return configuration.JWT[0], nil
}

// addRules adds rules on the user that a token yields.
func (a *authenticator) addRules(rules []any) {
	GinkgoHelper()
	present, ok := a.config["userValidationRules"].([]any)
	Expect(ok).To(BeTrue())
	a.config["userValidationRules"] = append(present, rules...)
}

// replace replaces a text in every expression below a value, and expects to find it.
func replace(value any, from, to string) {
	GinkgoHelper()
	found := false
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				visit(e)
			}
		case map[string]any:
			for key, e := range v {
				if text, ok := e.(string); ok && key == "expression" && strings.Contains(text, from) {
					v[key], found = strings.ReplaceAll(text, from, to), true
				}
				visit(e)
			}
		}
	}
	visit(value)
	Expect(found).To(BeTrue(), from)
}

// token returns an ID token of a person that is valid for an hour.
func (a *authenticator) token(p oidcissuer.Person) string {
	GinkgoHelper()
	t, err := a.issuer.IDToken(p, time.Now(), time.Now().Add(time.Hour))
	Expect(err).NotTo(HaveOccurred())
	return t
}

// username returns what the API server calls the user of a token.
func username(ctx context.Context, token string) (string, error) {
	c, err := client.New(cp.WithToken(token), client.Options{})
	if err != nil {
		return "", err
	}
	review := &authenticationv1.SelfSubjectReview{}
	err = c.Create(ctx, review)
	return review.Status.UserInfo.Username, err
}

// bind gives a user a ClusterRole in the namespace of the suite, and returns the binding.
func bind(ctx context.Context, user, role string) *rbacv1.RoleBinding {
	GinkgoHelper()
	return bindTo(ctx, rbacv1.UserKind, user, role)
}

// bindTo is bind for a user or a group.
func bindTo(ctx context.Context, kind, name, role string) *rbacv1.RoleBinding {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: role + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}},
	}
	Expect(admin.Create(ctx, binding)).To(Succeed())
	return binding
}

// status returns a function that reads the pods of the namespace, and returns the HTTP status.
func status(ctx context.Context, config *rest.Config) func() (int, error) {
	return func() (int, error) { return controlplane.Get(ctx, config, "api/v1/namespaces/"+namespace+"/pods") }
}

// statusOf is status of a token.
func statusOf(ctx context.Context, token string) func() (int, error) {
	return status(ctx, cp.WithToken(token))
}

// alice is a person of the provider.
var alice = oidcissuer.Person{Subject: "00u1a2b3c4", UserName: "Alice@example.com"}
