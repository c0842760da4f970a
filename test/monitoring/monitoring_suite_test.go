// Package monitoring_test looks at the real operator as a monitoring system does: it scrapes its metrics over HTTPS with the
// token of a service account that has the ClusterRole cloudsso-metrics-reader.
//
//	monitoring_suite_test.go  the control plane, the operator and its use
//	scrape_test.go            the metrics of the documentation are those of a scrape
//
// The rest needs Prometheus, and the build tag monitoring ("make test-monitoring"):
//
//	promtool_test.go          the form of rules and metrics, and the unit tests of the alerts
//	prometheus_test.go        each expression of an alert and of the dashboard is asked of a Prometheus that scrapes the operator
package monitoring_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/provider"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

// root is the root of the repository, as the tests see it.
const root = "../.."

// effectTimeout is how long a request may take to show in a scrape: the leader writes and sees uses of a directory within two
// seconds.
const effectTimeout = 20 * time.Second

func TestMonitoring(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Monitoring")
}

var (
	environment *quickstart.Environment
	// metricsURL is that of the operator, and metricsToken a token that may read there.
	metricsURL, metricsToken string
	// beforeSpecs starts Prometheus if the tests are built with the tag monitoring.
	beforeSpecs = func(context.Context) {}
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(effectTimeout)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), Access: true, Flags: []string{"--metrics-secure=true"}, Progress: func(step string) { GinkgoWriter.Println(step) },
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	metricsURL = strings.Replace(environment.Manager.MetricsURL, "http://", "https://", 1)
	metricsToken = newReader(ctx)
	use(ctx)
	beforeSpecs(ctx)
})

// newReader creates the service account of a Prometheus, as docs/metrics.md says, and returns its token.
func newReader(ctx context.Context) string {
	GinkgoHelper()
	const namespace, name = "monitoring", "prometheus"
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "prometheus-cloudsso"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cloudsso-metrics-reader"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		},
	} {
		Expect(environment.Admin.Create(ctx, o)).To(Succeed())
	}
	identity, err := environment.ControlPlane.ServiceAccount(ctx, namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return identity.BearerToken
}

// use has a provider create, refuse and deactivate, so that each metric has a sample: one user stays active, one is disabled,
// and the deactivation of the third is withheld.
func use(ctx context.Context) {
	GinkgoHelper()
	send(ctx, "no-token", 401, "GET", "/Users", "")
	var ids []string
	for _, name := range []string{"alice", "bob", "carol"} {
		ids = append(ids, send(ctx, environment.Token, 201, "POST", "/Users", fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s@example.com","active":true}`, name)).ID())
	}
	send(ctx, environment.Token, 201, "POST", "/Groups", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"engineers","members":[{"value":%q},{"value":%q}]}`, ids[0], ids[1]))
	grant(ctx, "engineers")
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}}
	Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
	before := d.DeepCopy()
	d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(1)), Window: metav1.Duration{Duration: time.Hour}}
	Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
	changed := d.Generation
	Eventually(func() int64 { // a deactivation that comes before the operator has seen the budget is not counted
		Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		return d.Status.ObservedGeneration
	}).Should(Equal(changed))
	const deactivate = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`
	send(ctx, environment.Token, 200, "PATCH", "/Users/"+ids[0], deactivate)
	send(ctx, environment.Token, http.StatusTooManyRequests, "PATCH", "/Users/"+ids[1], deactivate)
}

// grant gives a group access, and waits until its users have it.
func grant(ctx context.Context, group string) {
	GinkgoHelper()
	a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: "view"}}
	a.Spec.Principal = v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: group}
	a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: "ClusterRole", Name: "view"}
	a.Spec.Target.Namespaces = []string{quickstart.TargetNamespace}
	Expect(environment.Admin.Create(ctx, a)).To(Succeed())
	Eventually(func() bool {
		return environment.Admin.Get(ctx, client.ObjectKeyFromObject(a), a) == nil &&
			meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionEffective)
	}).Should(BeTrue())
}

func trySend(ctx context.Context, token, method, path, body string) *provider.Response {
	GinkgoHelper()
	c, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	response, err := c.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	return response
}

func send(ctx context.Context, token string, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	response := trySend(ctx, token, method, path, body)
	Expect(response.Status).To(Equal(status), response.Raw)
	return response
}

// reader returns a client that may read the metrics.
func reader() *http.Client {
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	return &http.Client{Transport: transport.NewBearerAuthRoundTripper(metricsToken, insecure)}
}

// scraped returns the samples of the operator.
func scraped(ctx context.Context) (model.Vector, error) {
	return scrape.Samples(ctx, reader(), metricsURL)
}
