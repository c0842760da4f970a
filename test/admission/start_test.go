package admission_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// For half a minute the parameter of the policies cannot be read. One spec uses it for all that it checks, on a control
// plane without kube-controller-manager, whose watches would delay the stop of the API server.
var _ = Describe("right after an API server's start", Serial, func() {
	It("deletions wait, the operator's other writes pass, claims are kept, metadata is bounded, and a provider's DELETE succeeds when it is retried", func(ctx SpecContext) {
		person, operator, plane := connect(ctx, controlplane.Options{})
		Expect(person.Create(ctx, &v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: enabled},
		})).To(Succeed())
		Expect(controlplane.Activate(ctx, person, "default")).To(Succeed())
		u, g := newUser("default", "alice", v1alpha1.SourceSCIM), newGroup("default", "admins", v1alpha1.SourceSCIM)
		manual := newUser("default", "manual", v1alpha1.SourceManual)
		s := newSlice("default", "staff-1", v1alpha1.SourceSCIM)
		for _, o := range []client.Object{u, g, s, manual} {
			Expect(operator.Create(ctx, o)).To(Succeed())
		}

		restartUntilNotReady(ctx, plane, operator, g)
		By("refusing to delete")
		for _, o := range []client.Object{u, g, s, manual} {
			expectNotReady(person.Delete(ctx, o), "cluster-admin deletes %s", o.GetName())
		}
		for _, o := range []client.Object{g, s} { // it has no right to delete users
			expectNotReady(operator.Delete(ctx, o), "the operator deletes %s", o.GetName())
		}
		expectNotReady(person.DeleteAllOf(ctx, &v1alpha1.CloudSSOUser{}, client.InNamespace("default")), "all users")
		expectNotReady(person.DeleteAllOf(ctx, &v1alpha1.CloudSSOGroup{}, client.InNamespace("default")), "all groups")
		expectNotReady(person.DeleteAllOf(ctx, &v1alpha1.CloudSSOMembershipSlice{}, client.InNamespace("default")), "all slices")
		By("keeping claims for the operator")
		claim := newClaim("default", "claim")
		Expect(operator.Create(ctx, claim)).To(Succeed())
		expectClaimRefused(person.Create(ctx, newClaim("default", "another")), "created")
		expectClaimRefused(person.Update(ctx, claim.DeepCopy()), "changed")
		expectClaimRefused(person.Delete(ctx, claim), "deleted")
		Expect(operator.Update(ctx, claim)).To(Succeed())
		Expect(operator.Delete(ctx, claim)).To(Succeed())
		By("bounding metadata")
		expectMetadataRefused(patched(ctx, person, manual.DeepCopy(), func(u *v1alpha1.CloudSSOUser) { u.Labels = entries(maxEntries+1, 1000) }), "remove some of them")
		By("writing as the operator")
		Expect(patched(ctx, operator, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) })).To(Succeed())
		Expect(patched(ctx, operator, g, func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "alice"}} })).To(Succeed())
		Expect(patched(ctx, operator, s, func(s *v1alpha1.CloudSSOMembershipSlice) { s.Spec.Members = []v1alpha1.Member{{Name: "alice"}} })).To(Succeed())
		seen := g.DeepCopy()
		g.Status.Members = new(int32)
		Expect(operator.Status().Patch(ctx, g, client.MergeFrom(seen))).To(Succeed())
		scim := serve(ctx, plane, "default")
		id := playThrough(ctx, scim)
		stored := &v1alpha1.CloudSSOGroup{}
		Expect(person.Get(ctx, client.ObjectKey{Namespace: "default", Name: id}, stored)).To(Succeed())
		Expect(stored.DeletionTimestamp).To(BeNil())

		Expect(plane.AwaitPolicies(ctx)).To(Succeed())
		By("refusing users alone")
		Expect(apierrors.IsForbidden(person.Delete(ctx, u.DeepCopy()))).To(BeTrue())
		Expect(apierrors.IsForbidden(person.Delete(ctx, g.DeepCopy()))).To(BeTrue())
		Expect(apierrors.IsForbidden(person.Delete(ctx, s.DeepCopy()))).To(BeTrue())
		Expect(person.Delete(ctx, manual)).To(Succeed())
		send(ctx, scim, http.StatusNoContent, "DELETE", "/Groups/"+id, "")
		Expect(apierrors.IsNotFound(person.Get(ctx, client.ObjectKeyFromObject(stored), stored))).To(BeTrue())
		Expect(operator.Delete(ctx, s)).To(Succeed())
		Expect(operator.Delete(ctx, g)).To(Succeed())
	})
})

