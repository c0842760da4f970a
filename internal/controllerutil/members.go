package controllerutil

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxRemovals bounds the attempts of a removal that other writers overtake.
const maxRemovals = 10

// MemberRemover takes users out of lists of members. A list that it is given may be stale: a removal is computed from what
// the write then finds, never from less (fleetdm/fleet#50724), and that there is nothing to remove is confirmed on a live
// read. A list that is gone has no members.
type MemberRemover struct {
	// Client writes to the API server.
	Client client.Client
	// Live reads from the API server, not from a cache.
	Live client.Reader
	// Now is the clock, for SCIM's meta.lastModified.
	Now func() time.Time
}

// RemoveNotLive takes those of the users out of a list that are not live or do not exist, and returns them. Users are read
// live after the list was read.
func (r MemberRemover) RemoveNotLive(ctx context.Context, list client.Object, users ...string) (removed []string, err error) {
	current, lost := list, error(nil)
	for attempt := range maxRemovals {
		removed, err := r.notLive(ctx, current.GetNamespace(), membership.SelectMembers(membership.MembersOf(current), users...))
		if err != nil {
			return nil, err
		}
		if len(removed) > 0 {
			lost = asConflict(list, r.replace(ctx, current, membership.ExcludeMembers(membership.MembersOf(current), removed...)))
			if lost == nil {
				return removed, nil
			}
			if !apierrors.IsConflict(lost) {
				return nil, client.IgnoreNotFound(lost)
			}
		} else if attempt > 0 {
			return nil, nil
		}
		current = emptyList(list)
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(list), current); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
	}
	return nil, fmt.Errorf("taking %s out of group %s/%s: overtaken by other writers %d times: %w",
		strings.Join(users, ", "), list.GetNamespace(), membership.GroupOf(list), maxRemovals, lost)
}

// RemoveFrom takes users out of a list if it is still the version given; else it returns a Conflict.
func (r MemberRemover) RemoveFrom(ctx context.Context, list client.Object, users ...string) error {
	err := r.replace(ctx, list, membership.ExcludeMembers(membership.MembersOf(list), users...))
	return client.IgnoreNotFound(asConflict(list, err))
}

// notLive returns the users that are not live or do not exist.
func (r MemberRemover) notLive(ctx context.Context, namespace string, users []string) (notLive []string, err error) {
	for _, name := range users {
		u := &v1alpha1.CloudSSOUser{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil || !policy.IsLive(u) {
			notLive = append(notLive, name)
		}
	}
	return notLive, nil
}

// replace writes the members if the list is still what they were computed from, and sets SCIM's meta.lastModified of a
// group that SCIM shows.
func (r MemberRemover) replace(ctx context.Context, list client.Object, members []v1alpha1.Member) error {
	p := jsonpatch.Patch{}.TestUID(list).TestGeneration(list).Replace("/spec/members", members)
	if policy.SourceOf(list) == v1alpha1.SourceSCIM {
		next := emptyList(list)
		next.SetAnnotations(list.GetAnnotations())
		policy.SetLastModified(next, r.Now())
		p = p.Annotations(list, next)
	}
	return r.Client.Patch(ctx, emptyList(list), p)
}

// emptyList returns an object of the kind and the name of a list.
func emptyList(list client.Object) client.Object {
	var empty client.Object = &v1alpha1.CloudSSOGroup{}
	if _, ok := list.(*v1alpha1.CloudSSOMembershipSlice); ok {
		empty = &v1alpha1.CloudSSOMembershipSlice{}
	}
	empty.SetNamespace(list.GetNamespace())
	empty.SetName(list.GetName())
	return empty
}
