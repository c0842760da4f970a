package restore_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

const (
	// employees is enough for a group with a slice.
	employees = 260
	// concurrency is how many objects are created at a time: as many as keep a small machine busy.
	concurrency = 8
)

// company is what the provider has created.
type company struct {
	*directory
	users        []string // ids of active users, in their order
	disabled     string
	gone         string // deprovisioned, and suspended before
	team, staff  string // groups; staff is sliced
	expectedTeam []string
}

func newCompany(ctx context.Context) *company {
	GinkgoHelper()
	c := &company{directory: newDirectory(ctx)}
	create := func(path, body string) string {
		return c.send(ctx, http.StatusCreated, http.MethodPost, path, body).ID()
	}
	c.users = c.createEmployees(ctx)
	c.disabled, c.gone = create("/Users", load.InactiveUser("disabled")), create("/Users", load.User("gone"))
	c.expectedTeam = []string{c.users[0], c.users[1], c.disabled}
	c.team, c.staff = create("/Groups", load.Group("Team", c.expectedTeam...)), create("/Groups", load.Group("Staff", c.users...))
	suspend := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspended":true}}`))
	Expect(person.Patch(ctx, get(ctx, c.directory, c.gone, &v1alpha1.CloudSSOUser{}), suspend)).To(Succeed())
	c.send(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+c.gone, "")
	Eventually(c.stateOf(ctx, c.gone)).Should(Equal(v1alpha1.UserDeprovisioned))
	slices := &v1alpha1.CloudSSOMembershipSliceList{}
	Expect(person.List(ctx, slices, client.InNamespace(c.namespace))).To(Succeed())
	Expect(slices.Items).NotTo(BeEmpty())
	Expect(person.Create(ctx, &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "team-view"},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Team"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    v1alpha1.AccessTarget{Namespaces: []string{quickstart.TargetNamespace}},
		},
	})).To(Succeed())
	return c
}

// subjects returns a function that returns the Kubernetes user names that have a role through the directory.
func (c *company) subjects(ctx context.Context) func() ([]string, error) {
	return func() ([]string, error) { return quickstart.Subjects(ctx, person, c.namespace) }
}

// subject returns the Kubernetes user name of the user that a tag names.
func subject(tag string) string { return oidcissuer.UsernamePrefix + load.UserName(tag) }

// createEmployees returns the ids of new users. It creates several at a time, because one by one they would take most of
// the time of a spec.
func (c *company) createEmployees(ctx context.Context) []string {
	GinkgoHelper()
	ids := make([]string, employees)
	var creates errgroup.Group
	creates.SetLimit(concurrency)
	for n := range ids {
		creates.Go(func() error {
			created, err := c.scim.Do(ctx, http.MethodPost, "/Users", load.User(fmt.Sprintf("x%d", n)))
			if err != nil || created.Status != http.StatusCreated {
				return fmt.Errorf("user %d: %v, %w", n, created, err)
			}
			ids[n] = created.ID()
			return nil
		})
	}
	Expect(creates.Wait()).To(Succeed())
	return ids
}

func (c *company) stateOf(ctx context.Context, id string) func() v1alpha1.UserState {
	return func() v1alpha1.UserState { return get(ctx, c.directory, id, &v1alpha1.CloudSSOUser{}).Status.State }
}

// membersOf returns the ids of a group's members.
func (c *company) membersOf(ctx context.Context, id string) (ids []string) {
	GinkgoHelper()
	members, ok := c.send(ctx, http.StatusOK, http.MethodGet, "/Groups/"+id, "").Body["members"].([]any)
	Expect(ok).To(BeTrue())
	for _, m := range members {
		ids = append(ids, fmt.Sprint(m.(map[string]any)["value"])) //nolint:errcheck,forcetypeassert // a panic fails the spec
	}
	return ids
}