// restartUntilNotReady restarts the API server until the guard cannot be evaluated. An API server that discovers the custom
// resources late reads the parameter from its first request on: four of five did when this was counted, so that forty are
// a bound that is not reached by chance.
func restartUntilNotReady(ctx context.Context, plane *controlplane.ControlPlane, operator client.Client, g *v1alpha1.CloudSSOGroup) {
	GinkgoHelper()
	const restarts = 40
	for range restarts {
		Expect(plane.KillAPIServer()).To(Succeed()) // a graceful stop takes seconds more
		Expect(plane.StartAPIServer()).To(Succeed())
		if operator.Delete(ctx, g, client.DryRunAll) != nil {
			return
		}
	}
	Fail(fmt.Sprintf("in %d restarts this API server read the parameter of the policies from the start", restarts))
}

// expectNotReady checks that a deletion is refused because the guard cannot be evaluated. The SCIM side recognizes this
// error by its text.
func expectNotReady(err error, what string, args ...any) {
	GinkgoHelper()
	what = fmt.Sprintf(what, args...)
	var status apierrors.APIStatus
	Expect(errors.As(err, &status)).To(BeTrue(), "%s: %v", what, err)
	Expect(status.Status().Code).To(BeEquivalentTo(http.StatusUnprocessableEntity), "%s: %v", what, err)
	Expect(err).To(MatchError(And(ContainSubstring("cloudsso-deletion-guard"), MatchRegexp("failed to configure (policy|binding)"))), what)
}

// playThrough sends a provider's requests meanwhile. It returns the id of the group whose DELETE has to wait.
func playThrough(ctx context.Context, scim *provider.Client) (group string) {
	GinkgoHelper()
	user := send(ctx, scim, http.StatusCreated, "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"bob@example.com"}`, userURN)).ID()
	send(ctx, scim, http.StatusOK, "PATCH", "/Users/"+user, fmt.Sprintf(`{"schemas":[%q],"Operations":[{"op":"replace","value":{"active":false}}]}`, patchURN))
	group = send(ctx, scim, http.StatusCreated, "POST", "/Groups",
		fmt.Sprintf(`{"schemas":[%q],"displayName":"Engineering","members":[{"value":%q}]}`, groupURN, user)).ID()
	refused := send(ctx, scim, http.StatusServiceUnavailable, "DELETE", "/Groups/"+group, "")
	Expect(refused.Header.Get("Retry-After")).To(MatchRegexp(`^[1-9][0-9]?$`), "Okta waits five minutes at anything but a number")
	Expect(refused.Body).To(HaveKeyWithValue("status", "503"))
	Expect(refused.Header.Get("Content-Type")).To(HavePrefix("application/scim+json"))
	send(ctx, scim, http.StatusOK, "GET", "/Groups/"+group, "")
	send(ctx, scim, http.StatusNoContent, "DELETE", "/Users/"+user, "") // deprovisions: nothing is deleted
	return group
}

func send(ctx context.Context, scim *provider.Client, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	answer, err := scim.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Status).To(Equal(status), "%s %s → %s", method, path, answer.Raw)
	return answer
}

// serve starts the SCIM service of one directory, with the operator's identity, until the spec ends.
func serve(ctx context.Context, plane *controlplane.ControlPlane, namespace string) *provider.Client {
	GinkgoHelper()
	account, err := plane.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	writer := newClient(account)
	sources := &informer.Sources{}
	informers, err := cache.New(account, cache.Options{Scheme: writer.Scheme(), NewInformer: sources.NewInformer})
	Expect(err).NotTo(HaveOccurred())
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	directories, err := store.New(running, store.Config{
		Client: writer, Cache: informers, Sources: sources, Log: slog.New(slog.DiscardHandler),
		Warn: func(runtime.Object, string, string) {}, Now: time.Now, NewSuffix: func() string { return rand.String(5) },
	})
	Expect(err).NotTo(HaveOccurred())
	stopped := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		Expect(informers.Start(running)).To(Succeed())
	}()
	DeferCleanup(func() { cancel(); <-stopped })
	Eventually(directories.Synced).Should(BeTrue())
	service := httptest.NewServer(scimserver.New(scimserver.Options{
		Authenticate: func(*http.Request) (scimserver.Session, error) {
			return scimserver.Session{Store: directories.In(namespace), Subject: namespace + "/test"}, nil
		},
		BaseURL: "https://scim.example.com/scim/v2",
		Logger:  slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
	}))
	DeferCleanup(service.Close)
	scim, err := provider.New(service.URL+"/scim/v2", "", "")
	Expect(err).NotTo(HaveOccurred())
	return scim
}
