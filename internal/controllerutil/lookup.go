package controllerutil

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Memberships finds what lists a user as a member, in an index. What it returns is shared: read only.
type Memberships interface {
	// GroupsOf returns the metadata.names of the groups, of any source, that have the user as a member.
	GroupsOf(namespace, user string) []string
	// MemberListsOf returns the groups and slices, of any source, that list the user.
	MemberListsOf(namespace, user string) []client.Object
}

// Names finds the objects that have a name, in an index.
type Names interface {
	// HasSeen reports whether the index shows a user or group as of its resourceVersion or later.
	HasSeen(o client.Object) bool
	// Namesakes returns the metadata.names of the other live objects that have the name of a user or group.
	Namesakes(o client.Object) []string
	// Holders returns, for each name of a namespace that an object should hold, the metadata.name of that object.
	Holders(namespace string) map[nameclaim.Name]string
	// Synced reports whether the index has everything that existed when its informers started.
	Synced() bool
}

// Principals finds the users and groups that an access assignment may name, in an index.
type Principals interface {
	// Named returns the metadata.names of the live objects, of any source, that have a name.
	Named(name nameclaim.Name) []string
	// Identified returns the metadata.names of the objects of source SCIM that have an externalId.
	Identified(namespace string, kind v1alpha1.ClaimedKind, externalID string) []string
}

// RevocationWaiter waits until users and groups have nothing through access assignments any more.
type RevocationWaiter interface {
	// AwaitRevoked returns once no binding has a subject through a user or group that does not belong there.
	AwaitRevoked(ctx context.Context, kind v1alpha1.PrincipalKind, namespace, name string) error
}

const (
	// revokeTimeout bounds the wait of a finalizer for bindings, of which most are written within it. The worker is free again
	// for other objects then.
	revokeTimeout = time.Second
	// RevokeInterval is when to look again at an object that is being deleted and whose bindings could not be written yet.
	RevokeInterval = time.Second
)

// AwaitRevoked waits until no binding has a subject through a user or group that is being deleted, and reports whether there
// is none. It waits for revokeTimeout at most. r is nil if the operator was installed without access.
func AwaitRevoked(ctx context.Context, r RevocationWaiter, kind v1alpha1.PrincipalKind, o client.Object) (isRevoked bool) {
	if r == nil {
		return true
	}
	waiting, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	if err := r.AwaitRevoked(waiting, kind, o.GetNamespace(), o.GetName()); err != nil {
		ctrl.LoggerFrom(ctx).Info("The object that is being deleted waits until its subjects have been removed from bindings", "kind", kind, "reason", err.Error())
		return false
	}
	return true
}

// ListsOfGroup returns a group and its slices, those by name: of several lists of one member the first counts. c reads from
// a cache with the index membership.GroupField. What it returns is shared: read only.
func ListsOfGroup(ctx context.Context, c client.Reader, g *v1alpha1.CloudSSOGroup) ([]client.Object, error) {
	lists := []client.Object{g}
	var found v1alpha1.CloudSSOMembershipSliceList
	err := c.List(ctx, &found, client.InNamespace(g.Namespace), client.MatchingFields{membership.GroupField: g.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing the slices of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.CloudSSOMembershipSlice) int { return strings.Compare(a.Name, b.Name) })
	for i := range found.Items {
		if s := &found.Items[i]; IsSliceOf(s, g) {
			lists = append(lists, s)
		}
	}
	return lists, nil
}

// IsSliceOf reports whether the members of a slice are members of a group.
func IsSliceOf(s *v1alpha1.CloudSSOMembershipSlice, g *v1alpha1.CloudSSOGroup) bool {
	return s.Spec.Group == g.Name && s.Spec.Source == g.Spec.Source && !policy.IsTerminating(s)
}
