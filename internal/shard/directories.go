package shard

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// Directories are those of the shard's namespaces: in each of them, what store.Directories are. Whoever asks
// got the namespace from an object of the shard.
type Directories struct{ parts parts[*store.Directories] }

// of is nil for a namespace of another shard, which has no directory for all that this one knows.
func (d *Directories) of(namespace string) *store.Directories {
	one, _ := d.parts.of(namespace)
	return one
}

// Synced reports whether everything that exists has been seen.
func (d *Directories) Synced() bool {
	for _, one := range d.parts {
		if !one.Synced() {
			return false
		}
	}
	return true
}

// In is the directory of a namespace.
func (d *Directories) In(namespace string) scim.Store { return d.of(namespace).In(namespace) }

// Synchronization is the position of a namespace's switch.
func (d *Directories) Synchronization(namespace string) v1alpha1.Synchronization {
	if one := d.of(namespace); one != nil {
		return one.Synchronization(namespace)
	}
	return v1alpha1.SynchronizationDisabled
}

// Exists reports whether a namespace has a CloudSSODirectory.
func (d *Directories) Exists(namespace string) bool {
	one := d.of(namespace)
	return one != nil && one.Exists(namespace)
}

// UserNamesakes are the live users with the userName of u.
func (d *Directories) UserNamesakes(ctx context.Context, u *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error) {
	if one := d.of(u.Namespace); one != nil {
		return one.UserNamesakes(ctx, u)
	}
	return nil, errForeign(u.Namespace)
}

// GroupNamesakes are the groups with the displayName of g.
func (d *Directories) GroupNamesakes(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]*v1alpha1.CloudSSOGroup, error) {
	if one := d.of(g.Namespace); one != nil {
		return one.GroupNamesakes(ctx, g)
	}
	return nil, errForeign(g.Namespace)
}

// GroupsOf are the names of the groups that have the user as a member.
func (d *Directories) GroupsOf(namespace, user string) []string {
	if one := d.of(namespace); one != nil {
		return one.GroupsOf(namespace, user)
	}
	return nil
}

// ListsOf are the groups and slices that list the user.
func (d *Directories) ListsOf(namespace, user string) []client.Object {
	if one := d.of(namespace); one != nil {
		return one.ListsOf(namespace, user)
	}
	return nil
}

// AllListsOf are ListsOf for certain.
func (d *Directories) AllListsOf(ctx context.Context, namespace, user string) ([]client.Object, error) {
	if one := d.of(namespace); one != nil {
		return one.AllListsOf(ctx, namespace, user)
	}
	return nil, errForeign(namespace)
}
