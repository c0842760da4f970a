package admission_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// The bounds of config/policy/metadata.yaml.
const (
	maxEntries      = 32
	maxBytes        = 8 << 10
	maxAppliedBytes = 64 << 10
	maxManagers     = 32
	maxManagedBytes = 16 << 10
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// expectMetadataRefused checks that the policy refused a write, with a message that says what to do.
func expectMetadataRefused(err error, remedy string) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	Expect(err).To(MatchError(And(ContainSubstring("cloudsso-metadata"), ContainSubstring(remedy))))
}

// entries returns n labels or annotations whose keys and values have size bytes in all.
func entries(n, size int) map[string]string {
	all := map[string]string{}
	for i := range n {
		key := fmt.Sprintf("key-%02d", i)
		share := size / n
		if i == 0 {
			share += size % n
		}
		all[key] = strings.Repeat("v", share-len(key))
	}
	return all
}

// growth is a way to make the metadata of an object heavy.
type growth struct {
	name   string
	fits   func(*metav1.ObjectMeta) // as much as is admitted
	grow   func(*metav1.ObjectMeta) // more
	remedy string                   // of the message
}

var growths = []growth{
	{
		"labels", func(m *metav1.ObjectMeta) { m.Labels = entries(maxEntries, 1000) },
		func(m *metav1.ObjectMeta) { m.Labels = entries(maxEntries+1, 1000) }, "remove some of them",
	},
	{
		"annotations", func(m *metav1.ObjectMeta) { m.Annotations = entries(maxEntries, maxBytes) },
		func(m *metav1.ObjectMeta) { m.Annotations = entries(maxEntries+1, 1000) }, "remove some of them",
	},
	{
		"the bytes of annotations", func(m *metav1.ObjectMeta) { m.Annotations = entries(2, maxBytes) },
		func(m *metav1.ObjectMeta) { m.Annotations = entries(2, maxBytes+1) }, "shorten or remove some of them",
	},
	{
		"the bytes of labels and annotations together",
		func(m *metav1.ObjectMeta) { m.Labels, m.Annotations = entries(32, 1920), entries(1, maxBytes-1920) },
		func(m *metav1.ObjectMeta) { m.Annotations["key-00"] += "v" }, "shorten or remove some of them",
	},
	{
		"an annotation of characters of several bytes", func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{"k": strings.Repeat("語", maxBytes/3)} },
		func(m *metav1.ObjectMeta) { m.Annotations["k"] += "語" }, "shorten or remove some of them",
	},
	{
		"kubectl's copy of the object", func(m *metav1.ObjectMeta) {
			m.Annotations = map[string]string{lastApplied: strings.Repeat("v", maxAppliedBytes)}
		},
		func(m *metav1.ObjectMeta) { m.Annotations[lastApplied] += "v" }, "--server-side",
	},
}

