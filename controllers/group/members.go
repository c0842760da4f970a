package group

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// roll is a group's members, parted by what has become of them.
type roll struct {
	present int32     // that exist and have not departed
	unknown []string  // that name nobody, and may stay
	leaving []leaving // that have to leave
	twice   []leaving // that an earlier list has, too
}

// leaving are members that have to leave one list.
type leaving struct {
	list  client.Object
	names []string
}

// lists are the group and its slices, those by name: the order in which the first to list somebody counts.
func (r *Reconciler) lists(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]client.Object, error) {
	lists := []client.Object{g}
	var found v1alpha1.CloudSSOMembershipSliceList
	err := r.List(ctx, &found, client.InNamespace(g.Namespace), client.MatchingFields{membership.GroupField: g.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing the slices of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.CloudSSOMembershipSlice) int { return strings.Compare(a.Name, b.Name) })
	for i := range found.Items {
		if s := &found.Items[i]; s.Spec.Source == g.Spec.Source && !policy.IsGoing(s) {
			lists = append(lists, s)
		}
	}
	return lists, nil
}

func (r *Reconciler) callRoll(ctx context.Context, g *v1alpha1.CloudSSOGroup) (called roll, err error) {
	position, err := controllerutil.SwitchOf(ctx, r.Client, g.Namespace)
	if err != nil {
		return roll{}, err
	}
	lists, err := r.lists(ctx, g)
	if err != nil {
		return roll{}, err
	}
	began := time.Now()
	defer func() { r.rolls.note(client.ObjectKeyFromObject(g), time.Since(began)) }()
	seen := map[string]bool{}
	member := &v1alpha1.CloudSSOUser{} // one for all: there may be a hundred thousand
	for _, list := range lists {
		departed, twice := leaving{list: list}, leaving{list: list}
		for _, m := range membership.Of(list) {
			status, err := r.look(ctx, client.ObjectKey{Namespace: g.Namespace, Name: m.Name}, member)
			switch {
			case err != nil:
				return roll{}, fmt.Errorf("reading member %s of CloudSSOGroup %s/%s: %w", m.Name, g.Namespace, g.Name, err)
			case seen[m.Name]:
				twice.names = append(twice.names, m.Name)
			case status == gone, status == unknown && policy.ExpelsUnknown(g, position):
				departed.names = append(departed.names, m.Name)
			case status == unknown:
				called.unknown = append(called.unknown, m.Name)
			default:
				called.present++
			}
			seen[m.Name] = true
		}
		called.leaving = departed.appendTo(called.leaving)
		called.twice = twice.appendTo(called.twice)
	}
	return called, nil
}

func (l leaving) appendTo(all []leaving) []leaving {
	if len(l.names) == 0 {
		return all
	}
	return append(all, l)
}

type presence int

const (
	present presence = iota
	gone             // deprovisioned, or on its way out
	unknown
)

// look reads a user into u, and says what has become of it. It may be older than what this controller has written: whoever
// comes or goes has the group looked at again, and nobody is taken out without a live read.
func (r *Reconciler) look(ctx context.Context, key client.ObjectKey, u *v1alpha1.CloudSSOUser) (presence, error) {
	*u = v1alpha1.CloudSSOUser{}
	err := r.Get(ctx, key, u, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return unknown, err
	case err != nil:
		return unknown, nil
	case policy.HasDeparted(u):
		return gone, nil
	}
	return present, nil
}

// takeOut takes out members that were added while they left (their own controller takes out those that it
// finds), and second copies of a member, which a crash may have left.
func (r *Reconciler) takeOut(ctx context.Context, g *v1alpha1.CloudSSOGroup, called roll) error {
	writer := membership.Writer{Client: r.Client, Live: r.Live, Now: r.Now}
	var all []string
	for _, l := range called.leaving {
		removed, err := writer.RemoveDeparted(ctx, l.list, l.names...)
		if err != nil {
			return fmt.Errorf("taking departed members out of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
		}
		all = append(all, removed...)
	}
	if len(all) > 0 {
		controllerutil.Emit(r.Events, g, controllerutil.Normal(eventMembersDeparted, "Remove", "members taken out, for they were deprovisioned or deleted: "+controllerutil.Listed(all)))
	}
	if len(called.twice) == 0 {
		return nil
	}
	live := &v1alpha1.CloudSSOGroup{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(g), live); err != nil || live.Generation != g.Generation {
		return err // it comes again, as it is now
	}
	for _, l := range called.twice {
		if err := writer.RemoveFrom(ctx, l.list, l.names...); err != nil {
			return err
		}
	}
	return nil
}
