package controllers_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/gitops"
)

const configFolder = "../config"

// aHash is a well-formed hash of a token.
const aHash = "sha256:f18006307c057b7455ab6a6d662e087bd8c8f9e7a5e71ae323293f82f2708db8"

var _ = Describe("a GitOps tool that waits", func() {
	It("ends on the samples", func(ctx SpecContext) {
		for _, name := range kustomization() {
			apply(ctx, sample(name))
		}
		for _, name := range kustomization() {
			Eventually(isObservedAndCurrent(ctx, sample(name))).Should(BeTrue(), name)
		}
	})

	It("finds nothing to change when it applies the samples again", func(ctx SpecContext) {
		samples := append(kustomization(), "samples/scimcredential_declared.yaml", "demo/cloudssoaccessassignment.yaml")
		for _, name := range samples {
			apply(ctx, sample(name))
		}
		for _, name := range samples {
			Eventually(observes(ctx, sample(name))).Should(BeTrue(), name)
			before := read(ctx, sample(name))
			apply(ctx, sample(name))
			Expect(declared(read(ctx, sample(name)))).To(Equal(declared(before)), name)
		}
	})

	It("does not turn a switch that Git does not have", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationEnabled)
		manifest := sample("samples/cloudssodirectory.yaml")
		unstructured.RemoveNestedField(manifest.Object, "spec")
		apply(ctx, manifest)
		Expect(directoryOf(ctx).Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationEnabled))
	})

	for _, name := range []string{"samples/scimcredential_declared.yaml", "samples/scimcredential_disabled.yaml", "samples/scimcredential_expiring.yaml"} {
		It("ends on the sample "+name, func(ctx SpecContext) {
			apply(ctx, sample(name))
			Eventually(isObservedAndCurrent(ctx, sample(name))).Should(BeTrue())
		})
	}

	It("ends on the sample of an assignment", func(ctx SpecContext) {
		const file = "demo/cloudssoaccessassignment.yaml"
		acme := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
		Expect(client.IgnoreAlreadyExists(admin.Create(ctx, acme))).To(Succeed())
		for _, name := range append(kustomization(), file) {
			apply(ctx, sample(name))
		}
		Eventually(conditionOf(ctx, sample(file), v1alpha1.ConditionEffective)).Should(HaveField("Reason", v1alpha1.ReasonPreview))
		Eventually(isObservedAndCurrent(ctx, sample(file))).Should(BeTrue())
	})

	DescribeTable("ends on what is switched off by its spec, and a second condition says so",
		func(ctx SpecContext, o client.Object, effect, reason string) {
			if _, isAssignment := o.(*v1alpha1.CloudSSOAccessAssignment); isAssignment {
				createUser(ctx, "alice", "alice", scim)
			}
			create(ctx, o)
			Eventually(conditionOf(ctx, o, effect)).Should(And(HaveField("Status", metav1.ConditionFalse), HaveField("Reason", reason)))
			// An assignment may have been seen before its principal was: it waits for that first.
			Eventually(conditionOf(ctx, o, v1alpha1.ConditionReady)).Should(And(HaveField("Status", metav1.ConditionTrue), HaveField("Reason", reason)))
			Eventually(kstatus(ctx, o)).Should(Equal(status.CurrentStatus))
		},
		Entry("a synchronized user with active: false", userWith(scim, inactive), v1alpha1.ConditionEffective, v1alpha1.ReasonDisabled),
		Entry("a synchronized user that is suspended", userWith(scim, suspended), v1alpha1.ConditionEffective, v1alpha1.ReasonSuspended),
		Entry("a deprovisioned user", userWith(scim, deprovisioned), v1alpha1.ConditionEffective, v1alpha1.ReasonDeprovisioned),
		Entry("a Manual user with active: false", userWith(manual, inactive), v1alpha1.ConditionEffective, v1alpha1.ReasonDisabled),
		Entry("a Manual user that is suspended", userWith(manual, suspended), v1alpha1.ConditionEffective, v1alpha1.ReasonSuspended),
		Entry("a disabled credential", &v1alpha1.SCIMCredential{Spec: v1alpha1.SCIMCredentialSpec{Disabled: true}}, v1alpha1.ConditionUsable, v1alpha1.ReasonDisabledCredential),
		Entry("an expired credential", &v1alpha1.SCIMCredential{Spec: v1alpha1.SCIMCredentialSpec{ExpiresAt: new(metav1.NewTime(time.Now().Add(-time.Hour)))}},
			v1alpha1.ConditionUsable, v1alpha1.ReasonExpired),
		Entry("an assignment that has not begun", assignmentWith(func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.NotBefore = hence(time.Hour) }),
			v1alpha1.ConditionEffective, v1alpha1.ReasonScheduled),
		Entry("an assignment that has ended", assignmentWith(func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.ExpiresAt = hence(-time.Hour) }),
			v1alpha1.ConditionEffective, v1alpha1.ReasonAccessExpired),
		Entry("an assignment in mode Preview", assignmentWith(func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.Mode = v1alpha1.AccessPreview }),
			v1alpha1.ConditionEffective, v1alpha1.ReasonPreview),
	)

	It("ends on an assignment of a directory whose switch is Disabled, and not on one without a principal", func(ctx SpecContext) {
		missing := assignmentWith(func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.Principal.Name = "not-there" })
		missing.Name = "missing"
		create(ctx, missing)
		Eventually(conditionOf(ctx, missing, v1alpha1.ConditionReady)).Should(HaveField("Reason", v1alpha1.ReasonPrincipalNotFound))
		Expect(kstatus(ctx, missing)()).To(Equal(status.InProgressStatus))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(isObservedAndCurrent(ctx, missing)).Should(BeTrue())
		Expect(conditionOf(ctx, missing, v1alpha1.ConditionReady)()).To(HaveField("Reason", v1alpha1.ReasonSynchronizationDisabled))
	})

	It("ends on a directory whose switch is Disabled", func(ctx SpecContext) {
		d := directoryOf(ctx)
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(conditionOf(ctx, d, v1alpha1.ConditionReady)).Should(And(
			HaveField("Status", metav1.ConditionTrue), HaveField("Reason", v1alpha1.ReasonSynchronizationDisabled)))
		Expect(kstatus(ctx, d)()).To(Equal(status.CurrentStatus))
	})

	It("ends on a synchronized user with conditions whose profile changes again and again", func(ctx SpecContext) {
		u := createUser(ctx, "alice", "alice", scim)
		modify(ctx, u, inactive)
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserDisabled))
		modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Alice" })
		marker := createUser(ctx, "marker", "marker", manual) // its status comes after the other user was seen
		Eventually(readiness(ctx, marker)).Should(Equal(v1alpha1.ReasonReady))
		Expect(kstatus(ctx, u)()).To(Equal(status.CurrentStatus))
	})

	It("does not end while another user or group has the name, or a member is unknown", func(ctx SpecContext) {
		createUser(ctx, "first", "bob", scim)
		createGroup(ctx, "first", "Staff", scim)
		Eventually(isObservedAndCurrent(ctx, newGroup("first", "", scim))).Should(BeTrue())
		for o, reason := range map[client.Object]string{
			newUser("declared", "BOB", manual):              v1alpha1.ReasonUserNameConflict,
			newUser("second", "Bob", scim):                  v1alpha1.ReasonUserNameConflict,
			newGroup("second", "staff", manual):             v1alpha1.ReasonDisplayNameConflict,
			newGroup("early", "Early", manual, "not-there"): v1alpha1.ReasonUnknownMembers,
		} {
			create(ctx, o)
			Eventually(conditionOf(ctx, o, v1alpha1.ConditionReady)).Should(HaveField("Reason", reason))
			Expect(kstatus(ctx, o)()).To(Equal(status.InProgressStatus), reason)
		}
	})

	It("does not end while a credential has no slot, or the token of another one", func(ctx SpecContext) {
		withHash := func(name string) *v1alpha1.SCIMCredential {
			return &v1alpha1.SCIMCredential{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.SCIMCredentialSpec{TokenHash: aHash},
			}
		}
		first, second, third := withHash("a"), withHash("b"), withHash("c")
		create(ctx, first)
		Eventually(isObservedAndCurrent(ctx, first)).Should(BeTrue())
		create(ctx, second)
		for _, c := range []client.Object{first, second} {
			Eventually(conditionOf(ctx, c, v1alpha1.ConditionReady)).Should(HaveField("Reason", v1alpha1.ReasonTokenConflict))
			Expect(kstatus(ctx, c)()).To(Equal(status.InProgressStatus))
		}
		create(ctx, third)
		Eventually(conditionOf(ctx, third, v1alpha1.ConditionReady)).Should(HaveField("Reason", v1alpha1.ReasonQuotaExceeded))
		Expect(kstatus(ctx, third)()).To(Equal(status.InProgressStatus))
	})
})

