package restore_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// replaceCluster starts a second control plane with an operator of its own, which has the public URL of the first one, and uses it
// until the end of the spec.
func replaceCluster(ctx context.Context) {
	GinkgoHelper()
	lost, lostPerson := environment, person
	started, err := quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), Race: true, Access: true, Flags: []string{"--scim-public-url=" + lost.BaseURL},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		environment, person = lost, lostPerson
		Expect(started.Stop()).To(Succeed())
	})
	environment = started
	person = newPerson(ctx)
}

// follow has the provider send its requests to the cluster that has replaced the lost one, as it does after a change of the DNS.
func (c *company) follow() {
	GinkgoHelper()
	scim, err := provider.New(environment.BaseURL, c.scim.Token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	c.scim = scim
}

// byImport exports the directory, and returns a function that runs kubectl cloudsso import.
func (c *company) byImport(ctx context.Context) func(context.Context) {
	GinkgoHelper()
	file := c.export(ctx)
	return func(ctx context.Context) {
		Expect(c.cloudsso(ctx, "import", "-f", file, "--yes")).To(ContainSubstring(" 0 were there already, 0 failed"))
	}
}

// byTool takes a backup as Velero does, of the target namespace too, and returns a function that creates its objects in another
// order.
func (c *company) byTool(ctx context.Context) func(context.Context) {
	GinkgoHelper()
	all := takeBackup(ctx, c.namespace).shuffled()
	return func(ctx context.Context) { createObjects(ctx, all) }
}

// representations returns what the provider gets of some resources, without the times. A restore is the creation of its objects,
// and what was never changed was last modified at its creation.
func (c *company) representations(ctx context.Context) (all []map[string]any) {
	GinkgoHelper()
	for _, path := range []string{"/Users/" + c.users[0], "/Users/" + c.disabled, "/Groups/" + c.team} {
		body := c.send(ctx, http.StatusOK, http.MethodGet, path, "").Body
		meta, ok := body["meta"].(map[string]any)
		Expect(ok).To(BeTrue())
		delete(meta, "created")
		delete(meta, "lastModified")
		all = append(all, body)
	}
	return all
}

var _ = Describe("a backup of a cluster that is lost", func() {
	It("is restored in another cluster in any order, and the provider goes on with its token", func(ctx SpecContext) {
		var companies [2]*company
		var before [2][]map[string]any
		for i := range companies {
			companies[i] = newCompany(ctx)
			companies[i].expectWhole(ctx)
			before[i] = companies[i].representations(ctx)
		}
		restorations := [...]func(context.Context){companies[0].byImport(ctx), companies[1].byTool(ctx)}
		replaceCluster(ctx)
		var users v1alpha1.CloudSSOUserList
		Expect(person.List(ctx, &users)).To(Succeed())
		Expect(users.Items).To(BeEmpty())

		for i, c := range companies {
			By(fmt.Sprintf("restoring directory %d", i))
			c.follow()
			Expect(c.answer(ctx)()).To(Equal(http.StatusUnauthorized))
			Expect(person.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}})).To(Succeed())
			restorations[i](ctx)
			c.expectUnavailable(ctx)
			c.expectDeletionsHeld(ctx)
			c.awaitClaims(ctx)
			c.expectNoAccess(ctx)
			c.activateByCommand(ctx)
			c.expectWhole(ctx)
			Expect(c.representations(ctx)).To(Equal(before[i]))
			c.expectProviderGoesOn(ctx)
		}
	}, NodeTimeout(10*time.Minute))
})

// activateByCommand activates the directory as docs/restore.md says.
func (c *company) activateByCommand(ctx context.Context) {
	GinkgoHelper()
	const directory = "cloudssodirectory/" + v1alpha1.DirectoryName
	for _, command := range [][]string{
		{"annotate", "--overwrite", directory, v1alpha1.AnnotationActivate + "=" + string(c.settings(ctx).UID)},
		{"wait", "--for=condition=" + v1alpha1.ConditionActivated, "--timeout=10m", directory},
	} {
		output, err := c.kubectl(ctx, command...)
		Expect(err).NotTo(HaveOccurred(), output)
	}
	c.awaitServed(ctx)
}
