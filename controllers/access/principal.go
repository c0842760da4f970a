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
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// resolvePrincipal finds the principal of an assignment.
func (r *Reconciler) resolvePrincipal(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (access.Principal, client.Object, error) {
	found, err := r.findPrincipal(ctx, a)
	if err != nil {
		return access.Principal{}, nil, err
	}
	principal := access.Resolve(a.Spec.Principal, a.Status.Principal, found)
	if principal.Name == "" {
		return principal, nil, nil
	}
	o, err := r.readPrincipal(ctx, a.Spec.Principal.Kind, a.Namespace, principal.Name)
	if err != nil || o == nil {
		return access.Principal{}, nil, err
	}
	if g, isGroup := o.(*v1alpha1.CloudSSOGroup); isGroup {
		holds, err := r.holdsName(ctx, g)
		if err != nil {
			return access.Principal{}, nil, err
		}
		if !holds {
			return access.Principal{Reason: v1alpha1.ReasonPrincipalAmbiguous, Message: fmt.Sprintf(
				"CloudSSOGroup %s does not hold its displayName, so that it has no effect: its own condition Effective says why; access is granted once it does", g.Name)}, nil, nil
		}
	}
	return principal, o, nil
}

// assumePinned has the pinned principal stand for the one that cannot be found out, because a claim cannot be read: what takes
// access away does not wait for the claim, and nothing is granted until it is read.
func (r *Reconciler) assumePinned(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation) (err error) {
	s.principal, s.object = access.Principal{}, nil
	pinned := a.Status.Principal
	if s.mayAppear, err = r.mayAppear(ctx, a); err != nil || !s.mayAppear || pinned == nil {
		return err
	}
	s.object, err = r.readPrincipal(ctx, a.Spec.Principal.Kind, a.Namespace, pinned.Name)
	if s.object != nil {
		s.principal.Name, s.mayAppear = pinned.Name, false
	}
	return err
}

// mayAppear reports whether an assignment without a principal may have one once the index shows all. It has none if the object
// that its bindings were given for is gone from the cache, or if it names its principal otherwise since then. A Manual object
// that does not hold its name says so itself, whatever the index shows.
func (r *Reconciler) mayAppear(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (bool, error) {
	switch pinned := a.Status.Principal; {
	case pinned == nil:
		return true, nil
	case pinned.Selector != access.Selector(a.Spec.Principal):
		return false, nil
	default:
		o, err := r.readPrincipal(ctx, a.Spec.Principal.Kind, a.Namespace, pinned.Name)
		return o != nil && policy.SourceOf(o) == v1alpha1.SourceSCIM, err
	}
}

// findPrincipal returns the objects that the principal may be.
func (r *Reconciler) findPrincipal(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (found access.Found, err error) {
	p := a.Spec.Principal
	if pinned := a.Status.Principal; pinned != nil {
		o, err := r.readPrincipal(ctx, p.Kind, a.Namespace, pinned.Name)
		if err != nil {
			return found, err
		}
		found.PinnedIsReplaced = o != nil && isReplaced(p, pinned, o)
		found.PinnedIsLive = o != nil && !found.PinnedIsReplaced
	}
	switch name := claimedName(a); {
	case name.Folded != "":
		found.Candidates, found.Undecided, err = r.findNamed(ctx, name)
	case p.ExternalID != "":
		found.Candidates, err = r.findIdentified(ctx, a)
	default:
		var o client.Object
		if o, err = r.readPrincipal(ctx, p.Kind, a.Namespace, p.Name); o != nil {
			found.Candidates = []string{p.Name}
		}
	}
	return found, err
}

// isReplaced reports whether an object that has the metadata.name of the pinned one is of source Manual, and the pinned one was
// not: an object never becomes Manual, and only spec.principal.name finds one that is.
func isReplaced(p v1alpha1.AccessPrincipal, pinned *v1alpha1.PinnedPrincipal, o client.Object) bool {
	return policy.SourceOf(o) == v1alpha1.SourceManual && (pinned.Source == v1alpha1.SourceSCIM || p.Name == "")
}

// findNamed returns the synchronized object that holds a name. If several objects have it, the claim decides.
func (r *Reconciler) findNamed(ctx context.Context, name nameclaim.Name) (holders []string, undecided bool, err error) {
	contested := false
	for _, candidate := range r.Principals.Named(name) {
		o, err := r.readPrincipal(ctx, v1alpha1.PrincipalKind(name.Kind), name.Namespace, candidate)
		switch {
		case err != nil:
			return nil, false, err
		case o == nil || nameclaim.NameOf(o) != name:
		case policy.SourceOf(o) == v1alpha1.SourceSCIM:
			holders = append(holders, candidate)
		default:
			contested = contested || acceptedName(o) != ""
		}
	}
	if len(holders) == 0 || len(holders) == 1 && !contested {
		return holders, false, nil
	}
	holder, err := r.Claims.Holder(ctx, name)
	switch {
	case err != nil || holder == nil:
		return nil, true, err
	case slices.Contains(holders, holder.GetName()):
		return []string{holder.GetName()}, false, nil
	}
	return nil, false, nil
}

// findIdentified returns the synchronized objects that have the externalId of an assignment.
func (r *Reconciler) findIdentified(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (found []string, err error) {
	p := a.Spec.Principal
	for _, candidate := range r.Principals.Identified(a.Namespace, v1alpha1.ClaimedKind(p.Kind), p.ExternalID) {
		o, err := r.readPrincipal(ctx, p.Kind, a.Namespace, candidate)
		if err != nil {
			return nil, err
		}
		if o != nil && externalID(o) == p.ExternalID {
			found = append(found, candidate)
		}
	}
	return found, nil
}

// holdsName reports whether a live group holds its displayName, and so has effect.
func (r *Reconciler) holdsName(ctx context.Context, g *v1alpha1.CloudSSOGroup) (bool, error) {
	if g.Spec.Source != v1alpha1.SourceSCIM {
		return g.Status.ClaimedName == g.Spec.DisplayName, nil
	}
	if len(r.Names.Namesakes(g)) == 0 {
		return true, nil
	}
	holders, _, err := r.findNamed(ctx, nameclaim.NameOf(g))
	return slices.Contains(holders, g.Name), err
}

// readPrincipal returns the live user or group of that metadata.name as the cache has it, or nil. It is shared: read only.
func (r *Reconciler) readPrincipal(ctx context.Context, kind v1alpha1.PrincipalKind, namespace, name string) (client.Object, error) {
	var o client.Object = &v1alpha1.CloudSSOUser{}
	if kind == v1alpha1.PrincipalGroup {
		o = &v1alpha1.CloudSSOGroup{}
	}
	err := r.readCached(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o, client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s %s/%s: %w", kind, namespace, name, err)
	case !policy.IsLive(o):
		return nil, nil
	}
	return o, nil
}

// pin writes the principal into the status before it is granted anything, if another one is there or none.
func (r *Reconciler) pin(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, principal client.Object) error {
	pinned := v1alpha1.PinnedPrincipal{Name: principal.GetName(), Selector: access.Selector(a.Spec.Principal), Source: policy.SourceOf(principal)}
	if a.Status.Principal != nil && *a.Status.Principal == pinned {
		return nil
	}
	before := a.DeepCopy()
	a.Status.Principal = &pinned
	r.memory.set(a, pinned.Name)
	return controllerutil.PatchStatusOf(ctx, r.Client, before, a)
}

// claimedName returns the userName or displayName that an assignment gives; the zero Name if it gives none.
func claimedName(a *v1alpha1.CloudSSOAccessAssignment) nameclaim.Name {
	switch p := a.Spec.Principal; {
	case p.DisplayName != "":
		return nameclaim.DisplayName(a.Namespace, p.DisplayName)
	case p.UserName != "":
		return nameclaim.UserName(a.Namespace, p.UserName)
	}
	return nameclaim.Name{}
}

// acceptedName returns the name that a Manual object holds, as its controller has found; "" if it holds none.
func acceptedName(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOGroup:
		return o.Status.ClaimedName
	case *v1alpha1.CloudSSOUser:
		return o.Status.ClaimedName
	}
	return ""
}
