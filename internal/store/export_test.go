package store

import "github.com/cloudsso/cloudsso-operator/api/v1alpha1"

// Directory returns the directory of a namespace as requests see it: the cache may show a change a moment before.
func (s *Store) Directory(namespace string) *v1alpha1.CloudSSODirectory {
	return s.directory(namespace)
}