// list returns the ids of all users, page by page.
func (c *company) list(ctx context.Context) (ids []string) {
	GinkgoHelper()
	for {
		page := c.send(ctx, http.StatusOK, http.MethodGet, fmt.Sprintf("/Users?startIndex=%d", len(ids)+1), "")
		if ids = append(ids, page.IDs()...); len(ids) >= page.Total() {
			return ids
		}
	}
}

// expectWhole checks that every resource is there under its id, in its state, with its members, and with its access.
func (c *company) expectWhole(ctx context.Context) {
	GinkgoHelper()
	Expect(c.list(ctx)).To(ConsistOf(append(slices.Clone(c.users), c.disabled)))
	Expect(c.send(ctx, http.StatusOK, http.MethodGet, "/Users/"+c.disabled, "").Body).To(HaveKeyWithValue("active", false))
	c.send(ctx, http.StatusNotFound, http.MethodGet, "/Users/"+c.gone, "")
	Expect(c.membersOf(ctx, c.team)).To(ConsistOf(c.expectedTeam))
	Expect(c.membersOf(ctx, c.staff)).To(ConsistOf(c.users))
	Eventually(c.stateOf(ctx, c.gone)).Should(Equal(v1alpha1.UserDeprovisioned))
	Eventually(c.stateOf(ctx, c.disabled)).Should(Equal(v1alpha1.UserDisabled))
	Eventually(c.subjects(ctx)).Should(ConsistOf(subject("x0"), subject("x1")))
}

// expectUnavailable checks that the provider is told to wait, an administrator what to do, and that no access is granted.
func (c *company) expectUnavailable(ctx context.Context) {
	GinkgoHelper()
	command := fmt.Sprintf("kubectl -n %s annotate --overwrite cloudssodirectory default cloudsso.dev/activate=%s", c.namespace, c.settings(ctx).UID)
	Eventually(c.answer(ctx)).Should(Equal(http.StatusServiceUnavailable))
	for _, request := range [][3]string{
		{http.MethodGet, "/Users?count=100"},
		{http.MethodGet, "/Users/" + c.users[0]},
		{http.MethodPost, "/Users", load.User("early")},
		{http.MethodDelete, "/Groups/" + c.team},
		{http.MethodGet, load.Find("userName", load.UserName("x0"))},
	} {
		response := c.send(ctx, http.StatusServiceUnavailable, request[0], request[1], request[2])
		Expect(response.Header.Get("Retry-After")).To(Equal("60"))
		Expect(response.Body["detail"]).To(ContainSubstring(command))
	}
	c.send(ctx, http.StatusOK, http.MethodGet, "/ServiceProviderConfig", "")
	c.expectNoAccess(ctx)
	Eventually(func(g Gomega) {
		conditions := c.settings(ctx).Status.Conditions
		for _, conditionType := range []string{v1alpha1.ConditionActivated, v1alpha1.ConditionReady} {
			condition := meta.FindStatusCondition(conditions, conditionType)
			g.Expect(condition).NotTo(BeNil())
			g.Expect(condition.Status).To(Equal(metav1.ConditionFalse))
			g.Expect(condition.Reason).To(Equal(v1alpha1.ReasonAwaitingActivation))
			g.Expect(condition.Message).To(ContainSubstring(command))
		}
		g.Expect(eventReasons(ctx, c.namespace)).To(ContainElement(v1alpha1.ReasonAwaitingActivation))
	}).Should(Succeed())
}

// expectNoAccess checks that no access is granted.
func (c *company) expectNoAccess(ctx context.Context) {
	GinkgoHelper()
	Expect(c.subjects(ctx)()).To(BeEmpty())
}

