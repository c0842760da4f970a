package group

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// memberScan is what a look at all members of a group has found.
type memberScan struct {
	live        int32                     // members that are live users
	effective   int32                     // members of a Manual group that have effect
	ineffective controllerutil.FirstNames // members of a Manual group that have none: the operator does not write such a group
	manual      controllerutil.FirstNames // members of source Manual of a synchronized group, which SCIM does not show
	unknown     []string                  // members that are no users, and may stay
	removals    []removals                // members that have to be taken out
	duplicates  []removals                // members that an earlier list has too
	removable   int                       // members in removals
	isCut       bool                      // removals are maxRemovals of more
}

// maxRemovals bounds the members that one reconcile takes out, because each costs a live read.
const maxRemovals = 100

// removals are members that have to be taken out of one list.
type removals struct {
	list  client.Object
	names []string
}

func (r *Reconciler) scanMembers(ctx context.Context, g *v1alpha1.CloudSSOGroup, position policy.Switch) (memberScan, error) {
	lists, err := controllerutil.ListsOfGroup(ctx, r.Client, g)
	if err != nil {
		return memberScan{}, err
	}
	began := time.Now()
	defer func() { r.scans.record(client.ObjectKeyFromObject(g), time.Since(began)) }()
	scan, seen := memberScan{}, map[string]bool{}
	removesUnknown := policy.RemovesUnknownMembers(g, position)
	user := &v1alpha1.CloudSSOUser{} // one for all: there may be a hundred thousand
	for _, list := range lists {
		removed, duplicates := removals{list: list}, removals{list: list}
		for _, m := range membership.MembersOf(list) {
			state, err := r.memberState(ctx, client.ObjectKey{Namespace: g.Namespace, Name: m.Name}, user)
			if err != nil {
				return memberScan{}, fmt.Errorf("reading member %s of CloudSSOGroup %s/%s: %w", m.Name, g.Namespace, g.Name, err)
			}
			switch {
			case seen[m.Name]:
				duplicates.names = append(duplicates.names, m.Name)
			case g.Spec.Source != v1alpha1.SourceSCIM:
				scan.addToManual(m.Name, state, user)
			case scan.addToSynchronized(m.Name, state, user, removesUnknown):
				removed.names = append(removed.names, m.Name)
			}
			seen[m.Name] = true
		}
		scan.removals = removed.appendTo(scan.removals)
		scan.duplicates = duplicates.appendTo(scan.duplicates)
	}
	return scan, nil
}

// addToManual adds a member of a Manual group: it stays listed, whatever its state.
func (s *memberScan) addToManual(name string, state memberState, u *v1alpha1.CloudSSOUser) {
	if state == memberLive {
		s.live++
	}
	if state == memberUnknown {
		s.unknown = append(s.unknown, name)
	}
	if why := ineffectiveBecause(state, u); why != "" {
		s.ineffective.Add(name, why)
	} else {
		s.effective++
	}
}

// addToSynchronized adds a member of a synchronized group, and reports whether it has to be taken out.
func (s *memberScan) addToSynchronized(name string, state memberState, u *v1alpha1.CloudSSOUser, removesUnknown bool) (isRemoved bool) {
	switch {
	case state == memberLive:
		s.live++
		if u.Spec.Source == v1alpha1.SourceManual {
			s.manual.Add(name, "")
		}
	case state == memberUnknown && !removesUnknown:
		s.unknown = append(s.unknown, name)
	case s.removable == maxRemovals:
		s.isCut = true
	default:
		s.removable++
		return true
	}
	return false
}

func (l removals) appendTo(all []removals) []removals {
	if len(l.names) == 0 {
		return all
	}
	return append(all, l)
}

type memberState int

const (
	memberLive    memberState = iota
	memberNotLive             // deprovisioned, or terminating
	memberUnknown
)

// What a message says about members without effect that no reason of a condition names.
const (
	unknownMember  = "Unknown"
	deletingMember = "BeingDeleted"
)

// ineffectiveBecause returns why a member has no effect; "" if it has. A Manual user has effect while its claimedName is its
// userName. A synchronized user has none while its status says that another one holds its name.
func ineffectiveBecause(state memberState, u *v1alpha1.CloudSSOUser) string {
	switch {
	case state == memberUnknown:
		return unknownMember
	case policy.IsTerminating(u):
		return deletingMember
	}
	pending := u.Spec.Source == v1alpha1.SourceManual && u.Status.ClaimedName != u.Spec.UserName
	return policy.IneffectiveReason(u, u.Status.State == v1alpha1.UserConflict, pending)
}

// memberState reads a user into u and returns its state. The cache may be older than what this controller has written: a
// user that is created or deleted has the group reconciled again, and no member is taken out without a live read.
func (r *Reconciler) memberState(ctx context.Context, key client.ObjectKey, u *v1alpha1.CloudSSOUser) (memberState, error) {
	if err := ctx.Err(); err != nil { // the cache does not look at it
		return memberUnknown, err
	}
	*u = v1alpha1.CloudSSOUser{}
	err := r.Get(ctx, key, u, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return memberUnknown, err
	case err != nil:
		return memberUnknown, nil
	case !policy.IsLive(u):
		return memberNotLive, nil
	}
	return memberLive, nil
}

// takeOut takes members out that were added while they were deprovisioned or deleted (the user's controller takes out
// those that it finds), and second copies of a member, which a crash may leave.
func (r *Reconciler) takeOut(ctx context.Context, g *v1alpha1.CloudSSOGroup, scan memberScan) error {
	var all []string
	for _, l := range scan.removals {
		removed, err := r.Remover.RemoveNotLive(ctx, l.list, l.names...)
		if err != nil {
			return fmt.Errorf("taking members out of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
		}
		all = append(all, removed...)
	}
	if len(all) > 0 {
		r.Emit(g, controllerutil.Normal(eventMembersRemoved, "Remove", "members taken out because they were deprovisioned or deleted: "+controllerutil.JoinNames(all)))
	}
	if len(scan.duplicates) == 0 {
		return nil
	}
	live := &v1alpha1.CloudSSOGroup{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(g), live); err != nil || live.Generation != g.Generation {
		return err // a reconcile of the present group follows
	}
	for _, l := range scan.duplicates {
		if err := r.Remover.RemoveFrom(ctx, l.list, l.names...); err != nil {
			return err
		}
	}
	return nil
}
