package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

const (
	// reasonMemberSkipped is the reason of the Event on a group that was pushed with an id that is no user's. Providers
	// do not retry a 400, so a refusal would lose the whole push.
	reasonMemberSkipped = "MemberSkipped"
	// maxReported is how many skipped members one Event names.
	maxReported = 10
	// maxLiveMembers is how many unknown members a request looks for one by one; for more, one list of the namespace's
	// users costs less.
	maxLiveMembers = 100
)

var memberOps = map[scim.MemberOp]membership.Op{
	scim.AddMembers:     membership.Add,
	scim.RemoveMembers:  membership.Remove,
	scim.ReplaceMembers: membership.Replace,
}

// delta returns what changes make of a group's members, without the ids that are no user's, which it returns apart. To
// remove such an id is no error.
func (n *namespacedStore) delta(ctx context.Context, changes []scim.MemberChange) (delta *membership.Delta, unknown []string, err error) {
	if len(changes) > 0 {
		if err := n.users.waitCaughtUp(ctx, n.namespace); err != nil {
			return nil, nil, err
		}
	}
	planned := make([]membership.Change, 0, len(changes))
	for _, c := range changes {
		change := membership.Change{Op: memberOps[c.Op], IDs: c.IDs}
		if c.Match != nil {
			change.Matches = func(id string) (bool, error) { return c.Match(n.memberReference(id)) }
		}
		if c.Op != scim.RemoveMembers {
			var skipped []string
			if change.IDs, skipped, err = n.splitKnown(ctx, c.IDs); err != nil {
				return nil, nil, err
			}
			unknown = append(unknown, skipped...)
		}
		planned = append(planned, change)
	}
	return membership.NewDelta(planned, n.isHiddenMember), unknown, nil
}

// splitKnown returns which ids are users' that SCIM shows, and which are not. An id that the index does not show is
// looked for live: another replica may have created that user a moment ago.
func (n *namespacedStore) splitKnown(ctx context.Context, ids []string) (known, unknown []string, err error) {
	missing := slices.DeleteFunc(slices.Clone(ids), n.isUser)
	if len(missing) == 0 {
		return ids, nil, nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	find := n.findUsers
	if len(missing) > maxLiveMembers {
		find = n.findUsersInList
	}
	if err := find(ctx, missing); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if n.isUser(id) {
			known = append(known, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	return known, unknown, nil
}

// isUser reports whether the index shows a user of that id that SCIM shows.
func (n *namespacedStore) isUser(id string) bool {
	e := n.users.index.Get(n.namespace, id)
	return e != nil && e.Listed
}

// findUsers reads users one by one, and waits until the index shows those that exist.
func (n *namespacedStore) findUsers(ctx context.Context, ids []string) error {
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(maxParallelReads)
	for _, id := range ids {
		reads.Go(func() error {
			_, err := n.users.get(ctx, n.namespace, id)
			if isNotFound(err) {
				return nil
			}
			return err
		})
	}
	return reads.Wait()
}

// findUsersInList lists the users of the namespace, and waits until the index shows those of the ids that exist.
func (n *namespacedStore) findUsersInList(ctx context.Context, ids []string) error {
	exists, err := n.userScan.names(ctx, n.namespace)
	if err != nil {
		return toSCIMError(err)
	}
	return n.findUsers(ctx, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !exists[id] }))
}

// listUserNames lists the metadata.names of the users of a namespace, live.
func (s *Store) listUserNames(ctx context.Context, namespace string) (map[string]bool, error) {
	names := map[string]bool{}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: "CloudSSOUserList"})
	for {
		if err := s.Client.List(ctx, list, client.InNamespace(namespace), client.Limit(userPage), client.Continue(list.Continue)); err != nil {
			return nil, fmt.Errorf("listing the users of namespace %s: %w", namespace, err)
		}
		for i := range list.Items {
			names[list.Items[i].Name] = true
		}
		if list.Continue == "" {
			return names, nil
		}
	}
}

// scanTimeout bounds a list of the users of a namespace: a hundred thousand take about two seconds.
const scanTimeout = 20 * time.Second

