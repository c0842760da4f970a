package access

import (
	"context"
	"maps"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// objects are versions of users and groups, of each object one.
type objects map[objectKey]version

// version is a version of a user or group, which an index may not show yet.
type version struct {
	client.Object     // no more than what says which version it is
	looks         int // how often the index did not show it
}

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
func (v objects) add(o version) {
	key := objectKey{kindOf(o.Object), o.GetNamespace(), o.GetName()}
	if known, found := v[key]; found {
		order, err := resourceversion.CompareResourceVersion(known.GetResourceVersion(), o.GetResourceVersion())
		switch {
		case err == nil && order > 0:
			return
		case err == nil && order == 0:
			o.looks = max(o.looks, known.looks)
		}
	}
	v[key] = o
}

// areAwaited reports whether granting has to wait for one of the versions.
func (v objects) areAwaited() bool {
	for _, o := range v {
		if o.looks < maxLooks {
			return true
		}
	}
	return false
}

// count counts a look at the index, which shows none of the versions.
func (v objects) count() {
	for key, o := range v {
		o.looks++
		v[key] = o
	}
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

// versionOf returns the version of a user or group, at which no index was looked at yet.
func versionOf(o client.Object) version {
	metadata := metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), ResourceVersion: o.GetResourceVersion()}
	if kindOf(o) == v1alpha1.PrincipalGroup {
		return version{Object: &v1alpha1.CloudSSOGroup{ObjectMeta: metadata}}
	}
	return version{Object: &v1alpha1.CloudSSOUser{ObjectMeta: metadata}}
}

// newest has, of each namespace, the user and the group that the handlers were told of last: an index that shows these shows
// those that came before, which an assignment that is created after them may name. Namespaces have informers of their own if
// the operator watches only some, and then there is no order between them. Safe for concurrent use.
type newest struct {
	mu          sync.Mutex
	byNamespace map[string]map[v1alpha1.PrincipalKind]version
}

// set keeps an object; nil, of one that is gone, is left out.
func (n *newest) set(o client.Object) {
	if o == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byNamespace == nil {
		n.byNamespace = map[string]map[v1alpha1.PrincipalKind]version{}
	}
	if n.byNamespace[o.GetNamespace()] == nil {
		n.byNamespace[o.GetNamespace()] = map[v1alpha1.PrincipalKind]version{}
	}
	n.byNamespace[o.GetNamespace()][kindOf(o)] = versionOf(o)
}

// in returns the user and the group of a namespace.
func (n *newest) in(namespace string) objects {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := objects{}
	for _, o := range n.byNamespace[namespace] {
		all.add(o)
	}
	return all
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
		if r.Names.HasSeen(o.Object) {
			continue
		}
		if o.looks >= maxLooks {
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