var _ = Describe("the metadata of objects", func() {
	objects := func(namespace string, source v1alpha1.Source) []client.Object {
		return []client.Object{newUser(namespace, strings.ToLower(string(source)), source), newGroup(namespace, strings.ToLower(string(source)), source), newSlice(namespace, strings.ToLower(string(source)), source)}
	}

	for _, g := range growths {
		It("is bounded in "+g.name+", whatever the source and the switch", func(ctx SpecContext) {
			for _, position := range []v1alpha1.Synchronization{enabled, disabled, ""} {
				namespace := newDirectory(ctx, position)
				admin := newPerson(ctx, namespace, "admin")
				for _, o := range slices.Concat(objects(namespace, v1alpha1.SourceSCIM), objects(namespace, v1alpha1.SourceManual)) {
					Expect(operator.Create(ctx, o)).To(Succeed())
					for _, c := range []client.Client{admin, person} {
						Expect(patched(ctx, c, o, func(o client.Object) { change(o, g.fits) })).To(Succeed())
						expectMetadataRefused(patched(ctx, c, copyOf(o), func(o client.Object) { change(o, g.grow) }), g.remedy)
					}
					Expect(patched(ctx, operator, o, func(o client.Object) { change(o, g.grow) })).To(Succeed())
				}
			}
		})
	}

	It("is bounded in directories, credentials and access assignments too, of which each replica keeps all", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		admin := newPerson(ctx, namespace, "admin")
		d, credential := &v1alpha1.CloudSSODirectory{}, &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
		Expect(person.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
		Expect(person.Create(ctx, credential)).To(Succeed())
		assignment := newAssignment(namespace, "developers", inNamespaces(namespace))
		Expect(person.Create(ctx, assignment)).To(Succeed())
		bind(ctx, namespace, "cluster-admin", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: controlplane.OperatorServiceAccount})
		Eventually(allows).WithArguments(ctx, operator, right{"patch", ours, "cloudssoaccessassignments/status", namespace}).Should(BeTrue())
		for _, o := range []client.Object{d, credential, assignment} {
			for _, g := range growths {
				Expect(patched(ctx, admin, o, func(o client.Object) { o.SetLabels(nil); o.SetAnnotations(nil); change(o, g.fits) })).To(Succeed())
				expectMetadataRefused(patched(ctx, admin, copyOf(o), func(o client.Object) { change(o, g.grow) }), g.remedy)
			}
			long := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","lastTransitionTime":"2027-01-31T12:00:00Z","message":%q}]}}`, strings.Repeat("x", 1025))
			expectMetadataRefused(person.Status().Patch(ctx, copyOf(o), client.RawPatch(types.MergePatchType, long)), "shorten the message")
			Expect(operator.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, long))).To(Succeed())
		}
	})

	It("beyond a bound can be made smaller, and not larger", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		admin := newPerson(ctx, u.Namespace, "admin")
		Expect(patched(ctx, operator, u, func(u *v1alpha1.CloudSSOUser) {
			u.Labels, u.Annotations = entries(2*maxEntries, 64*20), entries(2, 2*maxBytes)
		})).To(Succeed())
		expectMetadataRefused(patched(ctx, admin, u.DeepCopy(), func(u *v1alpha1.CloudSSOUser) { u.Labels["more"] = "" }), "remove some of them")
		expectMetadataRefused(patched(ctx, admin, u.DeepCopy(), func(u *v1alpha1.CloudSSOUser) { u.Annotations["key-00"] += "v" }), "shorten or remove")
		Expect(patched(ctx, admin, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })).To(Succeed())
		Expect(patched(ctx, admin, u, func(u *v1alpha1.CloudSSOUser) { delete(u.Labels, "key-00") })).To(Succeed())
		Expect(patched(ctx, admin, u, func(u *v1alpha1.CloudSSOUser) { delete(u.Annotations, "key-00") })).To(Succeed())
	})

	It("is bounded in a new object, and in finalizers and owner references", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		for _, o := range objects(namespace, v1alpha1.SourceManual) {
			o.SetLabels(entries(maxEntries+1, 1000))
			expectMetadataRefused(person.Create(ctx, copyOf(o)), "remove some of them")
			o.SetLabels(nil)
			o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: strings.Repeat("a", maxBytes), UID: "1"}})
			expectMetadataRefused(person.Create(ctx, copyOf(o)), "shorten or remove some of them")
			o.SetOwnerReferences(nil)
			for i := range maxEntries + 1 {
				o.SetFinalizers(append(o.GetFinalizers(), fmt.Sprintf("example.com/f%d", i)))
			}
			expectMetadataRefused(person.Create(ctx, copyOf(o)), "remove some of them")
		}
	})

	It("is bounded in field managers that apply one label", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		for _, c := range []client.Client{newPerson(ctx, u.Namespace, "admin"), person} {
			applied, err := 0, error(nil)
			for ; err == nil && applied <= maxManagers; applied++ {
				err = applyLabel(ctx, c, u, fmt.Sprintf("manager-%d", applied))
			}
			expectMetadataRefused(err, `{"metadata":{"managedFields":[{}]}}`)
			Expect(patched(ctx, operator, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(true) })).To(Succeed())
			Expect(applyLabel(ctx, c, u, "manager-0")).To(Succeed(), "a field manager that the object has")
			By("running the command of the message")
			reset := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"managedFields":[{}]}}`))
			Expect(c.Patch(ctx, u, reset)).To(Succeed())
			Expect(applyLabel(ctx, c, u, "another")).To(Succeed())
		}
	})

	It("may have a field manager without a name", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		entry := `{"operation":"Update","apiVersion":"cloudsso.dev/v1alpha1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}`
		patch := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"add","path":"/metadata/managedFields/-","value":`+entry+`}]`))
		admin := newPerson(ctx, u.Namespace, "admin")
		Expect(patched(ctx, admin, u, func(u *v1alpha1.CloudSSOUser) { u.Labels = map[string]string{"team": "a"} })).To(Succeed())
		Expect(admin.Patch(ctx, u, patch)).To(Succeed())
		Expect(u.ManagedFields).To(ContainElement(HaveField("Manager", BeEmpty())))
		Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })).To(Succeed())
	})

	It("is bounded in managedFields that are written by hand", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		for _, fields := range []string{
			`{"f:spec":{"f:` + strings.Repeat("x", maxManagedBytes) + `":{}}}`,
			`{"f:metadata":{"f:labels":{"f:` + strings.Repeat("x", maxManagedBytes) + `":{}}}}`,
			`{"f:a":{"f:b":{"f:c":{"f:d":{"f:e":{"f:f":{}}}}}}}`,
		} {
			for _, c := range []client.Client{newPerson(ctx, u.Namespace, "admin"), person} {
				entry := `{"manager":"m","operation":"Apply","apiVersion":"cloudsso.dev/v1alpha1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":` + fields + `}`
				patch := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"add","path":"/metadata/managedFields/-","value":`+entry+`}]`))
				expectMetadataRefused(c.Patch(ctx, u, patch), "apply fewer fields")
			}
		}
	})

	It("is bounded in a status that others write", func(ctx SpecContext) {
		u, g := synchronized(ctx, enabled)
		condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Ready", LastTransitionTime: metav1.Now(), Message: strings.Repeat("x", 1025)}
		for _, o := range []client.Object{u, g} {
			before := copyOf(o)
			switch o := o.(type) {
			case *v1alpha1.CloudSSOUser:
				o.Status.Conditions = []metav1.Condition{condition}
			case *v1alpha1.CloudSSOGroup:
				o.Status.Conditions = []metav1.Condition{condition}
			}
			expectMetadataRefused(person.Status().Patch(ctx, copyOf(o), client.MergeFrom(before)), "shorten the message")
			Expect(operator.Status().Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
		}
	})

	It("is not written by edit", func(ctx SpecContext) {
		u, g := synchronized(ctx, enabled)
		editor := newPerson(ctx, u.Namespace, "edit")
		for _, o := range []client.Object{u, g} {
			err := patched(ctx, editor, o, func(o client.Object) { o.SetLabels(map[string]string{"team": "a"}) })
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		}
	})

	It("grown as far as admission permits leaves room to deactivate and to delete over SCIM", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		admin, scim := newPerson(ctx, namespace, "admin"), serve(ctx, plane, namespace)
		// The API server writes "<" in six bytes.
		photos := make([]string, 7)
		for i := range photos {
			photos[i] = fmt.Sprintf(`{"value":%q,"type":"%d"}`, strings.Repeat("<", 8000), i)
		}
		id := send(ctx, scim, http.StatusCreated, "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"heavy@example.com","title":%q,"photos":[%s]}`,
			userURN, strings.Repeat("<", 1024), strings.Join(photos, ","))).ID()
		u := &v1alpha1.CloudSSOUser{}
		Expect(person.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, u)).To(Succeed())
		By("growing labels, annotations and managedFields until each is refused")
		own := len(u.Annotations)
		grown := patched(ctx, admin, u, func(u *v1alpha1.CloudSSOUser) {
			u.Labels = entries(maxEntries, 1920)
			for key, value := range entries(maxEntries-own, 5500) {
				metav1.SetMetaDataAnnotation(&u.ObjectMeta, key, strings.ReplaceAll(value, "v", "<")) // six bytes each in etcd
			}
			u.Annotations[lastApplied] = strings.Repeat("<", maxAppliedBytes)
			delete(u.Annotations, "key-01")
		})
		Expect(grown).To(Succeed())
		var err error
		for i := 0; err == nil && i <= maxManagers; i++ {
			err = applyLabel(ctx, admin, u, fmt.Sprintf("%0120d", i))
		}
		expectMetadataRefused(err, "field manager")

		// A replica on a busy machine may answer 503, and a provider repeats: what has been stored then is not there any more.
		answer := func(method, body string) func() int {
			return func() int {
				response, err := scim.Do(ctx, method, "/Users/"+id, body)
				Expect(err).NotTo(HaveOccurred())
				return response.Status
			}
		}
		Eventually(answer("PATCH", fmt.Sprintf(`{"schemas":[%q],"Operations":[{"op":"replace","path":"active","value":false}]}`, patchURN))).
			WithTimeout(time.Minute).ShouldNot(Equal(http.StatusServiceUnavailable))
		Expect(person.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		Expect(u.Spec.Active).To(HaveValue(BeFalse()))
		Eventually(answer("DELETE", "")).WithTimeout(time.Minute).ShouldNot(Equal(http.StatusServiceUnavailable))
		Expect(person.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		Expect(u.Spec.DeprovisionedAt).NotTo(BeNil())
	})
})

