package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var groupKind = kind[*v1alpha1.CloudSSOGroup]{
	resource: schema.Group,
	name:     schema.GroupDisplayName,
	prefix:   "group-",
	blank:    func() *v1alpha1.CloudSSOGroup { return &v1alpha1.CloudSSOGroup{} },
	copy:     (*v1alpha1.CloudSSOGroup).DeepCopy,
	spec:     func(g *v1alpha1.CloudSSOGroup) any { return &g.Spec },
	describe: describeGroup,
	attribute: func(g *v1alpha1.CloudSSOGroup, a *schema.Attribute) (any, bool) {
		return readGroupAttribute(&g.Spec, a)
	},
}

func describeGroup(g *v1alpha1.CloudSSOGroup) facts {
	f := facts{reservation: reservationOf(g)}
	for _, m := range g.Spec.Members {
		f.members = append(f.members, m.Name)
	}
	live, synchronized := policy.IsLiveGroup(g), g.Spec.Source == v1alpha1.SourceSCIM
	if live {
		f.name = fold.Name(g.Spec.DisplayName)
	}
	f.listed = live && synchronized
	f.accepted, f.inConflict = policy.IsAcceptedGroup(g), policy.IsGroupInConflict(g)
	if f.listed {
		f.externalID = g.Spec.ExternalID
	}
	return f
}

func (t *tenant) createGroup(ctx context.Context, attributes schema.Object, members []string) (*scim.Resource, error) {
	displayName := fold.Name(attributes.String(schema.GroupDisplayName))
	err := t.groups.decided(ctx, t.namespace, func(r *record[*v1alpha1.CloudSSOGroup]) bool { return r.name == displayName })
	if err != nil {
		return nil, err
	}
	changes, unknown, err := t.knownIn(ctx, []scim.MemberChange{{Op: scim.AddMembers, IDs: members}})
	if err != nil {
		return nil, err
	}
	for range maxAttempts {
		g, err := t.found(ctx, attributes, t.outcome(changes))
		if err == nil {
			t.reportSkipped(g, unknown)
			return t.group(g, scim.Omit{}), nil
		}
		if !errors.Is(err, errStale) {
			return nil, err
		}
	}
	return nil, scim.Unavailable(retryAfter, fmt.Errorf("creating a group in %s: overtaken %d times", t.namespace, maxAttempts))
}

// found is one round of createGroup.
func (t *tenant) found(ctx context.Context, attributes schema.Object, members *outcome) (*v1alpha1.CloudSSOGroup, error) {
	g := &v1alpha1.CloudSSOGroup{}
	groupFields.write(attributes, &g.Spec)
	g.Spec.Source = v1alpha1.SourceSCIM
	g.ObjectMeta = t.newObjectMeta(g.Spec.DisplayName, groupKind.prefix, v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices)
	if err := t.groups.vacant(ctx, g, fold.Name(g.Spec.DisplayName)); err != nil {
		return nil, err
	}
	if err := members.in(ctx, g); err != nil {
		return nil, err
	}
	g, err := t.groups.create(ctx, g, nil)
	if err != nil {
		return nil, err
	}
	t.groups.settle(ctx, g)
	members.stored(g)
	if g.Spec.Sliced {
		if err := t.changeSlices(ctx, g, members, &snapshot{}); err != nil { // all or nothing, as far as that can be had
			ctx, cancel := tidyUp(ctx)
			defer cancel()
			return nil, errors.Join(err, t.deleteGroup(ctx, g.Name, nil))
		}
	}
	return g, nil
}

func (t *tenant) updateGroup(ctx context.Context, id string, change scim.Change) (*scim.Resource, error) {
	changes, unknown, err := t.knownIn(ctx, change.Members)
	if err != nil {
		return nil, err
	}
	release, err := t.turns.acquire(ctx, t.namespace+"/"+id)
	if err != nil {
		return nil, err
	}
	defer release()
	g, err := t.changeGroup(ctx, id, change, t.outcome(changes))
	if err != nil {
		return nil, err
	}
	t.reportSkipped(g, unknown)
	return t.group(g, scim.Omit{}), nil
}

