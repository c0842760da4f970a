package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/convert"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

var groupKind = kind[*v1alpha1.CloudSSOGroup]{
	resource:    schema.Group,
	name:        schema.GroupDisplayName,
	claimedKind: v1alpha1.ClaimedByGroup,
	fallback:    "group",
	copy:        (*v1alpha1.CloudSSOGroup).DeepCopy,
	spec:        func(g *v1alpha1.CloudSSOGroup) any { return &g.Spec },
	keys:        groupKeys,
	attribute: func(g *v1alpha1.CloudSSOGroup, a *schema.Attribute) (any, bool) {
		return convert.Group.Attribute(&g.Spec, a)
	},
	represent:    (*namespacedStore).groupResource,
	acceptedName: func(g *v1alpha1.CloudSSOGroup) string { return g.Status.ClaimedName },
}

func groupKeys(g *v1alpha1.CloudSSOGroup) (k index.Keys) {
	k.Members = memberIDs(g.Spec.Members)
	if !policy.IsLive(g) {
		return k
	}
	k.Name = fold.Name(g.Spec.DisplayName)
	if g.Spec.Source == v1alpha1.SourceSCIM {
		k.ExternalID, k.Listed = g.Spec.ExternalID, true
	}
	return k
}

func memberIDs(members []v1alpha1.Member) []string {
	var ids []string
	for _, m := range members {
		ids = append(ids, m.Name)
	}
	return ids
}

func (n *namespacedStore) createGroup(ctx context.Context, attributes schema.Object, members []string) (*scim.Resource, error) {
	var g *v1alpha1.CloudSSOGroup
	var delta *membership.Delta
	var unknown []string
	err := n.retry(ctx, n.namespace, "(new group)", func() (err error) {
		// One for each attempt, because it remembers what was written, and an attempt that fails leaves nothing.
		if delta, unknown, err = n.delta(ctx, []scim.MemberChange{{Op: scim.AddMembers, IDs: members}}); err != nil {
			return err
		}
		if err := n.groups.waitCaughtUp(ctx, n.namespace); err != nil {
			return err
		}
		g, err = n.createGroupOnce(ctx, attributes, delta)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.reportSkipped(g, unknown)
	return withEffect(n.groupResource(g, scim.Omit{}), groupEffect(scim.OriginNew, nil, delta)), nil
}

// createGroupOnce is one attempt of createGroup. It returns errStale if the next one may have another result.
func (n *namespacedStore) createGroupOnce(ctx context.Context, attributes schema.Object, delta *membership.Delta) (created *v1alpha1.CloudSSOGroup, err error) {
	g := &v1alpha1.CloudSSOGroup{}
	convert.Group.SetAttributes(attributes, &g.Spec)
	g.Spec.Source = v1alpha1.SourceSCIM
	g.Namespace, g.Name = n.namespace, newID(g.Spec.DisplayName, groupKind.fallback, n.NewSuffix())
	g.Finalizers = []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices}
	moved, err := n.planOwnList(g, delta)
	if err != nil {
		return nil, err
	}
	err = n.claims.Create(ctx, nameclaim.NameOf(g), g.Name, func(acquired nameclaim.Acquired) (err error) {
		if g.Spec.Sliced {
			created, err = n.createAfterSlices(ctx, g, delta, acquired.CloudSSONameClaim)
		} else {
			created, err = n.groups.create(ctx, g)
		}
		return err
	})
	if err != nil {
		return nil, toSCIMError(err)
	}
	n.groups.waitForOwnWrite(ctx, created)
	delta.Record(moved, index.RevisionOf(created))
	return created, nil
}

// createAfterSlices creates the slices of a group, and then the group, which makes them count: no client is shown a part of its
// members. If the group will not come, the slices are deleted and the claim is released. If it may still come, or this replica
// dies, a controller deletes the slices later unless the group is there.
func (n *namespacedStore) createAfterSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, delta *membership.Delta, claim *v1alpha1.CloudSSONameClaim) (*v1alpha1.CloudSSOGroup, error) {
	if err := n.checkUnused(ctx, g); err != nil {
		_ = n.claims.Release(ctx, claim) // and no slice is deleted: those of that id are another group's
		return nil, err
	}
	if err := n.changeSlices(ctx, g, delta, nil); err != nil {
		n.undoCreate(ctx, g, claim)
		return nil, err
	}
	created, err := n.groups.create(ctx, g)
	if err != nil && !isOutcomeUnknown(err) {
		n.undoCreate(ctx, g, nil) // the caller decides about the claim
	}
	return created, err
}

// undoTimeout bounds the deletion of the slices of a group that does not come.
const undoTimeout = 10 * time.Second

// undoCreate releases the claim of a group that does not come, and deletes its slices. It does not read the switch: they are this
// request's own, and the displayName would be taken when the request is sent again. What fails is done later: the claim is taken
// over within a minute, and a controller deletes the slices.
func (n *namespacedStore) undoCreate(ctx context.Context, g *v1alpha1.CloudSSOGroup, claim *v1alpha1.CloudSSONameClaim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	_ = n.claims.Release(ctx, claim)
	if err := n.deleteSlices(ctx, g); err != nil {
		n.Log.Warn("slices of a group that was not created are left; they are deleted within minutes", "namespace", g.Namespace, "group", g.Name, "error", err)
	}
}