var _ = Describe("the finalizers and owner references of synchronized objects", func() {
	var owner metav1.OwnerReference // exists, because the garbage collector deletes what an absent object owns
	setOwner := func(ctx context.Context, namespace string) {
		d := &v1alpha1.CloudSSODirectory{}
		Expect(person.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
		owner = metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CloudSSODirectory", Name: d.Name, UID: d.UID}
	}
	changes := map[string]func(client.Object){
		"a finalizer is added":                     func(o client.Object) { o.SetFinalizers(append(o.GetFinalizers(), "example.com/stay")) },
		"the finalizer of the operator is removed": func(o client.Object) { o.SetFinalizers(nil) },
		"an owner is added":                        func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{owner}) },
		"the finalizer orphan is added":            func(o client.Object) { o.SetFinalizers(append(o.GetFinalizers(), metav1.FinalizerOrphanDependents)) },
	}
	for what, edit := range changes {
		It("are the operator's alone while the switch is Enabled: "+what, func(ctx SpecContext) {
			u, g := synchronized(ctx, enabled)
			setOwner(ctx, u.Namespace)
			admin := newPerson(ctx, u.Namespace, "admin")
			s := newSlice(u.Namespace, "admins-1", v1alpha1.SourceSCIM)
			Expect(operator.Create(ctx, s)).To(Succeed())
			for _, o := range []client.Object{u, g, s} {
				Expect(patched(ctx, operator, o, func(o client.Object) { o.SetFinalizers([]string{v1alpha1.FinalizerGuard}) })).To(Succeed())
				for _, c := range []client.Client{admin, person} {
					err := patched(ctx, c, copyOf(o), edit)
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%T: %v", o, err)
					Expect(err).To(MatchError(And(ContainSubstring("cloudsso-lock"), ContainSubstring("kubectl -n "+u.Namespace))))
				}
				Expect(patched(ctx, operator, copyOf(o), edit)).To(Succeed())
			}
			turn(ctx, u.Namespace, disabled)
			for _, o := range []client.Object{u, g, s} {
				Expect(person.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
				Expect(patched(ctx, admin, o, func(o client.Object) { o.SetFinalizers(nil); o.SetOwnerReferences(nil) })).To(Succeed())
			}
		})
	}

	It("that the API server and the garbage collector set are removed by others", func(ctx SpecContext) {
		u, _ := synchronized(ctx, disabled)
		setOwner(ctx, u.Namespace)
		Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) {
			u.Finalizers = []string{metav1.FinalizerOrphanDependents}
			u.OwnerReferences = []metav1.OwnerReference{owner}
		})).To(Succeed())
		turn(ctx, u.Namespace, enabled)
		Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) { u.Finalizers, u.OwnerReferences = nil, nil })).To(Succeed())
	})
})

// applyLabel applies one label of a user with a field manager.
func applyLabel(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, manager string) error {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CloudSSOUser"))
	o.SetNamespace(u.Namespace)
	o.SetName(u.Name)
	o.SetLabels(map[string]string{"key-00": u.Labels["key-00"]})
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(manager))
}

// change makes a change to the labels and annotations of an object.
func change(o client.Object, edit func(*metav1.ObjectMeta)) {
	m := metav1.ObjectMeta{Labels: o.GetLabels(), Annotations: o.GetAnnotations()}
	edit(&m)
	o.SetLabels(m.Labels)
	o.SetAnnotations(m.Annotations)
}

func copyOf(o client.Object) client.Object {
	GinkgoHelper()
	c, ok := o.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	return c
}
