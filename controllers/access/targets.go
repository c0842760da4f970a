package access

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// cluster is the target of an assignment that grants in the whole cluster.
const cluster = ""

// targets are the namespaces of an assignment, or the cluster.
type targets struct {
	granted     []string // in which users get the role, sorted
	excluded    []string // in which the operator binds nothing
	absent      []string // that do not exist
	withoutRole []string // that have no such role
	notAllowed  []string // in which the operator may not bind the role
}

// findTargets returns where an assignment grants its role.
func (r *Reconciler) findTargets(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (t targets, err error) {
	switch {
	case a.Spec.Target.Cluster != nil:
		t.granted = []string{cluster}
	case a.Spec.Target.NamespaceSelector != nil:
		t.granted, err = r.selectNamespaces(ctx, a.Spec.Target.NamespaceSelector.LabelSelector())
	default:
		err = r.addNamespaces(ctx, a.Spec.Target.Namespaces, &t)
	}
	if err != nil {
		return targets{}, err
	}
	slices.Sort(t.granted)
	return t, r.requireRole(ctx, a.Spec.RoleRef, &t)
}

// addNamespaces sorts namespaces by whether the role can be granted there. Those that are being deleted are left alone.
func (r *Reconciler) addNamespaces(ctx context.Context, names []string, t *targets) error {
	for _, name := range names {
		namespace, err := r.readMetadata(ctx, namespaceKind, client.ObjectKey{Name: name})
		switch {
		case err != nil:
			return err
		case r.isExcluded(name):
			t.excluded = append(t.excluded, name)
		case namespace == nil:
			t.absent = append(t.absent, name)
		case !policy.IsBeingDeleted(namespace):
			t.granted = append(t.granted, name)
		}
	}
	return nil
}

// selectNamespaces returns the namespaces with the labels, without those that are excluded or being deleted.
func (r *Reconciler) selectNamespaces(ctx context.Context, labels *metav1.LabelSelector) (names []string, err error) {
	selector, err := metav1.LabelSelectorAsSelector(labels)
	if err != nil {
		return nil, nil //nolint:nilerr // the schema of the resource refuses such a selector: it selects nothing
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(namespaceKind)
	if err := r.List(ctx, list, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	for i := range list.Items {
		if namespace := &list.Items[i]; !r.isExcluded(namespace.Name) && !policy.IsBeingDeleted(namespace) {
			names = append(names, namespace.Name)
		}
	}
	return names, nil
}

// isExcluded reports whether the operator binds nothing in a namespace.
func (r *Reconciler) isExcluded(namespace string) bool {
	return slices.Contains(r.ExcludedNamespaces, namespace)
}

// requireRole takes the targets out that have no such role.
func (r *Reconciler) requireRole(ctx context.Context, ref v1alpha1.AccessRoleRef, t *targets) error {
	var with []string
	for _, target := range t.granted {
		kind, key := clusterRoleKind, client.ObjectKey{Name: ref.Name}
		if ref.Kind == v1alpha1.RoleKindRole {
			kind, key.Namespace = roleKind, target
		}
		role, err := r.readMetadata(ctx, kind, key)
		switch {
		case err != nil:
			return err
		case role == nil || policy.IsBeingDeleted(role):
			t.withoutRole = append(t.withoutRole, target)
		default:
			with = append(with, target)
		}
	}
	t.granted = with
	return nil
}

// requireRight takes the targets out in which the operator may not bind the role. What they have of it stays: if the right
// was withdrawn, subjects are still taken out.
func (r *Reconciler) requireRight(ctx context.Context, ref v1alpha1.AccessRoleRef, t *targets, isFull bool) (allowed []string, err error) {
	for _, target := range t.granted {
		may, err := r.rights.mayBind(ctx, ref, target, isFull)
		switch {
		case err != nil:
			return nil, err
		case may:
			allowed = append(allowed, target)
		default:
			t.notAllowed = append(t.notAllowed, target)
		}
	}
	return allowed, nil
}

// isEnding reports whether a target is a namespace that is gone or being deleted.
func (r *Reconciler) isEnding(ctx context.Context, target string) (bool, error) {
	if target == cluster {
		return false, nil
	}
	namespace, err := r.readMetadata(ctx, namespaceKind, client.ObjectKey{Name: target})
	return namespace == nil || policy.IsBeingDeleted(namespace), err
}

// The kinds of which only the metadata are read.
var (
	namespaceKind   = corev1.SchemeGroupVersion.WithKind("Namespace")
	clusterRoleKind = rbacv1.SchemeGroupVersion.WithKind("ClusterRole")
	roleKind        = rbacv1.SchemeGroupVersion.WithKind("Role")
)

// readMetadata returns the metadata of an object as the cache has it; nil if there is none.
func (r *Reconciler) readMetadata(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(kind)
	err := r.readCached(ctx, key, o)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s %s: %w", kind.Kind, key, err)
	}
	return o, nil
}
