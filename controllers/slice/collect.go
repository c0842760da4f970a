package slice

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// emptyLife is how long a slice that holds nobody is kept: a group that is emptied is often filled again.
const emptyLife = 10 * time.Second

// isUseless reports whether a slice can go, or else when to look again: it was the last of its group, or the
// operator's own and has held nobody for a while. A person's slice may wait for its group, and for members.
func (r *Reconciler) isUseless(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) (useless bool, again time.Duration, err error) {
	if s.Spec.Source != v1alpha1.SourceSCIM {
		return false, 0, nil
	}
	g := &v1alpha1.CloudSSOGroup{}
	key := client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.Group}
	if err = r.Get(ctx, key, g); client.IgnoreNotFound(err) == nil && err != nil {
		err = r.Live.Get(ctx, key, g) // the cache may not have seen a new one
	}
	switch {
	case client.IgnoreNotFound(err) != nil:
		return false, 0, fmt.Errorf("reading CloudSSOGroup %s: %w", key, err)
	case err != nil, policy.IsGoing(g):
		return true, 0, nil
	case len(s.Spec.Members) > 0:
		return false, 0, nil
	}
	age := r.Now().Sub(modifiedAt(s))
	return age >= emptyLife, max(emptyLife-age, 0), nil
}

// collect deletes a slice, if it is still as it was seen. When it was written is then its group's to say.
func (r *Reconciler) collect(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) error {
	g := &v1alpha1.CloudSSOGroup{}
	err := r.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.Group}, g)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil && modifiedAt(s).After(modifiedAt(g)) {
		before := g.DeepCopy()
		metav1.SetMetaDataAnnotation(&g.ObjectMeta, v1alpha1.AnnotationLastModified, s.Annotations[v1alpha1.AnnotationLastModified])
		if err := r.Patch(ctx, g, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return err
		}
	}
	return controllerutil.DeleteGuarded(ctx, r.Client, s)
}

// modifiedAt is SCIM's meta.lastModified.
func modifiedAt(o client.Object) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, o.GetAnnotations()[v1alpha1.AnnotationLastModified]); err == nil {
		return at
	}
	return o.GetCreationTimestamp().Time
}
