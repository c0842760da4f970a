package restore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// kinds are those of a backup in the order in which Velero restores them: Secrets, then the others by name.
var kinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("Secret"),
	v1alpha1.GroupVersion.WithKind("CloudSSOAccessAssignment"),
	v1alpha1.GroupVersion.WithKind("CloudSSODirectory"),
	v1alpha1.GroupVersion.WithKind("CloudSSOGroup"),
	v1alpha1.GroupVersion.WithKind("CloudSSOMembershipSlice"),
	v1alpha1.GroupVersion.WithKind("CloudSSONameClaim"),
	v1alpha1.GroupVersion.WithKind("CloudSSOUser"),
	bindings,
	v1alpha1.GroupVersion.WithKind("SCIMCredential"),
}

// bindings are those by which the assignments grant access. They are in another namespace, which has a backup too.
var bindings = rbacv1.SchemeGroupVersion.WithKind("RoleBinding")

// backup has the objects of each kind, as Velero restores them.
type backup map[schema.GroupVersionKind][]*unstructured.Unstructured

// takeBackup backs up a directory, but for what a label excludes.
func takeBackup(ctx context.Context, namespace string) backup {
	GinkgoHelper()
	b := backup{}
	for _, kind := range kinds {
		for _, o := range objects(ctx, kind, namespace) {
			if o.GetLabels()[v1alpha1.LabelExcludeFromBackup] != "true" {
				b[kind] = append(b[kind], asRestored(&o))
			}
		}
	}
	return b
}

// objects returns those of a directory of one kind.
func objects(ctx context.Context, kind schema.GroupVersionKind, namespace string) []unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	var where client.ListOption = client.InNamespace(namespace)
	if kind == bindings {
		where = client.MatchingLabels{v1alpha1.LabelDirectory: namespace}
	}
	Expect(person.List(ctx, list, where)).To(Succeed())
	return list.Items
}

// asRestored returns an object as Velero creates it again.
func asRestored(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	delete(o.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "ownerReferences"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRestored] = "monday"
	o.SetLabels(labels)
	return o
}

// restore creates the objects of a backup, kind by kind. between is called between two kinds.
func (b backup) restore(ctx context.Context, order []schema.GroupVersionKind, between func()) {
	GinkgoHelper()
	for _, kind := range order {
		createObjects(ctx, b[kind])
		between()
	}
}

// shuffled returns all objects in an order that depends on the seed of the run, which Ginkgo prints.
func (b backup) shuffled() (all []*unstructured.Unstructured) {
	for _, kind := range kinds {
		all = append(all, b[kind]...)
	}
	random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0)) // an order that can be repeated
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// createObjects creates objects, several at a time.
func createObjects(ctx context.Context, all []*unstructured.Unstructured) {
	GinkgoHelper()
	var creates errgroup.Group
	creates.SetLimit(concurrency)
	for _, o := range all {
		creates.Go(func() error {
			if err := person.Create(ctx, o.DeepCopy()); err != nil {
				return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
			}
			return nil
		})
	}
	Expect(creates.Wait()).To(Succeed())
}

// reversed returns the kinds in the opposite order.
func reversed() []schema.GroupVersionKind {
	all := slices.Clone(kinds)
	slices.Reverse(all)
	return all
}

// lose deletes everything in the namespace of a directory.
func (d *directory) lose(ctx context.Context) {
	GinkgoHelper()
	d.turn(ctx, v1alpha1.SynchronizationDisabled)
	for _, o := range []client.Object{
		&v1alpha1.CloudSSOAccessAssignment{}, &v1alpha1.CloudSSOGroup{}, &v1alpha1.CloudSSOMembershipSlice{}, &v1alpha1.CloudSSOUser{}, &v1alpha1.SCIMCredential{}, &corev1.Secret{},
	} {
		Eventually(func() error { return person.DeleteAllOf(ctx, o, client.InNamespace(d.namespace)) }).Should(Succeed())
	}
	for _, kind := range kinds {
		if kind.Kind == "CloudSSODirectory" {
			continue
		}
		Eventually(func() (names []string) {
			for _, o := range objects(ctx, kind, d.namespace) {
				names = append(names, fmt.Sprint(kind.Kind, " ", o.GetName()))
			}
			return names
		}).Should(BeEmpty())
	}
	settings := d.settings(ctx)
	Expect(person.Delete(ctx, settings)).To(Succeed())
	Eventually(func() bool {
		return apierrors.IsNotFound(person.Get(ctx, client.ObjectKeyFromObject(settings), settings))
	}).Should(BeTrue())
}
