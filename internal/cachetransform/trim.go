package cachetransform

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
)

// Trimming returns what the informers keep of a namespace without a CloudSSODirectory, so that its users cannot fill the
// operator's memory: of users, groups and slices, what decides who holds a name, and what finalizers need. live reads from
// the API server, not from a cache.
func Trimming(live client.Reader) *informer.Trimming {
	return &informer.Trimming{
		Marker: &v1alpha1.CloudSSODirectory{},
		Kinds:  []runtime.Object{&v1alpha1.CloudSSOUser{}, &v1alpha1.CloudSSOGroup{}, &v1alpha1.CloudSSOMembershipSlice{}},
		Trim:   trim,
		List: func(ctx context.Context, example runtime.Object, namespace string, options metav1.ListOptions) (runtime.Object, error) {
			page := newList(example)
			return page, live.List(ctx, page, client.InNamespace(namespace), client.Limit(options.Limit), client.Continue(options.Continue))
		},
	}
}

// newList returns an empty list of the example's kind.
func newList(example runtime.Object) client.ObjectList {
	switch example.(type) {
	case *v1alpha1.CloudSSOUser:
		return &v1alpha1.CloudSSOUserList{}
	case *v1alpha1.CloudSSOGroup:
		return &v1alpha1.CloudSSOGroupList{}
	}
	return &v1alpha1.CloudSSOMembershipSliceList{}
}

// trimmedGeneration marks a trimmed object. The API server gives every object a generation of 1 or more.
const trimmedGeneration = -1

// IsTrimmed reports whether an object of the cache is not whole.
func IsTrimmed(o metav1.Object) bool { return o.GetGeneration() == trimmedGeneration }

func trim(o metav1.Object) {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		o.ObjectMeta = trimmedMeta(o)
		o.Spec = v1alpha1.CloudSSOUserSpec{
			Source: o.Spec.Source, UserName: o.Spec.UserName, ExternalID: o.Spec.ExternalID,
			Active: o.Spec.Active, Suspended: o.Spec.Suspended, DeprovisionedAt: o.Spec.DeprovisionedAt,
		}
		o.Status = v1alpha1.CloudSSOUserStatus{State: o.Status.State, ClaimedName: o.Status.ClaimedName}
	case *v1alpha1.CloudSSOGroup:
		o.ObjectMeta = trimmedMeta(o)
		o.Spec = v1alpha1.CloudSSOGroupSpec{
			Source: o.Spec.Source, DisplayName: o.Spec.DisplayName, ExternalID: o.Spec.ExternalID, Sliced: o.Spec.Sliced,
		}
		o.Status = v1alpha1.CloudSSOGroupStatus{ClaimedName: o.Status.ClaimedName}
	case *v1alpha1.CloudSSOMembershipSlice:
		o.ObjectMeta = trimmedMeta(o)
		o.Spec = v1alpha1.CloudSSOMembershipSliceSpec{Source: o.Spec.Source, Group: o.Spec.Group}
	}
}

func trimmedMeta(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		Generation: trimmedGeneration, CreationTimestamp: o.GetCreationTimestamp(),
		DeletionTimestamp: o.GetDeletionTimestamp(), Finalizers: o.GetFinalizers(),
	}
}
