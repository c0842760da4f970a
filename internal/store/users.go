package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var userKind = kind[*v1alpha1.CloudSSOUser]{
	resource:  schema.User,
	name:      schema.UserName,
	prefix:    "user-",
	blank:     func() *v1alpha1.CloudSSOUser { return &v1alpha1.CloudSSOUser{} },
	copy:      (*v1alpha1.CloudSSOUser).DeepCopy,
	spec:      func(u *v1alpha1.CloudSSOUser) any { return &u.Spec },
	describe:  describeUser,
	attribute: func(u *v1alpha1.CloudSSOUser, a *schema.Attribute) (any, bool) { return readUserAttribute(&u.Spec, a) },
	disown: func(u *v1alpha1.CloudSSOUser, now time.Time) {
		u.Spec.DeprovisionedAt = new(metav1.NewTime(now))
		u.Spec.ExternalID = "" // it is no leaver that anybody means
	},
}

func describeUser(u *v1alpha1.CloudSSOUser) facts {
	f := facts{reservation: reservationOf(u)}
	live, synchronized := policy.IsLive(u), u.Spec.Source == v1alpha1.SourceSCIM
	if live {
		f.name = fold.Name(u.Spec.UserName)
	}
	if synchronized && (live || u.DeletionTimestamp == nil) {
		f.externalID = u.Spec.ExternalID
	}
	f.listed = live && synchronized
	f.accepted, f.inConflict = policy.IsAccepted(u), policy.IsInConflict(u)
	f.left = f.externalID != "" && hasLeft(u)
	return f
}

// createUser creates a user, or makes a leaver or a Manual user the one that is asked for.
func (t *tenant) createUser(ctx context.Context, attributes schema.Object) (*scim.Resource, error) {
	userName, externalID := fold.Name(attributes.String(schema.UserName)), attributes.String(schema.ExternalID)
	rivals := func(r *record[*v1alpha1.CloudSSOUser]) bool {
		return r.name == userName || externalID != "" && r.externalID == externalID
	}
	fenced := false
	for range maxAttempts {
		if err := t.users.decided(ctx, t.namespace, rivals); err != nil {
			return nil, err
		}
		u, err := t.admit(ctx, attributes, fenced)
		switch {
		case err == nil:
			t.users.settle(ctx, u)
			return t.user(u, scim.Omit{}), nil
		case errors.Is(err, errUncertain):
			if err := t.users.pass(ctx); err != nil {
				return nil, err
			}
			fenced = true
		case !errors.Is(err, errStale):
			return nil, err
		}
	}
	return nil, scim.Unavailable(retryAfter, fmt.Errorf("creating a user in %s: overtaken %d times", t.namespace, maxAttempts))
}

// errUncertain says that a fence has to be passed before the answer can be given. It never leaves the
// package.
var errUncertain = errors.New("the index may be behind")

// admit is one round of createUser. It answers errStale when what it went by has changed meanwhile, and
// errUncertain where it would refuse, adopt or restore, unless the name is free, or there is another leaver, by now.
func (t *tenant) admit(ctx context.Context, attributes schema.Object, fenced bool) (*v1alpha1.CloudSSOUser, error) {
	leaver := t.leaver(attributes.String(schema.ExternalID), "")
	userName := fold.Name(attributes.String(schema.UserName))
	all := t.users.index.holders(t.namespace, userName)
	switch {
	case (leaver != nil || len(all) > 0) && !fenced:
		return nil, errUncertain
	case leaver != nil:
		return t.restore(ctx, leaver, attributes)
	case len(all) > 0:
		if isManual(all[0]) {
			return t.adopt(ctx, all[0].object, attributes)
		}
		return nil, t.users.taken(all[0].object)
	}
	u := &v1alpha1.CloudSSOUser{}
	userFields.write(attributes, &u.Spec)
	u.Spec.Source = v1alpha1.SourceSCIM
	u.ObjectMeta = t.newObjectMeta(u.Spec.UserName, userKind.prefix, v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships)
	u, err := t.users.create(ctx, u, t.noLeaver)
	if isConflict(err) && slices.ContainsFunc(t.users.index.holders(t.namespace, userName), isManual) {
		return nil, errStale // the index had not seen the manual user, who may be adopted
	}
	return u, err
}

func isManual(r *record[*v1alpha1.CloudSSOUser]) bool {
	return r.object.Spec.Source == v1alpha1.SourceManual
}

// noLeaver verifies, now that the own write is a fence, that there was nobody to restore instead.
func (t *tenant) noLeaver(created *v1alpha1.CloudSSOUser) error {
	if t.leaver(created.Spec.ExternalID, created.Name) != nil {
		return errStale
	}
	return nil
}

// leaver is the newest user of source SCIM with that externalId who is not active, other than the
// excepted one. An identity provider that creates such a user again means the same person.
func (t *tenant) leaver(externalID, except string) *v1alpha1.CloudSSOUser {
	if externalID == "" {
		return nil
	}
	leavers := slices.DeleteFunc(t.users.index.identified(t.namespace, externalID), func(u *v1alpha1.CloudSSOUser) bool {
		return u.Name == except || !hasLeft(u)
	})
	if len(leavers) == 0 {
		return nil
	}
	return slices.MaxFunc(leavers, age[*v1alpha1.CloudSSOUser])
}

