package plugin

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Directory reads the directory of a namespace.
func Directory(ctx context.Context, c client.Client, namespace string) (*v1alpha1.CloudSSODirectory, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("namespace %s has no CloudSSODirectory: give the namespace of a directory with -n (kubectl get ssodir -A lists them)", namespace)
	}
	return d, err
}

// CredentialsOf reads the credentials of a namespace.
func CredentialsOf(ctx context.Context, c client.Client, namespace string) ([]v1alpha1.SCIMCredential, error) {
	var all v1alpha1.SCIMCredentialList
	err := c.List(ctx, &all, client.InNamespace(namespace))
	return all.Items, err
}

// gitOpsMarks are the labels and annotations by which GitOps tools and Helm mark what they apply.
var gitOpsMarks = []struct{ key, tool string }{
	{"kustomize.toolkit.fluxcd.io/name", "Flux"},
	{"helm.toolkit.fluxcd.io/name", "Flux"},
	{"argocd.argoproj.io/tracking-id", "Argo CD"},
	{"argocd.argoproj.io/instance", "Argo CD"},
	{"meta.helm.sh/release-name", "Helm"},
}

// TrackedBy returns the tool that applies an object from Git or a chart; "" if it bears no mark of one.
func TrackedBy(o client.Object) string {
	for _, mark := range gitOpsMarks {
		_, label := o.GetLabels()[mark.key]
		_, annotation := o.GetAnnotations()[mark.key]
		if label || annotation {
			return mark.tool
		}
	}
	return ""
}

// WarnIfTracked says so if a tool would turn back a change of an object by hand.
func (p *Plugin) WarnIfTracked(o client.Object) {
	if tool := TrackedBy(o); tool != "" {
		fmt.Fprintf(p.ErrOut, "warning: %s applies this object, and may turn the change back: change it at the source too\n", tool)
	}
}
