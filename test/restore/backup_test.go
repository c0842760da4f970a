package restore_test

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// kinds are those of a backup in the order in which Velero restores them: Secrets, then custom resources by name.
var kinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("Secret"),
	v1alpha1.GroupVersion.WithKind("CloudSSODirectory"),
	v1alpha1.GroupVersion.WithKind("CloudSSOGroup"),
	v1alpha1.GroupVersion.WithKind("CloudSSOMembershipSlice"),
	v1alpha1.GroupVersion.WithKind("CloudSSONameClaim"),
	v1alpha1.GroupVersion.WithKind("CloudSSOUser"),
	v1alpha1.GroupVersion.WithKind("SCIMCredential"),
}

// backup has the objects of each kind, as Velero restores them.
type backup map[schema.GroupVersionKind][]*unstructured.Unstructured

// takeBackup backs up a namespace, but for what a label excludes.
func takeBackup(ctx context.Context, namespace string) backup {
	GinkgoHelper()
	b := backup{}
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		Expect(person.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		for i := range list.Items {
			if o := &list.Items[i]; o.GetLabels()[v1alpha1.LabelExcludeFromBackup] != "true" {
				b[kind] = append(b[kind], asRestored(o))
			}
		}
	}
	return b
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
		var creates errgroup.Group
		creates.SetLimit(concurrency)
		for _, o := range b[kind] {
			creates.Go(func() error { return person.Create(ctx, o.DeepCopy()) })
		}
		Expect(creates.Wait()).To(Succeed(), kind.Kind)
		between()
	}
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
		&v1alpha1.CloudSSOGroup{}, &v1alpha1.CloudSSOMembershipSlice{}, &v1alpha1.CloudSSOUser{}, &v1alpha1.SCIMCredential{}, &corev1.Secret{},
	} {
		Eventually(func() error { return person.DeleteAllOf(ctx, o, client.InNamespace(d.namespace)) }).Should(Succeed())
	}
	for _, kind := range kinds {
		if kind.Kind == "CloudSSODirectory" {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		Eventually(func() (names []string) {
			Expect(person.List(ctx, list, client.InNamespace(d.namespace))).To(Succeed())
			for i := range list.Items {
				names = append(names, fmt.Sprint(kind.Kind, " ", list.Items[i].GetName()))
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
