package upgrade_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("An upgrade", Ordered, func() {
	var stored []*unstructured.Unstructured // as the API server of the last release shows them

	BeforeAll(func(ctx SpecContext) {
		applyCRDs(ctx, readCRDs(kept("crds")), "Last release")
		for _, object := range readObjects() {
			createNamespace(ctx, object.GetNamespace())
			Expect(create(ctx, object)).To(Succeed(), describe(object))
			// The first update writes the default of a status that a new object does not have in etcd.
			Expect(cluster.Update(ctx, read(ctx, object))).To(Succeed(), describe(object))
			stored = append(stored, read(ctx, object))
		}
		applyCRDs(ctx, readCRDs(crdFolder), "Working tree")
	})

	It("keeps every field of every stored object", func(ctx SpecContext) {
		for _, before := range stored {
			Expect(lost(before.Object, read(ctx, before).Object, "")).To(BeEmpty(), describe(before))
		}
	})

	It("takes back each object unchanged, and writes nothing", func(ctx SpecContext) {
		for _, before := range stored {
			object := read(ctx, before)
			Expect(cluster.Update(ctx, object)).To(Succeed(), describe(before))
			expectUnwritten(before, object)
		}
	})

	It("takes back each status unchanged, and writes nothing", func(ctx SpecContext) {
		statuses := 0
		for _, before := range stored {
			if _, hasStatus := before.Object["status"]; !hasStatus {
				continue
			}
			object := read(ctx, before)
			Expect(cluster.Status().Update(ctx, object)).To(Succeed(), describe(before))
			expectUnwritten(before, object)
			statuses++
		}
		Expect(statuses).NotTo(BeZero())
	})

	// The API server does not hold a stricter schema against a field that an update leaves as it is.
	It("accepts each manifest and status of the last release", func(ctx SpecContext) {
		for _, manifest := range readObjects() {
			manifest.SetNamespace(manifest.GetNamespace() + "-again")
			createNamespace(ctx, manifest.GetNamespace())
			Expect(create(ctx, manifest)).To(Succeed(), describe(manifest))
			Expect(lost(manifest.Object, read(ctx, manifest).Object, "")).To(BeEmpty(), describe(manifest))
		}
	})

	It("would show a field that a CRD does not have any more", func(ctx SpecContext) {
		groups := changedCRD("CloudSSOGroup", func(spec *apiextensionsv1.JSONSchemaProps) { delete(spec.Properties, "members") })
		applyCRDs(ctx, []crd{groups}, "Without a field")
		var losses []string
		for _, before := range stored {
			if before.GetKind() == "CloudSSOGroup" {
				losses = append(losses, lost(before.Object, read(ctx, before).Object, "")...)
			}
		}
		Expect(losses).To(ConsistOf(".spec.members", ".spec.members"), "two groups have members")
	})

	It("would refuse a manifest that a CRD restricts, but no update", func(ctx SpecContext) {
		users := changedCRD("CloudSSOUser", func(spec *apiextensionsv1.JSONSchemaProps) {
			userName := spec.Properties["userName"]
			userName.MaxLength = new(int64(len("alice@example.com") - 1))
			spec.Properties["userName"] = userName
		})
		applyCRDs(ctx, []crd{users}, "Restricted")
		alice := stored[slices.IndexFunc(stored, func(o *unstructured.Unstructured) bool {
			name, _, _ := unstructured.NestedString(o.Object, "spec", "userName")
			return name == "alice@example.com"
		})]
		Expect(cluster.Update(ctx, read(ctx, alice))).To(Succeed())
		again := alice.DeepCopy()
		again.SetResourceVersion("")
		again.SetName("again")
		Expect(cluster.Create(ctx, again, client.DryRunAll)).To(MatchError(ContainSubstring("spec.userName: Too long")))
	})
})

func describe(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// createNamespace creates a namespace unless it is there.
func createNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	err := cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	Expect(client.IgnoreAlreadyExists(err)).To(Succeed())
}

// create stores a manifest, and then its status if it has one.
func create(ctx context.Context, manifest *unstructured.Unstructured) error {
	object := manifest.DeepCopy()
	if err := cluster.Create(ctx, object); err != nil {
		return err
	}
	status, hasStatus := manifest.Object["status"]
	if !hasStatus {
		return nil
	}
	object.Object["status"] = status
	return cluster.Status().Update(ctx, object)
}

// read reads an object as a client does that knows no type.
func read(ctx context.Context, o *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(o.GroupVersionKind())
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), found)).To(Succeed(), describe(o))
	return found
}

// expectUnwritten expects that an update has kept every field, and has written nothing: otherwise each update by a controller
// would be a write, and an event for all that watch. A new version may write the defaults of its new fields once.
func expectUnwritten(before, after *unstructured.Unstructured) {
	GinkgoHelper()
	if gained := lost(content(after), content(before), ""); len(gained) == 0 {
		Expect(after.GetResourceVersion()).To(Equal(before.GetResourceVersion()), describe(before))
	}
	Expect(lost(content(before), content(after), "")).To(BeEmpty(), describe(before))
}

// content returns spec and status of an object.
func content(o *unstructured.Unstructured) map[string]any {
	return map[string]any{"spec": o.Object["spec"], "status": o.Object["status"]}
}

// changedCRD returns the CRD of a kind of the working tree with a changed spec.
func changedCRD(kind string, change func(spec *apiextensionsv1.JSONSchemaProps)) crd {
	GinkgoHelper()
	crds := readCRDs(crdFolder)
	c := crds[slices.IndexFunc(crds, func(c crd) bool { return c.Spec.Names.Kind == kind })]
	fields := c.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
	spec := fields["spec"]
	change(&spec)
	fields["spec"] = spec
	return c
}

// lost returns the fields of a value that another one lacks, or has with another value. A list is one value, because order and
// number count; its elements may have more fields.
func lost(before, after any, path string) (paths []string) {
	switch before := before.(type) {
	case map[string]any:
		fields, isMap := after.(map[string]any)
		if !isMap {
			return []string{path}
		}
		for _, name := range slices.Sorted(maps.Keys(before)) {
			paths = append(paths, lost(before[name], fields[name], path+"."+name)...)
		}
		return paths
	case []any:
		list, isList := after.([]any)
		if !isList || len(list) != len(before) {
			return []string{path}
		}
		for i := range before {
			paths = append(paths, lost(before[i], list[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return paths
	}
	if !reflect.DeepEqual(before, after) {
		return []string{path}
	}
	return nil
}