// eventReasons returns the reasons of the Events on the directory of a namespace.
func eventReasons(ctx context.Context, namespace string) (reasons []string) {
	GinkgoHelper()
	var all eventsv1.EventList
	Expect(person.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
	for _, e := range all.Items {
		if e.Regarding.Name == v1alpha1.DirectoryName {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

// expectDeletionsHeld checks that the guard is in force before the activation.
func (c *company) expectDeletionsHeld(ctx context.Context) {
	GinkgoHelper()
	for _, o := range []client.Object{
		get(ctx, c.directory, c.users[0], &v1alpha1.CloudSSOUser{}), get(ctx, c.directory, c.team, &v1alpha1.CloudSSOGroup{}), c.settings(ctx),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}},
	} {
		err := person.Delete(ctx, o)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%T: %v", o, err)
	}
}

// awaitClaims waits until all names are claimed, which does not need the activation.
func (c *company) awaitClaims(ctx context.Context) {
	GinkgoHelper()
	const names = employees + 4 // the users that are not deleted, the suspended one, two groups
	Eventually(func() int {
		var claims v1alpha1.CloudSSONameClaimList
		Expect(person.List(ctx, &claims, client.InNamespace(c.namespace))).To(Succeed())
		return len(claims.Items)
	}).WithTimeout(2 * time.Minute).Should(Equal(names))
}

// expectProviderGoesOn checks that the provider's next requests do what they would have done without the restore.
func (c *company) expectProviderGoesOn(ctx context.Context) {
	GinkgoHelper()
	c.send(ctx, http.StatusConflict, http.MethodPost, "/Users", load.User("x0"))
	c.send(ctx, http.StatusConflict, http.MethodPost, "/Groups", load.Group("Team"))
	next := c.send(ctx, http.StatusCreated, http.MethodPost, "/Users", load.User("gone")).ID()
	Expect(next).NotTo(Equal(c.gone))
	Expect(get(ctx, c.directory, next, &v1alpha1.CloudSSOUser{}).Spec.Suspended).To(BeTrue(), "the suspension of the deleted user is lost")
	c.send(ctx, http.StatusOK, http.MethodPatch, "/Users/"+next, load.SetActive(false))
	c.send(ctx, http.StatusOK, http.MethodPatch, "/Groups/"+c.staff, load.AddMembers([]string{next}))
	Expect(c.membersOf(ctx, c.staff)).To(ConsistOf(append(slices.Clone(c.users), next)))
	c.send(ctx, http.StatusOK, http.MethodPatch, "/Groups/"+c.staff, load.RemoveMembers([]string{next}))
	c.send(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+next, "")
	c.send(ctx, http.StatusOK, http.MethodPatch, "/Users/"+c.users[1], load.SetActive(false))
	Eventually(c.subjects(ctx)).Should(ConsistOf(subject("x0")))
	err := person.Create(ctx, &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "by-hand"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "by-hand"},
	}, client.DryRunAll)
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "the lock is not applied: %v", err)
}

// cloudsso runs kubectl cloudsso for the directory, and returns what it prints.
func (c *company) cloudsso(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, plugin, append(arguments, "--kubeconfig", environment.Kubeconfig, "-n", c.namespace)...)
	command.Stderr = GinkgoWriter
	output, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	return string(output)
}

// kubectl runs kubectl for the directory, and returns what it prints.
func (c *company) kubectl(ctx context.Context, arguments ...string) (string, error) {
	GinkgoHelper()
	program, err := controlplane.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	output, err := exec.CommandContext(ctx, program, append(arguments, "--kubeconfig", environment.Kubeconfig, "-n", c.namespace)...).CombinedOutput()
	return string(output), err
}

// export writes the directory into a file, and returns its path.
func (c *company) export(ctx context.Context) string {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "backup.yaml")
	Expect(os.WriteFile(file, []byte(c.cloudsso(ctx, "export")), 0o600)).To(Succeed())
	return file
}

