// Package cachetransform makes objects smaller before an informer caches them. Cached users are most of the operator's memory, so
// fields that the operator does not read are dropped, and strings that many objects have are kept once.
package cachetransform

import (
	"slices"
	"unique"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// Transform is a cache.TransformFunc of client-go. It removes what the operator does not read: managed fields, and the values of
// kubectl's copy of the object and of the last change; of objects of which only the metadata are cached, all but their identity,
// and the labels of namespaces; of bindings, what does not come from an assignment. It lets objects share the strings that many of
// them have.
func Transform(object any) (any, error) {
	switch o := object.(type) {
	case *metav1.PartialObjectMetadata:
		stripMetadata(o)
		return o, nil
	case *rbacv1.RoleBinding:
		if !stripBinding(&o.ObjectMeta) {
			o.RoleRef, o.Subjects = rbacv1.RoleRef{}, nil
		}
		return o, nil
	case *rbacv1.ClusterRoleBinding:
		if !stripBinding(&o.ObjectMeta) {
			o.RoleRef, o.Subjects = rbacv1.RoleRef{}, nil
		}
		return o, nil
	}
	o, ok := object.(metav1.Object)
	if !ok {
		return object, nil
	}
	o.SetManagedFields(nil)
	stripAnnotations(o)
	o.SetNamespace(intern(o.GetNamespace()))
	o.SetFinalizers(shareList(o.GetFinalizers()))
	if u, ok := object.(*v1alpha1.CloudSSOUser); ok {
		internUser(u)
	}
	return object, nil
}

// stripMetadata keeps that an object exists, and the labels of a namespace, which selectors match. The administrator of any
// namespace writes Roles, with 256 KiB of annotations in each.
func stripMetadata(o *metav1.PartialObjectMetadata) {
	labels := o.Labels
	o.ObjectMeta = identity(o)
	if o.Kind == "Namespace" {
		o.Labels = labels
	}
}

// stripBinding keeps of the metadata what says where a binding comes from. It reports false for a binding that does not have the
// name of a projected one: the label by which the informers find bindings can be on any, and the administrator of a namespace
// writes bindings of any size.
func stripBinding(binding *metav1.ObjectMeta) (isProjected bool) {
	kept := identity(binding)
	if _, _, _, isProjected = access.ParseBindingName(binding.Name); isProjected {
		access.KeepOrigin(binding)
		kept.Labels, kept.Annotations = binding.Labels, binding.Annotations
	}
	*binding = kept
	return isProjected
}

// identity returns the metadata that say which object this is, and whether it is being deleted.
func identity(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		DeletionTimestamp: o.GetDeletionTimestamp(),
	}
}

// lastApplied is the annotation that kubectl apply writes.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// stripAnnotations removes the values of the annotation for people that each user, group and slice has, and of kubectl's.
// Their keys stay, because a patch of an object without annotations writes them whole, and would remove these.
func stripAnnotations(o metav1.Object) {
	annotations := o.GetAnnotations()
	for _, key := range []string{v1alpha1.AnnotationLastChange, lastApplied} {
		if annotations[key] != "" {
			annotations[key] = ""
		}
	}
	_, changed := annotations[v1alpha1.AnnotationLastChange]
	switch {
	case len(annotations) == 0:
		o.SetAnnotations(nil)
	case len(annotations) == 1 && changed:
		o.SetAnnotations(onlyLastChange)
	}
}

// onlyLastChange is the one map of all objects that have no other annotation. Read only, like any object of the cache.
var onlyLastChange = map[string]string{v1alpha1.AnnotationLastChange: ""}

func internUser(u *v1alpha1.CloudSSOUser) {
	u.Spec.Source, u.Status.State = intern(u.Spec.Source), intern(u.Status.State)
	for _, values := range [][]v1alpha1.MultiValue{u.Spec.Emails, u.Spec.PhoneNumbers, u.Spec.IMs, u.Spec.Photos, u.Spec.Entitlements, u.Spec.Roles} {
		for i := range values {
			values[i].Type = intern(values[i].Type)
		}
	}
	for i := range u.Status.Conditions {
		c := &u.Status.Conditions[i]
		c.Type, c.Status, c.Reason, c.Message = intern(c.Type), intern(c.Status), intern(c.Reason), intern(c.Message)
	}
	for _, s := range []*string{&u.Spec.Locale, &u.Spec.PreferredLanguage, &u.Spec.Timezone, &u.Spec.UserType} {
		*s = intern(*s)
	}
}

// intern returns the one copy of a string that all objects share.
func intern[S ~string](s S) S {
	if s == "" {
		return s
	}
	return unique.Make(s).Value()
}

// sharedLists has one copy of each list of finalizers that the operator itself sets.
var sharedLists = [][]string{
	{v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships},
	{v1alpha1.FinalizerMemberships, v1alpha1.FinalizerGuard},
	{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices},
	{v1alpha1.FinalizerMemberships},
	{v1alpha1.FinalizerGuard},
}

func shareList(list []string) []string {
	for _, shared := range sharedLists {
		if slices.Equal(shared, list) {
			return shared
		}
	}
	return list
}
