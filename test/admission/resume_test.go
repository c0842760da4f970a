package admission_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const resumePolicy = "cloudsso-resume"

// resumption is the operator's change of a directory.
func resumption(d *v1alpha1.CloudSSODirectory) {
	d.Spec.SCIMSynchronization, d.Spec.ResumeAt = v1alpha1.SynchronizationEnabled, nil
}

// A directory whose switch is off until a time.
var _ = Describe("a directory", func() {
	var d *v1alpha1.CloudSSODirectory

	BeforeEach(func(ctx SpecContext) {
		d = &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: newDirectory(ctx, disabled), Name: v1alpha1.DirectoryName}}
		Expect(patched(ctx, person, d, func(d *v1alpha1.CloudSSODirectory) {
			d.Labels = map[string]string{"team": "identity"}
			d.Spec.ResumeAt = new(metav1.NewTime(time.Now().Add(-time.Minute)))
			d.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerSecond: 10, Burst: 100}
		})).To(Succeed())
	})

	It("is changed by the operator only to resume its synchronization", func(ctx SpecContext) {
		for what, change := range map[string]func(*v1alpha1.CloudSSODirectory){
			"resumeAt, and not the switch": func(d *v1alpha1.CloudSSODirectory) { d.Spec.ResumeAt = nil },
			"a later resumeAt":             func(d *v1alpha1.CloudSSODirectory) { d.Spec.ResumeAt = new(metav1.NewTime(time.Now().Add(time.Hour))) },
			"another setting":              func(d *v1alpha1.CloudSSODirectory) { resumption(d); d.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt },
			"a setting that was absent": func(d *v1alpha1.CloudSSODirectory) {
				resumption(d)
				d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(1)), Window: metav1.Duration{Duration: time.Hour}}
			},
			"a setting that goes": func(d *v1alpha1.CloudSSODirectory) { resumption(d); d.Spec.RateLimit = nil },
			"a label":             func(d *v1alpha1.CloudSSODirectory) { resumption(d); d.Labels["team"] = "another" },
			"an annotation": func(d *v1alpha1.CloudSSODirectory) {
				resumption(d)
				d.Annotations = map[string]string{v1alpha1.AnnotationResynced: "2027-01-31T00:00:00Z"}
			},
			"a finalizer": func(d *v1alpha1.CloudSSODirectory) { resumption(d); d.Finalizers = []string{"example.com/mine"} },
			"an owner": func(d *v1alpha1.CloudSSODirectory) {
				resumption(d)
				d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "mine", UID: "u1"}}
			},
		} {
			err := patched(ctx, operator, d.DeepCopy(), change)
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
			Expect(err).To(MatchError(And(ContainSubstring(resumePolicy), ContainSubstring("only to set spec.scimSynchronization to Enabled"))), what)
		}
		Expect(patched(ctx, operator, d, resumption)).To(Succeed())
		Expect(d.Spec).To(And(HaveField("SCIMSynchronization", enabled), HaveField("ResumeAt", BeNil())))
	})

	It("gets and loses from the operator the finalizer that waits for bindings, and no other", func(ctx SpecContext) {
		Expect(patched(ctx, person, d, func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = []string{"example.com/mine"} })).To(Succeed())
		Expect(patched(ctx, operator, d, func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = append(d.Finalizers, v1alpha1.FinalizerBindings) })).To(Succeed())
		for what, change := range map[string]func(*v1alpha1.CloudSSODirectory){
			"another finalizer": func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = append(d.Finalizers, "example.com/more") },
			"a person's":        func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = []string{v1alpha1.FinalizerBindings} },
			"a setting too":     func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = d.Finalizers[:1]; d.Spec.RateLimit = nil },
			"a label too":       func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = d.Finalizers[:1]; d.Labels = nil },
		} {
			Expect(patched(ctx, operator, d.DeepCopy(), change)).To(MatchError(ContainSubstring(resumePolicy)), what)
		}
		Expect(patched(ctx, operator, d, func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = d.Finalizers[:1] })).To(Succeed())
	})

	It("gets that finalizer without a spec too", func(ctx SpecContext) {
		bare := &unstructured.Unstructured{}
		bare.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CloudSSODirectory"))
		bare.SetNamespace(newDirectory(ctx, ""))
		bare.SetName(v1alpha1.DirectoryName)
		Expect(person.Create(ctx, bare)).To(Succeed())
		patch := func(what string) error {
			return operator.Patch(ctx, bare, client.RawPatch(types.MergePatchType, []byte(what)))
		}
		Expect(patch(`{"metadata":{"finalizers":["cloudsso.dev/bindings"]}}`)).To(Succeed())
		Expect(bare.Object).NotTo(HaveKey("spec"))
		Expect(patch(`{"spec":{"scimSynchronization":"Enabled"}}`)).To(MatchError(ContainSubstring(resumePolicy)))
		Expect(patch(`{"metadata":{"finalizers":null}}`)).To(Succeed())
	})

	It("cannot be enabled while it waits to be deleted", func(ctx SpecContext) {
		Expect(patched(ctx, operator, d, func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = []string{v1alpha1.FinalizerBindings} })).To(Succeed())
		Expect(person.Delete(ctx, d.DeepCopy())).To(Succeed())
		Expect(person.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		for who, c := range map[string]client.Client{"a person": person, "the operator": operator} {
			Expect(patched(ctx, c, d.DeepCopy(), resumption)).To(MatchError(And(ContainSubstring("is being deleted"), ContainSubstring("create it again"))), who)
		}
		Expect(patched(ctx, person, d, func(d *v1alpha1.CloudSSODirectory) { d.Spec.RateLimit = nil })).To(Succeed())
		Expect(patched(ctx, operator, d, func(d *v1alpha1.CloudSSODirectory) { d.Finalizers = nil })).To(Succeed())
		Expect(apierrors.IsNotFound(person.Get(ctx, client.ObjectKeyFromObject(d), d))).To(BeTrue())
	})

	It("is not switched on by the operator unless a person has set resumeAt", func(ctx SpecContext) {
		Expect(patched(ctx, person, d, func(d *v1alpha1.CloudSSODirectory) { d.Spec.ResumeAt = nil })).To(Succeed())
		Expect(patched(ctx, operator, d.DeepCopy(), resumption)).To(MatchError(ContainSubstring(resumePolicy)))
		Expect(patched(ctx, person, d, resumption)).To(Succeed(), "a person may")
	})

	It("is changed by a shard only to resume its synchronization, when the policy names its service account", func(ctx SpecContext) {
		shard := newShard(ctx, "cloudsso-south", d.Namespace)
		rename := func(d *v1alpha1.CloudSSODirectory) { d.Labels["team"] = "another" }
		nameShards(ctx, resumePolicy)
		Eventually(func() error {
			o := d.DeepCopy()
			before := o.DeepCopy()
			rename(o)
			return shard.Patch(ctx, o, client.MergeFrom(before), client.DryRunAll)
		}).Should(MatchError(ContainSubstring(resumePolicy)))
		Expect(patched(ctx, shard, d.DeepCopy(), rename)).To(MatchError(ContainSubstring(resumePolicy)))
		Expect(patched(ctx, shard, d, resumption)).To(Succeed())
	})
})