func inactive(u *v1alpha1.CloudSSOUser)      { u.Spec.Active = new(false) }
func suspended(u *v1alpha1.CloudSSOUser)     { u.Spec.Suspended = true }
func deprovisioned(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }

func userWith(source v1alpha1.Source, change func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: source, UserName: "alice"}}
	change(u)
	return u
}

// assignmentWith returns an assignment to a user, in the whole cluster, changed.
func assignmentWith(change func(*v1alpha1.CloudSSOAccessAssignment)) *v1alpha1.CloudSSOAccessAssignment {
	a := &v1alpha1.CloudSSOAccessAssignment{Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
		Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalUser, Name: "alice"},
		RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
		Target:    v1alpha1.AccessTarget{Cluster: new(true)},
	}}
	change(a)
	return a
}

// hence returns a time from now, in whole seconds as the API server stores it.
func hence(d time.Duration) *metav1.Time { return new(metav1.NewTime(time.Now().Add(d))) }

// create creates an object in the spec's namespace.
func create(ctx context.Context, o client.Object) {
	GinkgoHelper()
	o.SetNamespace(namespace)
	if o.GetName() == "" {
		o.SetName("one")
	}
	Expect(admin.Create(ctx, o)).To(Succeed())
}

// kustomization returns the files that kubectl apply -k applies.
func kustomization() (files []string) {
	GinkgoHelper()
	for _, folder := range []string{"samples", "demo"} { // the demo has the samples too
		var k struct{ Resources []string }
		readYAML(folder+"/kustomization.yaml", &k)
		for _, resource := range k.Resources {
			if strings.HasSuffix(resource, ".yaml") {
				files = append(files, folder+"/"+resource)
			}
		}
	}
	Expect(files).NotTo(BeEmpty())
	return files
}