// changeGroup changes the object, and then what its slices hold.
func (t *tenant) changeGroup(ctx context.Context, id string, change scim.Change, members *outcome) (*v1alpha1.CloudSSOGroup, error) {
	seen, err := t.lookAhead(ctx, id, members)
	if err != nil {
		return nil, err
	}
	g, err := t.groups.edit(ctx, t.namespace, id, func(g *v1alpha1.CloudSSOGroup) error {
		current, err := t.visibleGroup(g, change.Precondition)
		if err != nil {
			return err
		}
		if change.Attributes != nil {
			attributes, err := change.Attributes(current.Attributes)
			if err != nil {
				return err
			}
			groupFields.write(attributes, &g.Spec)
		}
		return members.in(ctx, g)
	})
	if err != nil {
		return g, err
	}
	members.stored(g)
	if g.Spec.Sliced && len(members.changes) > 0 {
		err = t.changeSlices(ctx, g, members, seen)
	}
	return g, err
}

// lookAhead is a snapshot for the live read of a group that is about to come; nil if the group is not known to be sliced.
func (t *tenant) lookAhead(ctx context.Context, id string, members *outcome) (*snapshot, error) {
	g, found := t.groups.index.get(t.namespace, id)
	if !found || !g.Spec.Sliced || len(members.changes) == 0 {
		return nil, nil
	}
	if err := t.slices.catchUp(ctx); err != nil {
		return nil, err
	}
	return t.snapshot(g, members), nil
}

// deleteGroup removes the object. The guard's finalizer is lifted after the deletion began, when no
// controller can put it on again; others do their work first, as that of a group's slices if it has any.
func (t *tenant) deleteGroup(ctx context.Context, id string, precondition scim.Precondition) error {
	for range maxAttempts {
		g, err := t.groups.read(ctx, t.namespace, id)
		if err != nil {
			return err
		}
		if _, err := t.visibleGroup(g, precondition); err != nil {
			return err
		}
		expected := client.Preconditions{UID: &g.UID, ResourceVersion: &g.ResourceVersion}
		err = t.groups.translate(t.Client.Delete(ctx, g, expected))
		if errors.Is(err, errStale) {
			continue
		}
		if err != nil {
			return err
		}
		if err := t.letGo(ctx, g); err != nil {
			return err
		}
		return t.groups.pass(ctx)
	}
	return scim.Unavailable(retryAfter, errStale)
}

// letGo takes off the finalizers that nothing has to be done for.
func (t *tenant) letGo(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	for range maxAttempts {
		needless := func(finalizer string) bool {
			return finalizer == v1alpha1.FinalizerGuard || finalizer == v1alpha1.FinalizerSlices && !g.Spec.Sliced
		}
		if !slices.ContainsFunc(g.Finalizers, needless) {
			return nil
		}
		_, err := t.groups.patch(ctx, g, jsonpatch.Patch{}.TestUID(g).
			Test("/metadata/finalizers", g.Finalizers).
			Replace("/metadata/finalizers", slices.DeleteFunc(slices.Clone(g.Finalizers), needless)))
		if err == nil || isNotFound(err) {
			return nil
		}
		if !errors.Is(err, errStale) {
			return err
		}
		uid := g.UID
		if g, err = t.groups.read(ctx, g.Namespace, g.Name); isNotFound(err) || err == nil && g.UID != uid {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return scim.Unavailable(retryAfter, errStale)
}

// visibleGroup is the group as SCIM shows it, if it does, and if the precondition holds.
func (t *tenant) visibleGroup(g *v1alpha1.CloudSSOGroup, precondition scim.Precondition) (*scim.Resource, error) {
	if !describeGroup(g).listed {
		return nil, scim.NotFound(schema.Group.Name, g.Name)
	}
	current := t.group(g, scim.Omit{})
	if precondition != nil {
		return current, precondition(current)
	}
	return current, nil
}

// leaveGroups takes a user out of every list that still has it.
func (t *tenant) leaveGroups(ctx context.Context, user string) error {
	lists, err := t.AllListsOf(ctx, t.namespace, user)
	if err != nil {
		return err
	}
	writer := membership.Writer{Client: t.Client, Live: t.Client, Now: t.Now}
	left := false
	for _, list := range lists {
		changed, err := writer.Remove(ctx, list, user)
		if err != nil {
			return t.groups.translate(err)
		}
		left = left || changed
	}
	if left { // so that what is answered does not show them
		_, err = t.AllListsOf(ctx, t.namespace, user)
	}
	return err
}