func hasLeft(u *v1alpha1.CloudSSOUser) bool {
	return u.DeletionTimestamp == nil && (u.Spec.DeprovisionedAt != nil || !isActive(u))
}

// isActive is the identity provider's word alone.
func isActive(u *v1alpha1.CloudSSOUser) bool { return u.Spec.Active == nil || *u.Spec.Active }

// restore gives a leaver back to the identity provider: same object, same id, attributes as sent.
func (t *tenant) restore(ctx context.Context, leaver *v1alpha1.CloudSSOUser, attributes schema.Object) (*v1alpha1.CloudSSOUser, error) {
	if leaver.Spec.DeprovisionedAt != nil {
		if err := t.leaveGroups(ctx, leaver.Name); err != nil {
			return nil, err
		}
	}
	return t.users.edit(ctx, t.namespace, leaver.Name, func(u *v1alpha1.CloudSSOUser) error {
		if !hasLeft(u) || u.Spec.ExternalID != attributes.String(schema.ExternalID) {
			return errStale
		}
		userFields.write(attributes, &u.Spec)
		u.Spec.DeprovisionedAt = nil
		return nil
	})
}

// adopt makes a Manual user a synchronized one, if the directory's settings say so.
func (t *tenant) adopt(ctx context.Context, holder *v1alpha1.CloudSSOUser, attributes schema.Object) (*v1alpha1.CloudSSOUser, error) {
	if t.existingUsers() != v1alpha1.ExistingUsersAdopt {
		return nil, scim.Conflict("userName is already that of the manual user %q; to let the identity provider take it over, "+
			"set spec.existingUsers of CloudSSODirectory %s/default to Adopt", holder.Name, t.namespace)
	}
	if owner := gitOpsOwner(holder); owner != "" {
		return nil, scim.Conflict("userName is already that of the manual user %q, which %s applies and would take back; "+
			"remove it there first", holder.Name, owner)
	}
	return t.users.edit(ctx, t.namespace, holder.Name, func(u *v1alpha1.CloudSSOUser) error {
		if u.Spec.Source != v1alpha1.SourceManual || gitOpsOwner(u) != "" || fold.Name(u.Spec.UserName) != fold.Name(attributes.String(schema.UserName)) {
			return errStale
		}
		userFields.write(attributes, &u.Spec)
		u.Spec.Source = v1alpha1.SourceSCIM
		return nil
	})
}

// gitOpsOwner names the tool whose tracking metadata an object carries, or is "". Such a tool would
// undo an adoption at its next synchronization.
func gitOpsOwner(u *v1alpha1.CloudSSOUser) string {
	switch {
	case u.Annotations["argocd.argoproj.io/tracking-id"] != "", u.Labels["argocd.argoproj.io/instance"] != "":
		return "Argo CD"
	case u.Labels["app.kubernetes.io/instance"] != "": // Argo CD before version 3 tracks by it, and Helm sets it
		return "Argo CD or Helm"
	case u.Labels["kustomize.toolkit.fluxcd.io/name"] != "", u.Labels["helm.toolkit.fluxcd.io/name"] != "":
		return "Flux"
	}
	return ""
}

func (t *tenant) updateUser(ctx context.Context, id string, change scim.Change) (*scim.Resource, error) {
	end := func() {}
	defer func() { end() }()
	u, err := t.users.edit(ctx, t.namespace, id, func(u *v1alpha1.CloudSSOUser) error {
		end() // of an earlier attempt
		current, err := t.visibleUser(u, change.Precondition)
		if err != nil || change.Attributes == nil {
			return err
		}
		attributes, err := change.Attributes(current.Attributes)
		if err != nil {
			return err
		}
		active := isActive(u)
		userFields.write(attributes, &u.Spec)
		if active && !isActive(u) {
			end = t.Leavers.Begin()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.user(u, scim.Omit{}), nil
}

// deleteUser deprovisions: the object stays, without access, memberships or a hold on its userName.
func (t *tenant) deleteUser(ctx context.Context, id string, precondition scim.Precondition) error {
	end := func() {}
	defer func() { end() }()
	_, err := t.users.edit(ctx, t.namespace, id, func(u *v1alpha1.CloudSSOUser) error {
		end() // of an earlier attempt
		if _, err := t.visibleUser(u, precondition); err != nil {
			return err
		}
		end = t.Leavers.Begin()
		now := metav1.NewTime(t.Now())
		u.Spec.DeprovisionedAt = &now
		return nil
	})
	return err
}

// visibleUser is the user as SCIM shows it, if it does, and if the precondition holds.
func (t *tenant) visibleUser(u *v1alpha1.CloudSSOUser, precondition scim.Precondition) (*scim.Resource, error) {
	if !describeUser(u).listed {
		return nil, scim.NotFound(schema.User.Name, u.Name)
	}
	current := t.user(u, scim.Omit{Groups: true})
	if precondition != nil {
		return current, precondition(current)
	}
	return current, nil
}

// isNotFound reports whether err is a 404.
func isNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// isConflict reports whether err is a 409.
func isConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	var answer *scim.Error
	return errors.As(err, &answer) && answer.Status == status
}
