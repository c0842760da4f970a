package bindings

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// installAccess is what to do about rights that are missing.
const installAccess = "the operator gets its rights on bindings from the component config/access: uncomment ../access in config/default/kustomization.yaml and run make deploy"

// MissingRightsError is the error of an operator that runs with --access, and has not the rights of the component config/access.
type MissingRightsError struct{ Verb, Resource string }

// Error implements error.
func (e *MissingRightsError) Error() string {
	return fmt.Sprintf("--access is given, but the operator may not %s %s; %s, or remove --access", e.Verb, e.Resource, installAccess)
}

// CheckRights asks the API server whether the operator may read and change bindings in the whole cluster. The error is a
// MissingRightsError, or says that the API server does not answer.
func CheckRights(ctx context.Context, c client.Client) error {
	for _, resource := range []string{"rolebindings", "clusterrolebindings"} {
		for _, verb := range []string{"list", "watch", "patch", "delete"} {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Group: rbacv1.GroupName, Resource: resource, Verb: verb},
			}}
			if err := c.Create(ctx, review); err != nil {
				return fmt.Errorf("asking for the operator's rights on bindings: %w", err)
			}
			if !review.Status.Allowed {
				return &MissingRightsError{verb, resource}
			}
		}
	}
	return nil
}
