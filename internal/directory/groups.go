package directory

import (
	"context"
	"errors"
	"slices"
	"strconv"

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
}

func describeGroup(g *v1alpha1.CloudSSOGroup) facts {
	f := facts{reservation: g.Annotations[v1alpha1.AnnotationReservation]}
	if reservation, ok := policy.ParseReservation(f.reservation); ok {
		f.reserved = reservation.Name
	}
	for _, m := range g.Spec.Members {
		f.members = append(f.members, m.Name)
	}
	live, synchronized := policy.IsLiveGroup(g), g.Spec.Source == v1alpha1.SourceSCIM
	if live {
		f.name = fold.Name(g.Spec.DisplayName)
	}
	f.listed = live && synchronized
	if f.listed {
		f.externalID = g.Spec.ExternalID
	}
	return f
}

func (t *tenant) createGroup(ctx context.Context, attributes schema.Object, members []string) (*scim.Resource, error) {
	if err := t.groups.catchUp(ctx); err != nil {
		return nil, err
	}
	g := &v1alpha1.CloudSSOGroup{}
	writeGroup(attributes, &g.Spec)
	g.Spec.Source = v1alpha1.SourceSCIM
	g.ObjectMeta = t.newObjectMeta(g.Spec.DisplayName, groupKind.prefix, v1alpha1.FinalizerGuard)
	if err := t.groups.vacant(ctx, g, fold.Name(g.Spec.DisplayName)); err != nil {
		return nil, err
	}
	changes, unknown, err := t.knownIn(ctx, []scim.MemberChange{{Op: scim.AddMembers, IDs: members}})
	if err != nil {
		return nil, err
	}
	if g.Spec.Members, err = t.outcome(changes).in(nil); err != nil {
		return nil, err
	}
	g, err = t.groups.create(ctx, g, nil)
	if err != nil {
		return nil, err
	}
	t.reportSkipped(g, unknown)
	t.groups.settle(ctx, g)
	return t.group(g, scim.Omit{}), nil
}

func (t *tenant) updateGroup(ctx context.Context, id string, change scim.Change) (*scim.Resource, error) {
	changes, unknown, err := t.knownIn(ctx, change.Members)
	if err != nil {
		return nil, err
	}
	members := t.outcome(changes)
	g, err := t.editGroup(ctx, id, change, members)
	if err == nil && members.spared { // unless they have become such that they are shown
		if err = t.users.pass(ctx); err == nil {
			g, err = t.editGroup(ctx, id, change, members)
		}
	}
	if err != nil {
		return nil, err
	}
	t.reportSkipped(g, unknown)
	return t.group(g, scim.Omit{}), nil
}

func (t *tenant) editGroup(ctx context.Context, id string, change scim.Change, members *outcome) (*v1alpha1.CloudSSOGroup, error) {
	return t.groups.edit(ctx, t.namespace, id, func(g *v1alpha1.CloudSSOGroup) error {
		current, err := t.visibleGroup(g, change.Precondition)
		if err != nil {
			return err
		}
		if change.Attributes != nil {
			attributes, err := change.Attributes(current.Attributes)
			if err != nil {
				return err
			}
			writeGroup(attributes, &g.Spec)
		}
		g.Spec.Members, err = members.in(g.Spec.Members)
		return err
	})
}

// deleteGroup removes the object. The guard's finalizer is lifted after the deletion began, when no
// controller can put it on again; others do their work first.
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
		if err := t.liftGuard(ctx, g); err != nil {
			return err
		}
		return t.groups.pass(ctx)
	}
	return scim.Unavailable(retryAfter, errStale)
}

func (t *tenant) liftGuard(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	for range maxAttempts {
		i := slices.Index(g.Finalizers, v1alpha1.FinalizerGuard)
		if i < 0 {
			return nil
		}
		_, err := t.groups.patch(ctx, g, jsonpatch.Patch{}.TestUID(g).
			Test(finalizerPath(i), v1alpha1.FinalizerGuard).
			Remove(finalizerPath(i)))
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

// leaveGroups takes a user out of every group that still lists it.
func (t *tenant) leaveGroups(ctx context.Context, user string) error {
	names, err := t.Memberships(ctx, t.namespace, user)
	if err != nil {
		return err
	}
	for _, name := range names {
		g, _, err := t.groups.find(ctx, t.namespace, name)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := (membership.Writer{Client: t.Client, Live: t.Client, Now: t.Now}).Remove(ctx, g, user); err != nil {
			return t.groups.translate(err)
		}
	}
	return nil
}

func finalizerPath(i int) string { return "/metadata/finalizers/" + strconv.Itoa(i) }