// sample returns the object of a file, in the spec's namespace.
func sample(file string) *unstructured.Unstructured {
	GinkgoHelper()
	u := &unstructured.Unstructured{}
	readYAML(file, &u.Object)
	u.SetNamespace(namespace)
	return u
}

func readYAML(file string, into any) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(configFolder, file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.Unmarshal(content, into)).To(Succeed())
}

// apply applies an object as kubectl apply --server-side does.
func apply(ctx context.Context, u *unstructured.Unstructured) {
	GinkgoHelper()
	Expect(admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("gitops"), client.ForceOwnership)).To(Succeed())
}

// read reads an object as a tool does that knows no type.
func read(ctx context.Context, o client.Object) *unstructured.Unstructured {
	GinkgoHelper()
	gvk, err := apiutil.GVKForObject(o, admin.Scheme())
	Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.GetName()}, u)).To(Succeed())
	return u
}

// kstatus returns a function that reads an object and returns its status as Flux and Helm compute it. Argo CD has to agree.
func kstatus(ctx context.Context, o client.Object) func() status.Status {
	return func() status.Status {
		GinkgoHelper()
		u := read(ctx, o)
		result, err := status.Compute(u)
		Expect(err).NotTo(HaveOccurred())
		script, err := os.ReadFile(filepath.Join(configFolder, "argocd/health.lua"))
		Expect(err).NotTo(HaveOccurred())
		Expect(gitops.CheckAgreement(ctx, string(script), u)).To(Succeed())
		return result.Status
	}
}

// declared returns what a GitOps tool compares: the spec, and the metadata that a manifest may have.
func declared(u *unstructured.Unstructured) map[string]any {
	return map[string]any{
		"spec": u.Object["spec"], "generation": u.GetGeneration(),
		"labels": u.GetLabels(), "annotations": u.GetAnnotations(), "finalizers": u.GetFinalizers(),
	}
}

// observes returns a function that reports whether the operator has looked at the present spec of an object.
func observes(ctx context.Context, o client.Object) func() bool {
	return func() bool {
		u := read(ctx, o)
		observed, _, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
		Expect(err).NotTo(HaveOccurred())
		return observed == u.GetGeneration()
	}
}

// isObservedAndCurrent returns a function that reports whether the operator has looked at the present spec of an object and
// a tool that waits ends.
func isObservedAndCurrent(ctx context.Context, o client.Object) func() bool {
	return func() bool { return observes(ctx, o)() && kstatus(ctx, o)() == status.CurrentStatus }
}

// conditionOf returns a function that reads an object and returns a condition; nil if there is none.
func conditionOf(ctx context.Context, o client.Object, conditionType string) func() *metav1.Condition {
	return func() *metav1.Condition {
		GinkgoHelper()
		u := read(ctx, o)
		content, err := yaml.Marshal(u.Object["status"])
		Expect(err).NotTo(HaveOccurred())
		var shown struct{ Conditions []metav1.Condition }
		Expect(yaml.Unmarshal(content, &shown)).To(Succeed())
		return meta.FindStatusCondition(shown.Conditions, conditionType)
	}
}
