package dialects_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/dialects/conversation"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// The control plane is started here and not before the suite, so that the other half can be had alone.
var _ = Describe("on Kubernetes", Ordered, ContinueOnFailure, func() {
	var environment *quickstart.Environment

	BeforeAll(func(ctx SpecContext) {
		var err error
		environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Race: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	}, NodeTimeout(5*time.Minute))

	replayAll(func(ctx context.Context, c *conversation.Conversation) *service {
		token := newDirectory(ctx, environment.Admin, namespaceOf(c))
		p, err := provider.New(environment.BaseURL, token, environment.CAFile)
		Expect(err).NotTo(HaveOccurred())
		s := &service{base: p.BaseURL, token: p.Token, http: p.HTTP, headers: c.Headers}
		s.awaitEnabled(ctx)
		return s
	})
})

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// namespaceOf returns the namespace of a conversation's directory.
func namespaceOf(c *conversation.Conversation) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(c.Provider), "-"), "-")
}

// newDirectory creates a directory that is synchronized, with a credential, and returns its token.
func newDirectory(ctx context.Context, admin client.Client, namespace string) string {
	GinkgoHelper()
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		},
		&v1alpha1.SCIMCredential{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "provider"},
			Spec:       v1alpha1.SCIMCredentialSpec{Description: "a recorded conversation"},
		},
	} {
		Expect(admin.Create(ctx, o)).To(Succeed())
	}
	token, err := quickstart.Token(ctx, admin, namespace, "provider")
	Expect(err).NotTo(HaveOccurred())
	return token
}

// awaitEnabled waits until the manager knows the credential and the directory's switch.
func (s *service) awaitEnabled(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() int {
		return s.send(ctx, conversation.Step{Request: "GET /Users?count=0 HTTP/1.1"}).Status
	}).WithContext(ctx).WithTimeout(10 * time.Second).WithPolling(10 * time.Millisecond).Should(Equal(http.StatusOK))
}
