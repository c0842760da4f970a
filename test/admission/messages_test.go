package admission_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("a refusal says what can be done", func() {
	const inProvider, alreadyDeleted = "in the identity provider, or first run: kubectl -n ", "The identity provider has deleted it"

	It("about a user or group that the identity provider can remove and change", func(ctx SpecContext) {
		u, g := synchronized(ctx, enabled)
		Expect(person.Delete(ctx, u)).To(MatchError(ContainSubstring("remove it " + inProvider + u.Namespace)))
		Expect(person.Delete(ctx, g)).To(MatchError(ContainSubstring("remove it " + inProvider + u.Namespace)))
		change := func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Changed" }
		Expect(patched(ctx, person, u, change)).To(MatchError(ContainSubstring("Change it " + inProvider + u.Namespace)))
	})

	It("about a user that the identity provider has deleted, and does not see", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		Expect(patched(ctx, operator, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) })).To(Succeed())
		Expect(person.Delete(ctx, u)).To(MatchError(And(
			ContainSubstring("the identity provider has deleted it already"), ContainSubstring("First run: kubectl -n "+u.Namespace), Not(ContainSubstring(inProvider)))))
		change := func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Changed" }
		Expect(patched(ctx, person, u, change)).To(MatchError(And(
			ContainSubstring(alreadyDeleted), ContainSubstring("First run: kubectl -n "+u.Namespace), Not(ContainSubstring(inProvider)))))
	})

	It("about the source of a user, which can be adopted, and of a group, which cannot", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		u, g := newUser(namespace, "manual", v1alpha1.SourceManual), newGroup(namespace, "manual", v1alpha1.SourceManual)
		Expect(person.Create(ctx, u)).To(Succeed())
		Expect(person.Create(ctx, g)).To(Succeed())
		Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = v1alpha1.SourceSCIM })).To(MatchError(And(
			ContainSubstring("spec.existingUsers"), ContainSubstring("let the provider create the user"))))
		Expect(patched(ctx, person, g, func(g *v1alpha1.CloudSSOGroup) { g.Spec.Source = v1alpha1.SourceSCIM })).To(MatchError(And(
			ContainSubstring("delete it, and let the provider create a group of that displayName"), Not(ContainSubstring("existingUsers")))))
	})
})