// userPage is how many users one request of listUserNames returns: about 1 MB of metadata.
const userPage = 5000

// userScan lists the users of a namespace once for all requests that wait for it.
type userScan struct {
	list func(ctx context.Context, namespace string) (map[string]bool, error)

	mu   sync.Mutex
	next map[string]func() (map[string]bool, error) // by namespace; has not begun yet
	lock keyMutex
}

// names returns the metadata.names of the users of a namespace, by a list that begins after the call. One list runs for
// each namespace at a time, and serves the requests that came before it began.
func (u *userScan) names(ctx context.Context, namespace string) (map[string]bool, error) {
	scan := u.scan(ctx, namespace)
	unlock, err := u.lock.lock(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return scan()
}

// scan returns the next list of a namespace. The first call of what it returns makes the list.
func (u *userScan) scan(ctx context.Context, namespace string) func() (map[string]bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.next == nil {
		u.next = map[string]func() (map[string]bool, error){}
	}
	if u.next[namespace] == nil {
		u.next[namespace] = sync.OnceValues(func() (map[string]bool, error) {
			u.mu.Lock()
			delete(u.next, namespace)
			u.mu.Unlock()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanTimeout) // it serves requests that have more time left
			defer cancel()
			return u.list(ctx, namespace)
		})
	}
	return u.next[namespace]
}

// evaluate asks the filters of a request about all members that the index shows of a group, before anything is written, so that
// a request whose filters cost too much changes nothing. Each plan asks about those that the index did not show yet.
func (n *namespacedStore) evaluate(id string, delta *membership.Delta) error {
	e := n.groups.index.Get(n.namespace, id)
	if e == nil || !e.Listed {
		return nil
	}
	return delta.Evaluate(n.memberNames(e.Object))
}

// planOwnList makes the group object's list what the delta makes of it, as far as it has room, and returns the members that
// this adds or removes. What it has no room for is left to changeSlices.
func (n *namespacedStore) planOwnList(g *v1alpha1.CloudSSOGroup, delta *membership.Delta) (moved []string, err error) {
	if delta.IsEmpty() {
		return nil, nil
	}
	own, err := delta.PlanOwnList(membership.GroupView{
		Members:   g.Spec.Members,
		IsSliced:  g.Spec.Sliced,
		Size:      n.groupSize(g),
		IsInSlice: func(id string) bool { return n.isInSlice(g, id) },
		MaxSize:   limits.Members,
	})
	var tooLarge *membership.TooLargeError
	if errors.As(err, &tooLarge) {
		return nil, scim.BadRequest(scim.InvalidValue, "members: %s", tooLarge)
	}
	g.Spec.Members, g.Spec.Sliced = own.Members, own.IsSliced
	return own.Changed, err
}

// isHiddenMember reports whether SCIM does not show a member: a Manual user, or one that is about to leave the group. A
// member that the index does not have was created a moment ago, and is shown.
func (n *namespacedStore) isHiddenMember(id string) bool {
	e := n.users.index.Get(n.namespace, id)
	return e != nil && !e.Listed
}

// memberReference returns a user as a member.
func (n *namespacedStore) memberReference(id string) scim.Reference {
	e := n.users.index.Get(n.namespace, id)
	if e == nil {
		return scim.Reference{Value: id}
	}
	display := e.Object.Spec.DisplayName
	if display == "" {
		display = e.Object.Spec.UserName
	}
	return scim.Reference{Value: id, Display: display}
}

func (n *namespacedStore) reportSkipped(g *v1alpha1.CloudSSOGroup, unknown []string) {
	if len(unknown) == 0 {
		return
	}
	named := strings.Join(unknown[:min(len(unknown), maxReported)], ", ")
	n.Log.Warn("members skipped: no such users", "namespace", g.Namespace, "group", g.Name, "count", len(unknown), "members", named)
	n.Warn(g, reasonMemberSkipped, fmt.Sprintf("members that the identity provider pushed (%d) were skipped, because no such users exist: %s. "+
		"Provision them first, then push the group again.", len(unknown), named))
}
