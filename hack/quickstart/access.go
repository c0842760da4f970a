package quickstart

import (
	"context"
	"errors"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

// TargetNamespace is a namespace in which people can be given access, with Options.Access.
const TargetNamespace = "web"

// Subjects returns the Kubernetes user names that have a role through the RoleBindings of a directory, once for each binding. The
// options restrict the bindings.
func Subjects(ctx context.Context, c client.Client, directory string, options ...client.ListOption) (names []string, err error) {
	var all rbacv1.RoleBindingList
	err = c.List(ctx, &all, append(options, client.MatchingLabels{v1alpha1.LabelDirectory: directory})...)
	for i := range all.Items {
		for _, subject := range all.Items[i].Subjects {
			names = append(names, subject.Name)
		}
	}
	return names, err
}

// startIssuer starts the OIDC issuer, and lets the API server accept its tokens.
func (e *Environment) startIssuer(ctx context.Context, o *controlplane.Options) (err error) {
	if e.Issuer, err = oidcissuer.Start(ctx, e.path("oidc"), time.Now()); err != nil {
		return err
	}
	o.AuthenticationConfig, err = e.Issuer.WriteAuthenticationConfiguration()
	return err
}

// installAccess gives the operator its rights on bindings, and people a kubeconfig without an identity.
func (e *Environment) installAccess(ctx context.Context) error {
	if err := errors.Join(e.ControlPlane.Apply(ctx, "access"), e.ControlPlane.AggregateRoles(ctx)); err != nil {
		return err
	}
	e.UserKubeconfig = e.path("user.kubeconfig")
	return e.writeKubeconfig(e.UserKubeconfig, rest.AnonymousClientConfig(e.ControlPlane.Admin()))
}

// kubernetesUsername returns the setting by which a user has the name that the API server makes of the issuer's tokens.
func (e *Environment) kubernetesUsername() *v1alpha1.KubernetesUsername {
	if !e.options.Access {
		return nil
	}
	return &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromUserName, Prefix: oidcissuer.UsernamePrefix, Lowercase: true}
}
