package access

import (
	"context"
	"maps"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// objects are versions of users and groups, of each object one. They have no more than what says which version it is.
type objects map[objectKey]client.Object

type objectKey struct {
	kind            v1alpha1.PrincipalKind
	namespace, name string
}

func objectsOf(all ...client.Object) objects {
	versions := objects{}
	for _, o := range all {
		versions.add(versionOf(o))
	}
	return versions
}

// add keeps a version of an object, unless a newer one is there.
func (v objects) add(o client.Object) {
	key := objectKey{kindOf(o), o.GetNamespace(), o.GetName()}
	if known := v[key]; known != nil {
		if order, err := resourceversion.CompareResourceVersion(known.GetResourceVersion(), o.GetResourceVersion()); err == nil && order > 0 {
			return
		}
	}
	v[key] = o
}

// unionOf returns the newest versions of the objects of both.
func unionOf(a, b objects) objects {
	if a == nil {
		return maps.Clone(b)
	}
	for _, o := range b {
		a.add(o)
	}
	return a
}

// versionOf returns a user or group without its content.
func versionOf(o client.Object) client.Object {
	metadata := metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), ResourceVersion: o.GetResourceVersion()}
	if kindOf(o) == v1alpha1.PrincipalGroup {
		return &v1alpha1.CloudSSOGroup{ObjectMeta: metadata}
	}
	return &v1alpha1.CloudSSOUser{ObjectMeta: metadata}
}

// newest has, of each namespace, the user and the group that the handlers were told of last: an index that shows these shows
// those that came before, which an assignment that is created after them may name. Namespaces have informers of their own if
// the operator watches only some, and then there is no order between them. Safe for concurrent use.
type newest struct {
	mu          sync.Mutex
	byNamespace map[string]map[v1alpha1.PrincipalKind]client.Object
}

// set keeps an object; nil, of one that is gone, is left out.
func (n *newest) set(o client.Object) {
	if o == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byNamespace == nil {
		n.byNamespace = map[string]map[v1alpha1.PrincipalKind]client.Object{}
	}
	if n.byNamespace[o.GetNamespace()] == nil {
		n.byNamespace[o.GetNamespace()] = map[v1alpha1.PrincipalKind]client.Object{}
	}
	n.byNamespace[o.GetNamespace()][kindOf(o)] = versionOf(o)
}

// in returns the user and the group of a namespace.
func (n *newest) in(namespace string) objects {
	n.mu.Lock()
	defer n.mu.Unlock()
	return objectsOf(slices.Collect(maps.Values(n.byNamespace[namespace]))...)
}

// forget removes a namespace that is gone.
func (n *newest) forget(namespace string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byNamespace, namespace)
}

// unindexed returns what of the unseen objects of w the index does not show yet. The index shows a deletion that its watch has
// missed with the next change in the namespace, so an object that is gone is waited for until maxLooks.
func (r *Reconciler) unindexed(ctx context.Context, w work) (objects, error) {
	late := objects{}
	for key, o := range w.unseen {
		if r.Names.HasSeen(o) {
			continue
		}
		if w.looks >= maxLooks {
			cached, err := r.readPrincipal(ctx, key.kind, key.namespace, key.name)
			if err != nil {
				return w.unseen, err
			}
			if cached == nil {
				continue
			}
		}
		late[key] = o
	}
	return late, nil
}
