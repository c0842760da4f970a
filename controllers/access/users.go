package access

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// roster knows which users have a role through the principal of an assignment.
type roster struct {
	*Reconciler
	namespace     string
	names         *access.Usernames
	rule          *v1alpha1.KubernetesUsername
	principal     client.Object   // nil if there is none: then no user has
	lists         []client.Object // of its members, if it is a group
	includeManual bool
}

// skipped are the effective users of the principal that are left out, by metadata.name, with the reason.
type skipped map[string]skip

type skip struct{ reason, why string }

func (r *Reconciler) newRoster(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, principal client.Object, rule *v1alpha1.KubernetesUsername) (*roster, error) {
	s := &roster{Reconciler: r, namespace: a.Namespace, names: r.Bindings.Usernames(a.Namespace), rule: rule, principal: principal}
	s.includeManual = a.Spec.IncludeManual
	if g, isGroup := principal.(*v1alpha1.CloudSSOGroup); isGroup {
		s.includeManual = s.includeManual || g.Spec.Source != v1alpha1.SourceSCIM
		var err error
		if s.lists, err = controllerutil.ListsOfGroup(ctx, r.Client, g); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// everyone returns the Kubernetes user names of all users who have the role, and the users that are left out.
func (s *roster) everyone(ctx context.Context) (wanted map[string]bool, out skipped, err error) {
	wanted, out = map[string]bool{}, skipped{}
	if u, isUser := s.principal.(*v1alpha1.CloudSSOUser); isUser {
		return wanted, out, s.addUser(ctx, u.Name, wanted, out)
	}
	for _, list := range s.lists {
		for _, m := range membership.MembersOf(list) {
			if err := s.addUser(ctx, m.Name, wanted, out); err != nil {
				return nil, nil, err
			}
		}
	}
	return wanted, out, nil
}

// addUser adds a member to those who have the role, or to those who are left out, if it is effective.
func (s *roster) addUser(ctx context.Context, user string, wanted map[string]bool, out skipped) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name, problem := s.names.Of(user)
	if name == "" && problem == nil {
		return nil
	}
	if counts, err := s.counts(ctx, user); err != nil || !counts {
		return err
	}
	if problem != nil {
		out[user] = skip{v1alpha1.ReasonUsernameInvalid, problem.Error()}
		return nil
	}
	owner, contenders := s.names.Owner(name)
	switch {
	case owner == user:
		wanted[name] = true
	case owner != "":
		out[user] = skip{v1alpha1.ReasonUsernameConflict, fmt.Sprintf("its Kubernetes user name %q is that of CloudSSOUser %s, which is synchronized", name, owner)}
	default:
		out[user] = skip{v1alpha1.ReasonUsernameConflict, fmt.Sprintf("its Kubernetes user name %q is also that of %s",
			name, controllerutil.JoinNames(slices.DeleteFunc(contenders, func(other string) bool { return other == user })))}
	}
	return nil
}

// counts reports whether a member counts: one of source Manual of a synchronized group only if the assignment says so.
func (s *roster) counts(ctx context.Context, user string) (bool, error) {
	if _, isGroup := s.principal.(*v1alpha1.CloudSSOGroup); !isGroup || s.includeManual {
		return true, nil
	}
	u, err := s.readUser(ctx, s.namespace, user)
	return u != nil && u.Spec.Source == v1alpha1.SourceSCIM, err
}

// some returns of Kubernetes user names, and of those of users, who has the role. It reports false if more has to be looked
// at: a user is left out, or was.
func (s *roster) some(ctx context.Context, users map[string]int, names map[string]bool, before skipped) (wanted map[string]bool, isAll bool, err error) {
	owners, isAll := s.ownersOf(users, names, before)
	if !isAll {
		return nil, false, nil
	}
	members := s.membersAmong(owners)
	wanted = map[string]bool{}
	for name, owner := range owners {
		switch {
		case members[owner]:
			if wanted[name], err = s.counts(ctx, owner); err != nil {
				return nil, false, err
			}
		case owner != "" && !isAsked(users, owner):
			return nil, false, nil // the name may have been that of a member, who is left out now
		default:
			wanted[name] = false
		}
	}
	return wanted, true, nil
}

// ownersOf returns the users that the Kubernetes user names mean, and the names that users get; "" for none. It reports false
// if one of the users is left out, or was.
func (s *roster) ownersOf(users map[string]int, names map[string]bool, before skipped) (owners map[string]string, isAll bool) {
	owners = map[string]string{}
	for user := range users {
		name, problem := s.names.Of(user)
		owner, _ := s.names.Owner(name)
		if _, was := before[user]; was || problem != nil || name != "" && owner != user {
			return nil, false
		}
		if name != "" {
			owners[name] = user
		}
	}
	for name := range names {
		owner, contenders := s.names.Owner(name)
		if _, was := before[owner]; was || len(contenders) > 0 {
			return nil, false
		}
		owners[name] = owner
	}
	return owners, true
}

// membersAmong returns which of the owners of Kubernetes user names are the principal or a member of it.
func (s *roster) membersAmong(owners map[string]string) map[string]bool {
	isMember := make(map[string]bool, len(owners))
	for _, owner := range owners {
		isMember[owner] = false
	}
	if u, isUser := s.principal.(*v1alpha1.CloudSSOUser); isUser {
		return setOf(u.Name)
	}
	for _, list := range s.lists {
		for _, m := range membership.MembersOf(list) {
			if _, asked := isMember[m.Name]; asked {
				isMember[m.Name] = true
			}
		}
	}
	return isMember
}

// isAsked reports whether a user is among those of a work.
func isAsked(users map[string]int, user string) bool {
	_, found := users[user]
	return found
}

// awaited returns of the users those that granting has to wait for, because the Kubernetes user names do not show them yet as
// the cache does: they are fed from the same events, in no fixed order. A user is waited for until maxLooks.
func (s *roster) awaited(ctx context.Context, users map[string]int) (late []string, err error) {
	for user, looks := range users {
		if looks >= maxLooks {
			continue
		}
		u, err := s.readUser(ctx, s.namespace, user)
		if err != nil {
			return nil, err
		}
		if u == nil || !access.IsEffective(u, false) {
			continue
		}
		want, problem := access.Username(s.rule, u)
		if name, shown := s.names.Of(user); name != want || (shown != nil) != (problem != nil) {
			late = append(late, user)
		}
	}
	return late, nil
}

// readUser returns a user as the cache has it, or nil. It is shared: read only.
func (r *Reconciler) readUser(ctx context.Context, namespace, name string) (*v1alpha1.CloudSSOUser, error) {
	u := &v1alpha1.CloudSSOUser{}
	err := r.readCached(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u, client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading CloudSSOUser %s/%s: %w", namespace, name, err)
	}
	return u, nil
}

// readCached reads an object that is shared from the cache, unless ctx has ended, which the cache does not look at: a pass
// reads one object after the other of a hundred thousand members, or of thousands of targets.
func (r *Reconciler) readCached(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.Get(ctx, key, o, append(options, client.UnsafeDisableDeepCopy)...)
}
