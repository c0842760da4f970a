package okta_test

import (
	"context"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

var _ = Describe("a Manual user whom the provider creates", Serial, func() {
	var name string
	var manual *v1alpha1.CloudSSOUser

	BeforeEach(func(ctx SpecContext) {
		name = unique("manual")
		manual = &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, GenerateName: "by-hand-", Labels: map[string]string{"team": "a"}},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: name, DisplayName: "By Hand", Title: "Admiral"},
		}
	})

	// declare creates the user, and waits until it holds its userName. Before that, a create by the provider may win it.
	declare := func(ctx context.Context) {
		GinkgoHelper()
		Expect(environment.Admin.Create(ctx, manual)).To(Succeed())
		Eventually(func() string { return user(ctx, manual.Name).Status.ClaimedName }).Should(Equal(name))
	}

	// stays expects that the user is as it was created.
	stays := func(ctx context.Context, refused *provider.Response) {
		GinkgoHelper()
		Expect(refused.Body).To(HaveKeyWithValue("scimType", "uniqueness"))
		Expect(refused.Raw).To(ContainSubstring(manual.Name), "says whose the name is")
		Expect(user(ctx, manual.Name).Spec).To(Equal(manual.Spec))
		Expect(send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "").Resources()).To(BeEmpty())
		send(ctx, 404, "GET", "/Users/"+manual.Name, "")
	}

	It("is refused by default, with the way to have it adopted", func(ctx SpecContext) {
		declare(ctx)
		refused := send(ctx, 409, "POST", "/Users", newUser(name, "00umanual"))
		Expect(refused.Body).To(HaveKeyWithValue("detail", And(
			ContainSubstring("existingUsers"), ContainSubstring("Adopt"), ContainSubstring("CloudSSODirectory"), ContainSubstring(environment.Namespace))))
		stays(ctx, refused)
	})

	It("is adopted where the directory says so: the same object, with the same id", func(ctx SpecContext) {
		declare(ctx)
		setExistingUsers(ctx, v1alpha1.ExistingUsersAdopt)
		created := send(ctx, 201, "POST", "/Users", newUser(name, "00umanual"))
		Expect(created.ID()).To(Equal(manual.Name))
		Expect(created.Header.Get("Location")).To(HaveSuffix("/Users/" + manual.Name))
		Expect(created.Body).To(HaveKeyWithValue("externalId", "00umanual"))
		adopted := user(ctx, manual.Name)
		Expect(adopted.UID).To(Equal(manual.UID))
		Expect(adopted.Labels).To(HaveKeyWithValue("team", "a"))
		Expect(adopted.Spec.Source).To(Equal(v1alpha1.SourceSCIM))
		Expect(adopted.Spec.DisplayName).To(Equal("Test User"), "the provider's word counts from now on")
		Expect(adopted.Spec.Title).To(BeEmpty())
		Eventually(eventsOn(ctx, manual.Name)).Should(ContainElement("Adopted"))
		log, err := os.ReadFile(environment.LogFile())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).To(MatchRegexp(`"adopted a Manual user".*%q`, manual.Name))

		Expect(send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "").IDs()).To(ConsistOf(manual.Name))
		Expect(send(ctx, 409, "POST", "/Users", newUser(name, "00uother")).Body).To(HaveKeyWithValue("scimType", "uniqueness"))
		Eventually(func() []string { return user(ctx, manual.Name).Finalizers }).Should(ContainElement(v1alpha1.FinalizerGuard), "it is guarded as any other")
		send(ctx, 200, "PATCH", "/Users/"+manual.Name, patch(`[{"op":"replace","value":{"active":false}}]`))
		Eventually(stateOf(ctx, manual.Name)).Should(Equal(v1alpha1.UserDisabled))
	})

	It("keeps its memberships when it is adopted under another spelling", func(ctx SpecContext) {
		declare(ctx)
		crew := &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, GenerateName: "crew-"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceManual, DisplayName: unique("Crew"), Members: []v1alpha1.Member{{Name: manual.Name}}},
		}
		Expect(environment.Admin.Create(ctx, crew)).To(Succeed())
		setExistingUsers(ctx, v1alpha1.ExistingUsersAdopt)
		Expect(send(ctx, 201, "POST", "/Users", newUser("M"+name[1:], "00uspelling")).ID()).To(Equal(manual.Name))
		Expect(user(ctx, manual.Name).Spec.UserName).To(Equal("M" + name[1:]))
		Expect(group(ctx, crew.Name).Spec.Members).To(ConsistOf(v1alpha1.Member{Name: manual.Name}))
	})

	DescribeTable("is never adopted from a tool that would take it back",
		func(ctx SpecContext, where, key string) {
			if where == "annotation" {
				manual.Annotations = map[string]string{key: "acme:cloudsso.dev/CloudSSOUser:acme/manual"}
			} else {
				manual.Labels[key] = "acme"
			}
			declare(ctx)
			setExistingUsers(ctx, v1alpha1.ExistingUsersAdopt)
			refused := send(ctx, 409, "POST", "/Users", newUser(name, "00umanual"))
			stays(ctx, refused)
			Expect(environment.Admin.Delete(ctx, manual)).To(Succeed(), "it is still a person's to delete")
		},
		Entry("Helm, by its annotations", "annotation", "meta.helm.sh/release-name"),
		Entry("Helm, by its label", "label", "app.kubernetes.io/managed-by"),
		Entry("Argo CD, by annotation", "annotation", "argocd.argoproj.io/tracking-id"),
		Entry("Argo CD, by its own label", "label", "argocd.argoproj.io/instance"),
		Entry("Argo CD, by the label it had before version 3", "label", "app.kubernetes.io/instance"),
		Entry("Flux, from a Kustomization", "label", "kustomize.toolkit.fluxcd.io/name"),
		Entry("Flux, from a HelmRelease", "label", "helm.toolkit.fluxcd.io/name"),
	)
})

// setExistingUsers sets spec.existingUsers until the spec ends.
func setExistingUsers(ctx context.Context, policy v1alpha1.ExistingUsersPolicy) {
	GinkgoHelper()
	configure(ctx, func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = policy })
	DeferCleanup(configure, func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = v1alpha1.ExistingUsersReject })
}

// configure changes the directory, and returns when the manager has seen it.
func configure(ctx context.Context, change func(*v1alpha1.CloudSSODirectory)) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	key := client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}
	Expect(environment.Admin.Get(ctx, key, d)).To(Succeed())
	before := d.DeepCopy()
	change(d)
	Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
	Eventually(func() int64 {
		Expect(environment.Admin.Get(ctx, key, d)).To(Succeed())
		return d.Status.ObservedGeneration
	}).Should(Equal(d.Generation))
}
