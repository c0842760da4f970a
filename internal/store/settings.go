package store

import (
	"sync"

	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// settings are the CloudSSODirectory objects by namespace, as an informer last told: every request asks.
type settings struct{ byNamespace sync.Map }

// of is the CloudSSODirectory of a namespace, shared and so read only, or nil.
func (s *settings) of(namespace string) *v1alpha1.CloudSSODirectory {
	declared, _ := s.byNamespace.Load(namespace)
	d, _ := declared.(*v1alpha1.CloudSSODirectory)
	return d
}

// OnAdd is part of cache.ResourceEventHandler.
func (s *settings) OnAdd(object any, _ bool) { s.OnUpdate(nil, object) }

// OnUpdate is part of cache.ResourceEventHandler.
func (s *settings) OnUpdate(_, object any) {
	if d, ok := object.(*v1alpha1.CloudSSODirectory); ok && d.Name == v1alpha1.DirectoryName {
		s.byNamespace.Store(d.Namespace, d)
	}
}

// OnDelete is part of cache.ResourceEventHandler.
func (s *settings) OnDelete(object any) {
	if tombstone, missed := object.(cache.DeletedFinalStateUnknown); missed {
		object = tombstone.Obj
	}
	if d, ok := object.(*v1alpha1.CloudSSODirectory); ok && d.Name == v1alpha1.DirectoryName {
		s.byNamespace.Delete(d.Namespace)
	}
}
