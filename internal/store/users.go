package store

import (
	"cmp"
	"context"
	"errors"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/convert"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

var userKind = kind[*v1alpha1.CloudSSOUser]{
	resource:    schema.User,
	name:        schema.UserName,
	claimedKind: v1alpha1.ClaimedByUser,
	fallback:    "user",
	copy:        (*v1alpha1.CloudSSOUser).DeepCopy,
	spec:        func(u *v1alpha1.CloudSSOUser) any { return &u.Spec },
	keys:        userKeys,
	attribute: func(u *v1alpha1.CloudSSOUser, a *schema.Attribute) (any, bool) {
		return convert.User.Attribute(&u.Spec, a)
	},
	represent:     (*namespacedStore).userResource,
	isShown:       isShownChange,
	onlyWithholds: onlyWithholds,
	acceptedName:  func(u *v1alpha1.CloudSSOUser) string { return u.Status.ClaimedName },
}

func userKeys(u *v1alpha1.CloudSSOUser) (k index.Keys) {
	if !policy.IsLive(u) {
		k.FormerName = fold.Name(u.Spec.UserName)
		return k
	}
	k.Name = fold.Name(u.Spec.UserName)
	if u.Spec.Source == v1alpha1.SourceSCIM {
		k.ExternalID, k.Listed = u.Spec.ExternalID, true
	}
	return k
}

// createUser creates a user. If the userName is a Manual user's it may adopt that user, and if it is a disabled user's
// with the same externalId it restores that user.
func (n *namespacedStore) createUser(ctx context.Context, attributes schema.Object) (*scim.Resource, error) {
	if err := n.users.waitCaughtUp(ctx, n.namespace); err != nil {
		return nil, err
	}
	var u *v1alpha1.CloudSSOUser
	var effect scim.Effect
	err := n.retry(ctx, n.namespace, "(new user)", func() (err error) {
		u, effect, err = n.createUserOnce(ctx, attributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.users.waitForOwnWrite(ctx, u)
	return withEffect(n.userResource(u, scim.Omit{}), effect), nil
}

// withEffect returns a resource with what the call has changed.
func withEffect(r *scim.Resource, e scim.Effect) *scim.Resource {
	r.Effect = e
	return r
}

// createUserOnce is one attempt of createUser. It returns errStale if the next one may have another result.
func (n *namespacedStore) createUserOnce(ctx context.Context, attributes schema.Object) (created *v1alpha1.CloudSSOUser, effect scim.Effect, err error) {
	u := &v1alpha1.CloudSSOUser{}
	convert.User.SetAttributes(attributes, &u.Spec)
	u.Spec.Source = v1alpha1.SourceSCIM
	u.Namespace, u.Name = n.namespace, newID(u.Spec.UserName, userKind.fallback, n.NewSuffix())
	u.Finalizers = []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships}
	name := nameclaim.NameOf(u)
	err = n.claims.Create(ctx, name, u.Name, func(acquired nameclaim.Acquired) error {
		n.inheritSuspension(u, name, acquired)
		created, err = n.users.create(ctx, u)
		return err
	})
	var taken *nameclaim.TakenError
	if errors.As(err, &taken) {
		if holder, ok := taken.Holder.(*v1alpha1.CloudSSOUser); ok {
			return n.createOver(ctx, holder, attributes)
		}
	}
	return created, scim.Effect{Origin: scim.OriginNew}, toSCIMError(err)
}

// inheritSuspension suspends a new user if the user who had the userName last was suspended when the identity provider
// deleted it: an administrator's word outlives a deletion in the provider.
func (n *namespacedStore) inheritSuspension(u *v1alpha1.CloudSSOUser, name nameclaim.Name, acquired nameclaim.Acquired) {
	former, _ := acquired.TakenFrom.(*v1alpha1.CloudSSOUser)
	if former == nil {
		former = n.lastDeprovisioned(name)
	}
	if former != nil && former.Spec.DeprovisionedAt != nil && former.Spec.Suspended {
		u.Spec.Suspended = true
		metav1.SetMetaDataAnnotation(&u.ObjectMeta, v1alpha1.AnnotationSuspendedLike, former.Name)
	}
}

// lastDeprovisioned returns the user of a userName that the identity provider deleted last, or nil.
func (s *Store) lastDeprovisioned(name nameclaim.Name) *v1alpha1.CloudSSOUser {
	former := s.users.index.FormerlyNamed(name.Namespace, name.Folded)
	former = slices.DeleteFunc(former, func(e *index.Entry[*v1alpha1.CloudSSOUser]) bool { return e.Object.Spec.DeprovisionedAt == nil })
	if len(former) == 0 {
		return nil
	}
	return slices.MaxFunc(former, func(a, b *index.Entry[*v1alpha1.CloudSSOUser]) int {
		return cmp.Or(a.Object.Spec.DeprovisionedAt.Compare(b.Object.Spec.DeprovisionedAt.Time), index.CompareAge(a.Object, b.Object))
	}).Object
}

// createOver answers a create whose userName a live user holds: it adopts or restores that user, or refuses.
func (n *namespacedStore) createOver(ctx context.Context, holder *v1alpha1.CloudSSOUser, attributes schema.Object) (*v1alpha1.CloudSSOUser, scim.Effect, error) {
	effect := scim.Effect{Origin: scim.OriginRestored, Before: convert.User.Attributes(&holder.Spec)}
	next := holder.DeepCopy()
	convert.User.SetAttributes(attributes, &next.Spec)
	next.Spec.Withheld = nil
	switch {
	case holder.Spec.Source == v1alpha1.SourceManual:
		if err := n.mayAdopt(holder); err != nil {
			return nil, effect, err
		}
		next.Spec.Source, effect.Origin = v1alpha1.SourceSCIM, scim.OriginAdopted
	case !isRestoredBy(holder, attributes):
		return nil, effect, scim.Conflict("userName is already that of User %q", holder.Name)
	}
	// The claim may be about to be taken over, if it was left over when the holder got the name. Refreshed, it is not.
	if _, err := n.claims.Acquire(ctx, nameclaim.NameOf(holder), holder.Name); err != nil {
		return nil, effect, toSCIMError(err)
	}
	written, err := n.users.write(ctx, holder, next)
	switch {
	case isNotFound(err):
		return nil, effect, errStale // the holder has been deleted, and the name is free
	case err == nil:
		n.revokeFormer(holder, written)
		if holder.Spec.Source == v1alpha1.SourceManual {
			n.reportAdoption(written)
		}
	}
	return written, effect, err
}

// isRestoredBy reports whether a create means the user of its userName: one with the same non-empty externalId who is disabled,
// or would be if that were not withheld.
// That user is restored: same object, same id, attributes as sent, memberships kept. Okta
// re-provisions a user who left in this way, and a 409 would lock the person out. An externalId alone is not an identity:
// Entra's default mapping is mailNickname, which is reused.
func isRestoredBy(u *v1alpha1.CloudSSOUser, attributes schema.Object) bool {
	externalID := attributes.String(schema.ExternalID)
	isDeactivated := !isActive(u) || u.Spec.Withheld != nil && attributes.Get(schema.Active) != false
	return u.Spec.Source == v1alpha1.SourceSCIM && isDeactivated && externalID != "" && u.Spec.ExternalID == externalID
}

// isActive reports whether the identity provider has the user active.
func isActive(u *v1alpha1.CloudSSOUser) bool { return u.Spec.Active == nil || *u.Spec.Active }

func (n *namespacedStore) updateUser(ctx context.Context, id string, change scim.Change) (*scim.Resource, error) {
	deactivation := n.newDeactivation()
	defer deactivation.End()
	var effect scim.Effect
	var before v1alpha1.CloudSSOUser
	edit := func(change scim.Change) (*v1alpha1.CloudSSOUser, error) {
		return n.users.edit(ctx, n.namespace, id, func(u *v1alpha1.CloudSSOUser) error {
			before, deactivation.outcome = *u, noDeactivation
			current, err := n.users.visible(n, u, change.Precondition)
			if err != nil {
				return err
			}
			if effect = (scim.Effect{Before: current.Attributes}); change.Attributes == nil {
				return nil
			}
			attributes, err := change.Attributes(current.Attributes)
			if err != nil {
				return err
			}
			convert.User.SetAttributes(attributes, &u.Spec)
			switch {
			case isActive(&before) && !isActive(u):
				deactivation.checkBudget(ctx, u, &before.Spec, v1alpha1.DeactivationDisable)
			case before.Spec.Withheld != nil && asksToActivate(change, current.Attributes):
				u.Spec.Withheld, effect.Released = nil, true
			}
			return nil
		})
	}
	u, err := edit(change)
	var refused error
	if alone, ok := change.DeactivationAlone(err); ok {
		if refused, err = err, n.checkSwitch(ctx, n.namespace); err == nil { // as before each further attempt
			u, err = edit(alone)
		}
	}
	if err := deactivation.conclude(ctx, u, err); err != nil {
		return nil, err
	}
	n.revokeFormer(&before, u)
	r := withEffect(n.userResource(u, scim.Omit{}), effect)
	if refused != nil {
		return nil, &scim.DeactivatedOnly{Resource: r, Refused: refused}
	}
	return r, nil
}

// deprovisionUser carries out a SCIM DELETE: the object stays, without access, memberships or a hold on its userName.
// Its claim stays too: the next create of the userName takes it over, and learns from it who had the name.
func (n *namespacedStore) deprovisionUser(ctx context.Context, id string, precondition scim.Precondition) (deleted *scim.Resource, err error) {
	deactivation := n.newDeactivation()
	defer deactivation.End()
	u, err := n.users.edit(ctx, n.namespace, id, func(u *v1alpha1.CloudSSOUser) (err error) {
		deactivation.outcome = noDeactivation
		if deleted, err = n.users.visible(n, u, precondition); err != nil {
			return err
		}
		before, now := u.Spec, metav1.NewTime(n.Now())
		u.Spec.DeprovisionedAt = &now
		deactivation.checkBudget(ctx, u, &before, v1alpha1.DeactivationDelete)
		return nil
	})
	if err := deactivation.conclude(ctx, u, err); err != nil {
		return nil, err
	}
	n.revoke(func(r AccessRevoker) { r.RevokeUser(n.namespace, id) })
	return deleted, nil
}
