package bindings

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// installAccess is what to do about rights that are missing.
const installAccess = "the operator gets its rights on bindings from the component config/access: set the Helm value access.enabled=true and run helm upgrade; or uncomment ../access in config/default/kustomization.yaml and run make deploy"

// MissingRightsError is the error of an operator that runs with --access, and has not the rights of the component config/access.
type MissingRightsError struct{ Verb, Resource string }

// Error implements error.
func (e *MissingRightsError) Error() string {
	return fmt.Sprintf("--access is given, but the operator may not %s %s; %s, or remove --access", e.Verb, e.Resource, installAccess)
}

// requiredRights are what the operator needs in the whole cluster to carry out assignments, beside the verb bind on roles. An
// informer without the right to list waits, and says nothing.
var requiredRights = []struct {
	group     string
	resources []string
	verbs     []string
}{
	{rbacv1.GroupName, []string{"rolebindings", "clusterrolebindings"}, []string{"list", "watch", "create", "patch", "delete"}},
	{rbacv1.GroupName, []string{"roles", "clusterroles"}, []string{"list", "watch"}},
	{"", []string{"namespaces"}, []string{"list", "watch"}},
	{admissionv1.GroupName, []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}, []string{"list", "watch"}},
}

// CheckRights asks the API server whether the operator has the rights of the component config/access. The error is a
// MissingRightsError, or says that the API server does not answer.
func CheckRights(ctx context.Context, c client.Client) error {
	for _, required := range requiredRights {
		for _, resource := range required.resources {
			for _, verb := range required.verbs {
				if err := checkRight(ctx, c, required.group, resource, verb); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkRight(ctx context.Context, c client.Client, group, resource, verb string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: group, Resource: resource, Verb: verb},
	}}
	if err := c.Create(ctx, review); err != nil {
		return fmt.Errorf("asking for the operator's rights: %w", err)
	}
	if !review.Status.Allowed {
		return &MissingRightsError{verb, resource}
	}
	return nil
}
