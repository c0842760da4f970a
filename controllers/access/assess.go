package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// pendingInterval is when to look again at a principal whose name belongs to a request that is under way, at what is still behind
// after maxLooks, and at a user who is not effective although the cache says so.
const pendingInterval = 2 * time.Second

// effect is what an assignment does with bindings.
type effect int

const (
	withdraws effect = iota // removes all
	keeps                   // removes those who may not have the role, and adds none
	grants
)

// situation is what an assignment grants now, and why not more.
type situation struct {
	effect    effect
	directory *v1alpha1.CloudSSODirectory // shared: read only; nil if there is none, or if it is being deleted
	position  policy.Switch
	phase     phase
	principal access.Principal
	object    client.Object // the principal; nil if there is none
	mayAppear bool          // there is no principal, because an index is behind, as it seems
	rule      *v1alpha1.KubernetesUsername
	targets   targets
	allowed   []string // of targets.granted, those in which the operator may bind the role
	policies  string   // what is wrong with the admission policies
	// unprepared is why nothing may be granted for the moment.
	unprepared error
}

// phase is where the present time is in the time of an assignment.
type phase int

const (
	current phase = iota
	scheduled
	expired
)

// phaseOf returns the phase of an assignment, and when the next one begins; zero for never.
func phaseOf(a *v1alpha1.CloudSSOAccessAssignment, now time.Time) (phase, time.Time) {
	from, until := a.Spec.NotBefore, a.Spec.ExpiresAt
	switch {
	case until != nil && !now.Before(until.Time):
		return expired, time.Time{}
	case from != nil && now.Before(from.Time):
		return scheduled, from.Time
	case until != nil:
		return current, until.Time
	}
	return current, time.Time{}
}

// assess finds out what an assignment grants now, if the admission policies are as required. unseen is what the index by which
// the principal is found does not show yet.
func (r *Reconciler) assess(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, unseen objects) (s *situation, err error) {
	s = &situation{}
	var next time.Time
	s.phase, next = phaseOf(a, r.Now())
	r.memory.schedule(client.ObjectKeyFromObject(a), next)
	if s.directory, err = r.readDirectory(ctx, a.Namespace); err != nil {
		return nil, err
	}
	if s.directory != nil && policy.IsBeingDeleted(s.directory) {
		s.directory = nil // because it goes after its bindings
	}
	s.position = policy.SwitchOf(s.directory).In(r.Selector.Of(a.Namespace))
	if s.directory == nil || s.phase == expired {
		return s, nil
	}
	s.rule = s.directory.Spec.KubernetesUsername
	if s.principal, s.object, err = r.resolvePrincipal(ctx, a); err != nil {
		s.unprepared = err
		if err := r.assumePinned(ctx, a, s); err != nil {
			return nil, err
		}
	} else if s.principal.Name == "" && unseen.areAwaited() {
		if s.mayAppear, err = r.mayAppear(ctx, a); err != nil {
			return nil, err
		}
	}
	if s.targets, err = r.findTargets(ctx, a); err != nil {
		return nil, err
	}
	s.effect = s.effectOf(a)
	return s, nil
}

// effectOf returns what the situation comes to.
func (s *situation) effectOf(a *v1alpha1.CloudSSOAccessAssignment) effect {
	switch {
	case s.phase != current, s.principal.Name == "" && !s.mayAppear, a.Spec.Mode == v1alpha1.AccessPreview:
		return withdraws
	case s.mayAppear, s.position != policy.SwitchEnabled, s.policies != "":
		return keeps
	}
	return grants
}

// requeueAfter returns when to look again because no watch tells; zero for never.
func (s *situation) requeueAfter() (after time.Duration) {
	if s.principal.Reason == v1alpha1.ReasonPrincipalAmbiguous {
		after = pendingInterval
	}
	if len(s.targets.notAllowed) > 0 || s.position == policy.SwitchSelectionUnknown {
		after = controllerutil.Soonest(after, deniedInterval)
	}
	return after
}

// isPartial reports whether the cache does not have the principal whole yet, which takes a moment after its directory was
// created.
func (s *situation) isPartial() bool { return s.object != nil && cachetransform.IsTrimmed(s.object) }

// isUnsettled reports whether it is not known yet which users have the role, so that those in the targets keep it.
func (s *situation) isUnsettled() bool { return s.mayAppear || s.isPartial() }

// mayAdd reports whether subjects may be added in a target.
func (s *situation) mayAdd(target string) bool {
	return s.effect == grants && slices.Contains(s.allowed, target)
}

// fingerprint returns what the bindings of an assignment depend on, beside its users.
func (s *situation) fingerprint(a *v1alpha1.CloudSSOAccessAssignment) string {
	var source v1alpha1.Source
	if s.object != nil {
		source = policy.SourceOf(s.object)
	}
	return fmt.Sprintf("%s %d %s %s %v %v %v %v", a.UID, s.effect, s.principal.Name, source, a.Spec.RoleRef, a.Spec.IncludeManual, s.targets.granted, s.allowed)
}

// restriction returns the part of the fingerprint whose change may take access away.
func (s *situation) restriction(a *v1alpha1.CloudSSOAccessAssignment) string {
	kept := *s
	kept.effect, kept.allowed = min(s.effect, keeps), nil
	return fmt.Sprintf("%s %t", kept.fingerprint(a), s.isUnsettled())
}

// readDirectory returns the directory of a namespace as the cache has it, or nil. It is shared: read only.
func (r *Reconciler) readDirectory(ctx context.Context, namespace string) (*v1alpha1.CloudSSODirectory, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := r.readCached(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d, client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading CloudSSODirectory %s/%s: %w", namespace, v1alpha1.DirectoryName, err)
	}
	return d, nil
}

// isBehind reports whether an index does not show yet what a reconcile was asked for, so that granting has to wait. users are
// those that are waited for.
func (r *Reconciler) isBehind(ctx context.Context, s *situation, list *roster, w work) (behind bool, users []string, err error) {
	switch {
	case s.phase == expired, s.position == policy.SwitchAbsent:
		return false, nil, nil
	case s.isPartial():
		return s.effect != withdraws || w.partial < maxLooks, nil, nil
	case w.unseen.areAwaited():
		return true, nil, nil
	}
	users, err = list.awaited(ctx, w.users)
	return len(users) > 0, users, err
}

// maxLooks bounds the looks at an index that is behind, together a second: a user whose userName another one holds has no
// Kubernetes user name however often one looks. After that an assignment grants and withdraws by what the index shows, and what
// the index does not show is looked for at each pendingInterval. Each user and group that an index does not show has its own
// looks, so that one of them does not keep the assignment from waiting for another.
const maxLooks = int(time.Second / controllerutil.IndexInterval)