var _ = Describe("a backup", func() {
	It("is restored in the order of Velero, and its own backup in the opposite order, and the provider goes on", func(ctx SpecContext) {
		c := newCompany(ctx)
		c.expectWhole(ctx)
		former := ""
		for generation, order := range [][]schema.GroupVersionKind{kinds, reversed()} {
			By(fmt.Sprintf("restoring backup %d", generation+1))
			saved := takeBackup(ctx, c.namespace)
			c.lose(ctx)
			saved.restore(ctx, order, func() {
				Expect(c.answer(ctx)()).To(BeElementOf(http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable))
			})
			c.expectUnavailable(ctx)
			c.expectDeletionsHeld(ctx)
			Eventually(c.stateOf(ctx, c.gone)).Should(Equal(v1alpha1.UserDeprovisioned))
			Eventually(c.stateOf(ctx, c.disabled)).Should(Equal(v1alpha1.UserDisabled))
			c.awaitClaims(ctx)
			c.expectNoAccess(ctx)
			Expect(c.settings(ctx).Annotations[v1alpha1.AnnotationActivate]).To(Equal(former), "that of the backup")
			Expect(c.settings(ctx).Status.ActivatedAt).To(BeNil())

			c.activate(ctx, "not-the-uid")
			Eventually(func() string {
				return meta.FindStatusCondition(c.settings(ctx).Status.Conditions, v1alpha1.ConditionActivated).Message
			}).Should(ContainSubstring(`"not-the-uid" is not the uid of this directory`))
			Expect(c.answer(ctx)()).To(Equal(http.StatusServiceUnavailable))

			former = string(c.settings(ctx).UID)
			c.activate(ctx, former)
			c.awaitServed(ctx)
			c.expectWhole(ctx)
			Eventually(func() []string { return eventReasons(ctx, c.namespace) }).Should(ContainElement(v1alpha1.ReasonActivated))
		}
		c.expectProviderGoesOn(ctx)
	})

	It("of kubectl cloudsso is exported and imported, and the provider goes on", func(ctx SpecContext) {
		c := newCompany(ctx)
		file := c.export(ctx)
		c.lose(ctx)
		Expect(c.cloudsso(ctx, "import", "-f", file, "--yes")).To(ContainSubstring(" 0 were there already, 0 failed"))
		c.expectUnavailable(ctx)
		c.awaitClaims(ctx)
		c.activate(ctx, string(c.settings(ctx).UID))
		c.awaitServed(ctx)
		c.expectWhole(ctx)
		c.expectProviderGoesOn(ctx)
	})

	It("of kubectl cloudsso brings back what was deleted by mistake, while the directory stays", func(ctx SpecContext) {
		c := newCompany(ctx)
		file := c.export(ctx)
		c.cloudsso(ctx, "sync", "disable", "--for", "10m", "--yes")
		lost := c.users[employees-1]
		for _, o := range []client.Object{get(ctx, c.directory, lost, &v1alpha1.CloudSSOUser{}), get(ctx, c.directory, c.team, &v1alpha1.CloudSSOGroup{})} {
			Expect(person.Delete(ctx, o)).To(Succeed())
			key := client.ObjectKeyFromObject(o)
			Eventually(func() bool { return apierrors.IsNotFound(person.Get(ctx, key, o)) }).Should(BeTrue())
		}
		output, err := c.kubectl(ctx, "create", "-f", file)
		Expect(err).To(HaveOccurred(), "most objects are there")
		Expect(output).To(And(ContainSubstring("cloudssouser.cloudsso.dev/"+lost+" created"), ContainSubstring("cloudssogroup.cloudsso.dev/"+c.team+" created"), ContainSubstring("AlreadyExists")))
		Expect(strings.Count(output, " created\n")).To(Equal(2))
		c.cloudsso(ctx, "sync", "enable", "--yes")
		c.awaitServed(ctx)
		Expect(c.membersOf(ctx, c.staff)).To(ConsistOf(c.users[:employees-1]))
		c.send(ctx, http.StatusOK, http.MethodPatch, "/Groups/"+c.staff, load.AddMembers([]string{lost}))
		c.expectWhole(ctx)
	})

	It("brings back a status that activates nothing", func(ctx SpecContext) {
		d := newDirectory(ctx)
		status := d.settings(ctx).Status
		saved := takeBackup(ctx, d.namespace)
		d.lose(ctx)
		Eventually(func() int64 { return time.Now().Unix() }).Should(BeNumerically(">", status.ActivatedAt.Unix()), "creation times have whole seconds")
		saved.restore(ctx, kinds, func() {})
		restored := d.settings(ctx)
		before := restored.DeepCopy()
		restored.Status.ActivatedAt = status.ActivatedAt
		Expect(person.Status().Patch(ctx, restored, client.MergeFrom(before))).To(Succeed())
		Eventually(func() *metav1.Time { return d.settings(ctx).Status.ActivatedAt }).Should(BeNil())
		Expect(d.answer(ctx)()).To(BeElementOf(http.StatusUnauthorized, http.StatusServiceUnavailable))
		Eventually(d.answer(ctx)).Should(Equal(http.StatusServiceUnavailable))
	})

	It("brings back credentials as they were: an expired one stays expired, one without an expiry is not accepted", func(ctx SpecContext) {
		d := newDirectory(ctx)
		credential := get(ctx, d, quickstart.CredentialName, &v1alpha1.SCIMCredential{})
		before := credential.DeepCopy()
		credential.Spec.ExpiresAt = new(metav1.NewTime(time.Now().Add(-time.Minute)))
		Expect(person.Patch(ctx, credential, client.MergeFrom(before))).To(Succeed()) // the operator writes lastUsedTime meanwhile
		Eventually(d.answer(ctx)).Should(Equal(http.StatusUnauthorized))
		saved := takeBackup(ctx, d.namespace)
		d.lose(ctx)
		saved.restore(ctx, kinds, func() {})
		d.activate(ctx, string(d.settings(ctx).UID))
		reason := func() string {
			ready := meta.FindStatusCondition(get(ctx, d, quickstart.CredentialName, &v1alpha1.SCIMCredential{}).Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil {
				return ""
			}
			return ready.Reason
		}
		Eventually(reason).Should(Equal(v1alpha1.ReasonExpired))
		Expect(d.answer(ctx)()).To(Equal(http.StatusUnauthorized))

		for _, o := range saved[v1alpha1.GroupVersion.WithKind("SCIMCredential")] {
			spec, ok := o.Object["spec"].(map[string]any)
			Expect(ok).To(BeTrue())
			delete(spec, "expiresAt")
			Expect(person.Delete(ctx, get(ctx, d, o.GetName(), &v1alpha1.SCIMCredential{}))).To(Succeed())
			Expect(person.Create(ctx, o)).To(Succeed())
		}
		Eventually(reason).Should(Equal(v1alpha1.ReasonExpiryMissing))
		Expect(get(ctx, d, quickstart.CredentialName, &v1alpha1.SCIMCredential{}).Spec.ExpiresAt).To(BeNil())
		Expect(d.answer(ctx)()).To(Equal(http.StatusUnauthorized))
	})

	It("of another tool than Velero waits for a person if the directory is annotated", func(ctx SpecContext) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "restore-"}}
		Expect(person.Create(ctx, ns)).To(Succeed())
		d := &directory{namespace: ns.Name}
		Expect(person.Create(ctx, &v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: v1alpha1.DirectoryName, Annotations: map[string]string{v1alpha1.AnnotationRestored: ""}},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		})).To(Succeed())
		Eventually(func() []string { return eventReasons(ctx, ns.Name) }).Should(ContainElement(v1alpha1.ReasonAwaitingActivation))
		Expect(d.settings(ctx).Status.ActivatedAt).To(BeNil())
		d.activate(ctx, strings.ToLower(string(d.settings(ctx).UID)))
		Expect(quickstart.AwaitActivation(ctx, person, ns.Name)).To(Succeed())
	})
})