func (n *namespacedStore) updateGroup(ctx context.Context, id string, change scim.Change) (*scim.Resource, error) {
	delta, unknown, err := n.delta(ctx, change.Members)
	if err != nil {
		return nil, err
	}
	unlock, err := n.groupLocks.lock(ctx, n.namespace+"/"+id)
	if err != nil {
		return nil, contended(n.namespace, id, fmt.Errorf("waiting for earlier requests of this replica: %w", err))
	}
	defer unlock()
	g, before, err := n.changeGroup(ctx, id, change, delta)
	if err != nil {
		return nil, err
	}
	n.revokeRemoved(id, change.Members, delta)
	n.reportSkipped(g, unknown)
	return withEffect(n.groupResource(g, scim.Omit{}), groupEffect("", before, delta)), nil
}

// awaitScan waits for the place of a scan for as long as a list does.
func (n *namespacedStore) awaitScan(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return n.AcquireScan(ctx)
}

// selectsByFilter reports whether a change of members selects them by a filter, which may cost as much as a scan.
func selectsByFilter(c scim.MemberChange) bool { return c.Match != nil }

// groupEffect returns what a request has changed of a group.
func groupEffect(origin scim.Origin, before schema.Object, delta *membership.Delta) scim.Effect {
	added, removed := delta.Done()
	return scim.Effect{Origin: origin, Before: before, Added: scim.SampleMembers(added), Removed: scim.SampleMembers(removed)}
}

// changeGroup changes the group object, and then its slices. before are the attributes that it has changed.
func (n *namespacedStore) changeGroup(ctx context.Context, id string, change scim.Change, delta *membership.Delta) (g *v1alpha1.CloudSSOGroup, before schema.Object, err error) {
	views, err := n.viewBeforeRead(ctx, id, delta)
	if err != nil {
		return nil, nil, err
	}
	if err := n.evaluate(id, delta); err != nil {
		return nil, nil, err
	}
	var moved []string
	g, err = n.groups.edit(ctx, n.namespace, id, func(g *v1alpha1.CloudSSOGroup) (err error) {
		current, err := n.groups.visible(n, g, change.Precondition)
		if err != nil {
			return err
		}
		before = current.Attributes
		if change.Attributes != nil {
			attributes, err := change.Attributes(current.Attributes)
			if err != nil {
				return err
			}
			convert.Group.SetAttributes(attributes, &g.Spec)
		}
		moved, err = n.planOwnList(g, delta)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	delta.Record(moved, index.RevisionOf(g))
	if g.Spec.Sliced && !delta.IsEmpty() {
		err = n.changeSlices(ctx, g, delta, views)
	}
	return g, before, err
}

// deleteGroup deletes the object, takes the guard off it, so that it is not live any more, and releases its displayName.
// The guard is taken off after the deletion has begun, when no controller can put it on again. The object goes once other
// finalizers are off: the controller deletes the group's bindings and slices first, if there can be any.
func (n *namespacedStore) deleteGroup(ctx context.Context, id string, precondition scim.Precondition) (deleted *scim.Resource, err error) {
	err = n.retry(ctx, n.namespace, id, func() error {
		return n.deleteGroupOnce(ctx, id, func(g *v1alpha1.CloudSSOGroup) (err error) {
			deleted, err = n.groups.visible(n, g, precondition)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	n.revoke(func(r AccessRevoker) { r.RevokeGroup(n.namespace, id) })
	deleted.Members = nil // the index has none of them any more
	return deleted, nil
}

// deleteGroupOnce is one attempt of deleteGroup. check is asked about the group as it was read live.
func (n *namespacedStore) deleteGroupOnce(ctx context.Context, id string, check func(*v1alpha1.CloudSSOGroup) error) error {
	g, err := n.groups.readVisible(ctx, n.namespace, id)
	if err != nil {
		return err
	}
	if err := check(g); err != nil {
		return err
	}
	err = n.claims.Delete(ctx, nameclaim.NameOf(g), g.Name, func() error {
		expected := client.Preconditions{UID: &g.UID, ResourceVersion: &g.ResourceVersion}
		if err := n.Client.Delete(ctx, g, expected); err != nil {
			return err
		}
		return n.dropFinalizers(ctx, g)
	})
	if err != nil {
		return toSCIMError(err)
	}
	n.groups.waitForRemoval(ctx, g)
	return nil
}

// dropFinalizers takes off the finalizers of a group that is being deleted for which there is nothing to do. A group through
// which users can have roles keeps FinalizerSlices until the controller finds no binding of it.
func (n *namespacedStore) dropFinalizers(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	done, uid := []string{v1alpha1.FinalizerGuard}, g.UID
	if !g.Spec.Sliced && n.Revoker == nil {
		done = append(done, v1alpha1.FinalizerSlices)
	}
	isOvertaken := false
	err := n.finish(ctx, g.Namespace, g.Name, func() (err error) {
		if isOvertaken {
			if g, err = n.groups.read(ctx, g.Namespace, g.Name); err != nil {
				return err
			}
		}
		isOvertaken = true
		if g.UID != uid || !slices.ContainsFunc(done, func(f string) bool { return ctrlutil.ContainsFinalizer(g, f) }) {
			return nil
		}
		_, err = n.groups.patch(ctx, g, jsonpatch.Patch{}.TestUID(g).RemoveFinalizers(g, done...))
		return err
	})
	if isNotFound(err) {
		return nil
	}
	return err
}
