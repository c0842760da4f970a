package controllerutil

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// removalTimeout bounds a removal that other writers overtake: many writers of one list all get their turn, and the
	// worker of a controller is free again for other objects.
	removalTimeout = 15 * time.Second
	// The second attempt follows at once. Before the third one firstRemovalDelay passes, about what a write takes, which
	// doubles up to maxRemovalDelay. Each delay is drawn between nothing and twice that.
	firstRemovalDelay = 5 * time.Millisecond
	maxRemovalDelay   = 500 * time.Millisecond
	// maxLiveReads bounds the live reads that one removal has under way.
	maxLiveReads = 8
)

// MemberRemover takes users out of lists of members. A list that it is given may be stale: a removal is computed from what
// the write then finds, never from less (fleetdm/fleet#50724), and that there is nothing to remove is confirmed on a live
// read. A list that is gone has no members. Safe for concurrent use.
type MemberRemover struct {
	// Client writes to the API server, and reads from the cache which members are being deleted.
	Client client.Client
	// Live reads from the API server, not from a cache.
	Live client.Reader
	// Now is the clock, for SCIM's meta.lastModified.
	Now func() time.Time

	removals removals
}

// RemoveNotLive takes those of the users out of a list that are not live or do not exist, and returns them. Users are read
// live after the list was read. Calls that come while a list is written wait, and share the next write. Each write takes
// out the members that are being deleted too, because their finalizers would ask for that next.
func (r *MemberRemover) RemoveNotLive(ctx context.Context, list client.Object, users ...string) (removed []string, err error) {
	key := removalKey{reflect.TypeOf(list), client.ObjectKeyFromObject(list)}
	shared, leave := r.removals.join(key, users)
	defer leave()
	all, err := shared.do(ctx, func(asked map[string]bool) (map[string]bool, error) { return r.removeNotLive(ctx, list, asked) })
	return slices.DeleteFunc(slices.Clone(users), func(name string) bool { return !all[name] }), err
}

// removeNotLive takes the users that are asked for, and those that are being deleted, out of a list.
func (r *MemberRemover) removeNotLive(ctx context.Context, list client.Object, asked map[string]bool) (removed map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, removalTimeout)
	defer cancel()
	current, delay := list, time.Duration(0)
	for attempt := 0; ; attempt++ {
		if removed, err = r.notLive(ctx, current, asked); err != nil {
			return nil, err
		}
		switch {
		case len(removed) > 0:
			err = AsConflict(list, r.replace(ctx, current, membership.ExcludeMembers(membership.MembersOf(current), slices.Collect(maps.Keys(removed))...)))
			if err == nil {
				return removed, nil
			}
			if !apierrors.IsConflict(err) {
				return nil, client.IgnoreNotFound(err)
			}
		case attempt > 0:
			return nil, nil
		}
		if attempt > 0 {
			delay = min(max(2*delay, firstRemovalDelay), maxRemovalDelay)
			if !pauseFor(ctx, rand.N(2*delay)) { //nolint:gosec // G404: spreads writers, guards nothing
				return nil, fmt.Errorf("taking %s out of group %s/%s: overtaken by other writers %d times: %w",
					JoinNames(slices.Sorted(maps.Keys(asked))), list.GetNamespace(), membership.GroupOf(list), attempt+1, err)
			}
		}
		current = emptyList(list)
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(list), current); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
	}
}

// candidates returns the members of a list that are asked for, or that the cache shows being deleted. The error is the context's.
func (r *MemberRemover) candidates(ctx context.Context, list client.Object, asked map[string]bool) (names []string, err error) {
	u := &v1alpha1.CloudSSOUser{}
	for _, m := range membership.MembersOf(list) {
		if err := ctx.Err(); err != nil { // the cache does not look at it
			return nil, err
		}
		*u = v1alpha1.CloudSSOUser{}
		key := client.ObjectKey{Namespace: list.GetNamespace(), Name: m.Name}
		if asked[m.Name] || r.Client.Get(ctx, key, u, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency) == nil && policy.IsTerminating(u) {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// RemoveFrom takes users out of a list if it is still the version given; else it returns a Conflict.
func (r *MemberRemover) RemoveFrom(ctx context.Context, list client.Object, users ...string) error {
	err := r.replace(ctx, list, membership.ExcludeMembers(membership.MembersOf(list), users...))
	return client.IgnoreNotFound(AsConflict(list, err))
}

// notLive returns which candidates are not live or do not exist.
func (r *MemberRemover) notLive(ctx context.Context, list client.Object, asked map[string]bool) (map[string]bool, error) {
	users, err := r.candidates(ctx, list, asked)
	if err != nil {
		return nil, err
	}
	isLive := make([]bool, len(users))
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(maxLiveReads)
	for i, name := range users {
		reads.Go(func() error {
			u := &v1alpha1.CloudSSOUser{}
			err := r.Live.Get(ctx, client.ObjectKey{Namespace: list.GetNamespace(), Name: name}, u)
			isLive[i] = err == nil && policy.IsLive(u)
			return client.IgnoreNotFound(err)
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	notLive := map[string]bool{}
	for i, name := range users {
		if !isLive[i] {
			notLive[name] = true
		}
	}
	return notLive, nil
}

// replace writes the members if the list is still what they were computed from, and sets SCIM's meta.lastModified of a
// group that SCIM shows.
func (r *MemberRemover) replace(ctx context.Context, list client.Object, members []v1alpha1.Member) error {
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
