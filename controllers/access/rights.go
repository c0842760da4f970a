package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// rightsAge is how old an answer may be by which an assignment is projected again. Its many targets, and other assignments
	// of the same role, share one question.
	rightsAge = 10 * time.Second
	// deniedInterval is when to ask again for a role that the operator may not bind: no watch tells that it may.
	deniedInterval = 30 * time.Second
)

// rights remembers which roles the operator may bind. Safe for concurrent use.
type rights struct {
	client client.Writer
	now    func() time.Time

	mu      sync.Mutex
	answers map[right]answer
}

type right struct {
	role      v1alpha1.AccessRoleRef
	namespace string // "" for all
}

type answer struct {
	allowed bool
	at      time.Time
}

func newRights(c client.Writer, now func() time.Time) *rights {
	return &rights{client: c, now: now, answers: map[right]answer{}}
}

// mayBind reports whether the operator may bind a role in a target, or in every one. If afresh is not set, the answer that it
// may counts, whatever its age. The answer that it may not counts for rightsAge.
func (r *rights) mayBind(ctx context.Context, role v1alpha1.AccessRoleRef, target string, afresh bool) (bool, error) {
	everywhere, err := r.ask(ctx, right{role, cluster}, afresh)
	if err != nil || everywhere || target == cluster {
		return everywhere, err
	}
	return r.ask(ctx, right{role, target}, afresh)
}

func (r *rights) ask(ctx context.Context, asked right, afresh bool) (bool, error) {
	r.mu.Lock()
	known, found := r.answers[asked]
	r.mu.Unlock()
	if found && (known.allowed && !afresh || r.now().Sub(known.at).Abs() < rightsAge) {
		return known.allowed, nil
	}
	resource := "clusterroles"
	if asked.role.Kind == v1alpha1.RoleKindRole {
		resource = "roles"
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: asked.namespace, Verb: "bind", Group: rbacv1.GroupName, Resource: resource, Name: asked.role.Name,
		},
	}}
	if err := r.client.Create(ctx, review, client.DisableReadYourWritesConsistency); err != nil {
		return false, fmt.Errorf("asking whether the operator may bind %s %s: %w", asked.role.Kind, asked.role.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[asked] = answer{review.Status.Allowed, r.now()}
	return review.Status.Allowed, nil
}

// forget forgets the answers about a role, because the API server has refused a binding to it.
func (r *rights) forget(role v1alpha1.AccessRoleRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for asked := range r.answers {
		if asked.role == role {
			delete(r.answers, asked)
		}
	}
}
